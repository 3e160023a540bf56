// The pages of backtests: started from the page, followed live, read, cancelled, refused.
import { describe } from 'vitest';
import type { components } from '../src/lib/api/schema.d.ts';
import { expect, test } from './harness.ts';

type Backtest = components['schemas']['BacktestDetail'];

const idOf = (url: string): string => new URL(url).pathname.split('/').at(-1)!;

describe('backtests', () => {
  test('one is started from the page, seen to end without loading it again, and its report read', async ({ open, server, axe, shots }) => {
    const page = await open('/backtests');
    await page.getByRole('button', { name: 'Start a backtest' }).click();
    await page.getByRole('combobox', { name: 'Symbols' }).fill('SIMUS1, SIMUS2');
    await page.getByLabel('Horizons, in sessions').fill('1, 5');
    await page.getByLabel('prophet', { exact: true }).uncheck();
    await page.getByText('More options').click();
    await page.getByLabel('An origin every … sessions').fill('5');
    await page.getByLabel('Calibrate the intervals').check();
    await axe(page);
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.waitForURL(/\/backtests\/[0-9a-f]{32}$/);
    // Nothing is clicked from here on.
    await page.getByRole('status').filter({ hasText: 'completed' }).waitFor();
    const b = await server.get<Backtest>(`/v1/backtests/${idOf(page.url())}`);
    expect([b.status, b.symbols, b.options.horizons, b.options.origins_every, b.options.calibrate]).toEqual(['completed', ['SIMUS1', 'SIMUS2'], [1, 5], 5, true]);
    await page.getByText('2 of 2 ETFs').waitFor();
    // The figures are the API's.
    const table = page.getByRole('region', { name: 'All ETFs of XNYS, 5 sessions ahead' });
    const drift = b.result?.pooled.find((r) => r.model === 'drift' && r.horizon === 5);
    await table.getByRole('row', { name: /^drift/ }).getByText(drift!.mase!.toFixed(3), { exact: true }).waitFor();
    await page.getByRole('combobox', { name: 'Results of' }).selectOption({ label: 'SIMUS2' });
    await page.getByRole('region', { name: 'SIMUS2, 1 session ahead' }).waitFor();
    expect(new URL(page.url()).searchParams.get('of')).toBe('SIMUS2');
    await shots(page, 'backtest');

    // The report in the page's language, on its own.
    const [report] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Open the report' }).click()]);
    await report.getByRole('heading', { level: 1, name: /^Backtest: SIMUS1, SIMUS2/ }).waitFor();
    expect(await report.locator('svg.chart').count()).toBeGreaterThan(2);
    await axe(report);
  });

  test('a report is read on a phone and in the dark, in Korean', async ({ open, server, axe }) => {
    const list = await server.get<{ items: Backtest[] }>('/v1/backtests?status=completed');
    const page = await open(`/v1/backtests/${list.items[0]!.id}/report?lang=ko`, { width: 390, theme: 'dark' });
    await page.getByRole('heading', { level: 1, name: /^백테스트/ }).waitFor();
    for (const summary of await page.locator('details:not([open]) > summary').all()) if (await summary.isVisible()) await summary.click();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
    await axe(page);
  });

  test('one that can’t be started says why', async ({ open }) => {
    const page = await open('/backtests?start=1', { allow: [/400/] });
    await page.getByRole('combobox', { name: 'Symbols' }).fill('NOSUCH');
    await page.getByLabel('Horizons, in sessions').fill('1, soon');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    const alert = page.getByRole('alert');
    await alert.getByText(/NOSUCH is not registered/).or(alert.getByText(/horizons/)).first().waitFor();
  });

  test('one that takes long is cancelled in place, and can be started again', async ({ open, server }) => {
    // Every session of the past with Prophet fitted anew at each: minutes.
    const started = await server.post<Backtest>('/v1/backtests', { exchange: 'XNYS', symbols: ['SIMUS1', 'SIMUS2'], models: ['prophet'], refit_every: 1 });
    const page = await open(`/backtests/${started.id}`);
    await page.getByRole('button', { name: 'Cancel the backtest' }).click();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('button', { name: 'Cancel the backtest' }).click();
    await page.getByRole('button', { name: 'Yes, cancel' }).click();
    await page.getByRole('status').filter({ hasText: 'cancelled' }).waitFor();
    await page.getByText('There is no result').waitFor();
    await page.getByRole('button', { name: 'Start it again' }).waitFor();
  });

  test('the list is filtered, and its address keeps the filter', async ({ open, shots }) => {
    const page = await open('/backtests');
    await page.getByRole('row', { name: /completed/ }).first().waitFor();
    await page.getByLabel('Status').selectOption('cancelled');
    await page.getByRole('row', { name: /completed/ }).first().waitFor({ state: 'detached' });
    expect(new URL(page.url()).searchParams.get('status')).toBe('cancelled');
    await page.getByLabel('Status').selectOption('');
    await page.getByRole('row', { name: /completed/ }).first().waitFor();
    await shots(page, 'backtests');
  });

  test('what Temporal and the gate say is shown: a leak, an ETF that can’t be measured, a model that is served', async ({ open, server, axe, shots }) => {
    const list = await server.get<{ items: Backtest[] }>('/v1/backtests?status=completed');
    const real = await server.get<Backtest>(`/v1/backtests/${list.items[0]!.id}`);
    const changed = (leak: boolean): Backtest => {
      const b = structuredClone(real) as Backtest & { result: NonNullable<Backtest['result']> };
      b.counts = { etfs: 3, measured: 2, failed: 1, origins: b.counts.origins };
      b.etfs.items.push({ symbol: 'SIMUS3', exchange: 'XNYS', data_version: 0, done: true, origins: 0, error: 'nothing was stored at the instant' });
      // Beside the benchmark, a model that the gate serves at 5 sessions.
      const gate = (h: number) => ({ exchange: 'XNYS', session: '2026-11-20', model: 'theta', horizon: h, passed: h === 5, served: h === 5, n: 80, mean: -0.01, low: -0.02, high: h === 5 ? -0.001 : 0.01, level: 0.0125 });
      const only = (list: typeof b.result.pooled) =>
        list.filter((r) => r.model === 'drift').flatMap((r) => [{ ...r, served: r.horizon !== 5 }, { ...r, model: 'theta', served: r.horizon === 5, gate: gate(r.horizon) as unknown as NonNullable<typeof r.gate> }]);
      b.result = { ...b.result, pooled: only(b.result.pooled), results: only(b.result.results) };
      b.leak_suspected = leak;
      b.result.suspects = leak ? [{ etf: 'SIMUS1', exchange: 'XNYS', model: 'combination', rel_mae: 0.412, n: 1234 }] : [];
      return b;
    };
    const show = (leak: boolean) =>
      open(`/backtests/${real.id}`, { before: async (p) => void (await p.route(`**/v1/backtests/${real.id}?*`, (route) => route.fulfill({ json: changed(leak) }))) });
    const page = await show(false);
    await page.getByText(/1 session ahead, All ETFs of XNYS: no model is better than drift/).waitFor();
    await page.getByText(/5 sessions ahead, All ETFs of XNYS: \w+ is better than drift, and is served/).waitFor();
    await page.getByText('1 ETF could not be measured').waitFor();
    await page.getByText('nothing was stored at the instant').waitFor();
    await axe(page);
    const leak = await show(true);
    await leak.getByRole('alert').getByText('A leak is suspected').waitFor();
    await leak.getByRole('alert').getByText(/combination on SIMUS1: relative MAE 0.412 one session ahead over 1,234 forecasts/).waitFor();
    expect(await leak.getByText(/is better than drift, and is served/).count()).toBe(0);
    await shots(leak, 'backtest-leak');
  });
});
