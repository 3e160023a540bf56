// How far a forecast can be trusted: the coverage measured so far, skill, what the gate saw and its history, a combination's weights. The demo
// has no record, so the record is answered in the server's place; the forecasts are the demo's.
import { describe } from 'vitest';
import type { Page } from 'playwright-core';
import type { components } from '../src/lib/api/schema.d.ts';
import { eventually, expect, test, type Server } from './harness.ts';

type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];
type Verdict = Schema<'GateVerdict'>;

const measure = (nominal: number, measured: number, alarm = false): Schema<'CoverageMeasure'> => ({
  nominal, measured, n: 5120, sessions: 640, low: measured - 0.03, high: measured + 0.02, e_value: alarm ? 41 : 0.7, alarm, ...(alarm ? { since: '2026-03-02' } : {}),
}); // prettier-ignore
const verdict = (session: string, horizon: number, more: Partial<Verdict> = {}): Verdict => ({
  exchange: 'XNYS', session, model: 'prophet', horizon, passed: false, served: false, n: 120, mean: 0.004, low: -0.006, high: 0.014, level: 0.0125, ...more,
}); // prettier-ignore

/** A forecast of the demo, as it would be with a record behind it. */
async function recorded(server: Server): Promise<Schema<'Forecast'>> {
  const f = await server.get<Schema<'Forecast'>>('/v1/etfs/SIMUS1/forecasts/latest?model=prophet');
  return {
    ...f,
    calibrated: true,
    record_through: '2026-11-20',
    coverage: [1, 5, 21].map((horizon) => ({ horizon, measures: [measure(0.5, 0.519), measure(0.8, 0.803), measure(0.9, horizon === 5 ? 0.811 : 0.904, horizon === 5), measure(0.95, 0.948)] })),
    skill: [1, 5, 21].map((horizon) => ({
      horizon, n: 5120, rel_crps: horizon === 21 ? 0.962 : 1.013, low: horizon === 21 ? 0.94 : 0.99, high: horizon === 21 ? 0.98 : 1.03, served: horizon === 21,
      verdict: verdict('2026-11-20', horizon, horizon === 21 ? { passed: true, served: true, mean: -0.02, low: -0.03, high: -0.004 } : {}),
    })), // prettier-ignore
    weights: { '1': { drift: 0.61, prophet: 0.39 }, '21': { drift: 0.25, prophet: 0.75 } },
    points: f.points.map((p) => ({ ...p, raw: Object.fromEntries(Object.entries(p.quantiles).map(([k, v]) => [k, v + 1000])) })),
  };
}

const answer = async (page: Page, path: string | RegExp, json: unknown): Promise<void> => {
  await page.route(path, (route) => route.fulfill({ json }));
};

describe('how far a forecast can be trusted', () => {
  test('is said on the forecast’s page, with what the model gave before calibration', async ({ open, server, axe, shots }) => {
    const f = await recorded(server);
    const page = await open(`/forecasts/${f.id}`, { before: (p) => answer(p, `**/v1/forecasts/${f.id}`, f) });
    const coverage = page.getByRole('region', { name: 'Measured coverage' });
    const five = coverage.getByRole('row', { name: /^5 / });
    await five.getByText('81.1%').waitFor();
    await five.getByText('(78%–83%), n 5,120').waitFor();
    await page.getByRole('alert').getByText(/the 90% interval 5 sessions ahead, since Mar 2, 2026/).waitFor();
    const skill = page.getByRole('region', { name: 'Skill, and what the gate saw' });
    await skill.getByRole('row', { name: /^21 / }).getByText('served', { exact: true }).waitFor();
    expect(await skill.getByText('not shown to be better').count()).toBe(2);
    await page.getByRole('region', { name: 'Weights of the combination' }).getByRole('row', { name: /^21 / }).getByText('75.0%').waitFor();
    expect(await page.getByText('before calibration', { exact: true }).count()).toBe(0);
    await page.getByLabel('Show the quantiles before calibration').check();
    expect(await page.getByText('before calibration', { exact: true }).count()).toBe(f.points.length);
    await axe(page);
    await shots(page, 'forecast-trust');
  });

  test('stands beside each interval on the ETF’s page', async ({ open, server, axe, shots }) => {
    const f = await recorded(server);
    const page = await open('/etfs/SIMUS1?model=prophet', { before: (p) => answer(p, /\/v1\/etfs\/SIMUS1\/forecasts\/latest/, f) });
    const table = page.locator('section[aria-labelledby=forecast-title]');
    await table.getByText('51.9%').first().waitFor();
    await table.getByText('81.1%').first().waitFor();
    await table.getByText('coverage alarm').first().waitFor();
    await page.getByText('How far to trust it').click();
    await page.getByRole('region', { name: 'Skill, and what the gate saw' }).waitFor();
    // While prices are loaded, the chart and its legend are pale.
    await eventually('the chart', () => page.evaluate(() => [...document.querySelectorAll('.legend')].every((l) => { for (let e: Element | null = l; e; e = e.parentElement) if (getComputedStyle(e).opacity !== '1') return false; return true; }) || undefined)); // prettier-ignore
    await axe(page);
    await shots(page, 'etf-trust');
  });

  test('without a record, nothing is claimed', async ({ open, server }) => {
    const f = { ...(await recorded(server)), calibrated: false, record_through: null, coverage: [], skill: [], weights: {} };
    const page = await open(`/forecasts/${f.id}`, { before: (p) => answer(p, `**/v1/forecasts/${f.id}`, f) });
    await page.getByText(/There is no record of this exchange yet/).waitFor();
    await page.getByText('not calibrated').waitFor();
    expect(await page.getByLabel('Show the quantiles before calibration').count()).toBe(0);
  });
});

describe('the gate', () => {
  // A year of verdicts: the sequence narrows, and the model passes in the last quarter.
  const sessions = Array.from({ length: 250 }, (_, i) => new Date(Date.UTC(2026, 0, 2) + i * 86_400_000).toISOString().slice(0, 10));
  const history = sessions.map((s, i) => {
    const half = 0.4 / Math.sqrt(i + 1);
    const mean = -0.03 + 0.02 * Math.sin(i / 9) * half * 10;
    return verdict(s, 1, { n: i + 1, mean, low: mean - half, high: mean + half, passed: mean + half < 0, served: mean + half < 0 });
  });

  test('has a history on the page of a cell', async ({ open, axe, shots }) => {
    const page = await open('/scoreboard/XNYS/prophet/1', { before: (p) => answer(p, '**/v1/gate?*', { items: [...history].reverse(), next_cursor: null }) });
    await page.getByRole('img', { name: /^The gate’s history from Jan 2, 2026 to Sep 8, 2026/ }).waitFor();
    await page.getByText('250 verdicts').click();
    await page.getByRole('region', { name: 'The gate’s history' }).getByRole('row').nth(30).waitFor();
    await axe(page);
    await shots(page, 'gate-history');
  });

  test('says of each model on the scoreboard what it makes of it', async ({ open, server, axe, shots }) => {
    // Scores of record, as the demo has late ones only.
    const late = await server.get<Schema<'Scoreboard'>>('/v1/scoreboard?late=true');
    const board = { ...late, late: false, record_begins: '2026-01-02' };
    const page = await open('/scoreboard', {
      before: async (p) => {
        await answer(p, '**/v1/scoreboard*', board);
        await answer(p, '**/v1/gate?*', { items: [verdict('2026-11-20', 1, { passed: true, served: true, high: -0.001 }), verdict('2026-11-20', 5, { low: 0.001 }), verdict('2026-11-19', 21)], next_cursor: null });
      },
    });
    const row = (horizon: string, model: RegExp) => page.getByRole('region', { name: `XNYS, ${horizon}` }).getByRole('row', { name: model });
    await row('1 session ahead', /^prophet/).getByText('served', { exact: true }).waitFor();
    await row('1 session ahead', /^drift/).getByText('another is served').waitFor();
    await row('5 sessions ahead', /^prophet/).getByText('shown to be worse').waitFor();
    await row('5 sessions ahead', /^drift/).getByText('served', { exact: true }).waitFor();
    await page.getByText('Served on XNYS: prophet 1 session ahead; drift 5, 21 sessions ahead.').waitFor();
    await axe(page);
    await shots(page, 'scoreboard-gate');
  });

  test('decides which model the ETF’s page opens with, by horizon', async ({ open, server }) => {
    const models = await server.get<Schema<'ModelList'>>('/v1/models');
    const changed = { ...models, items: models.items.map((m) => (m.name === 'prophet' ? { ...m, served: true, served_for: [verdict('2026-11-20', 21, { passed: true, served: true })] } : m)) };
    const prophet = await server.get<Schema<'Forecast'>>('/v1/etfs/SIMUS1/forecasts/latest?model=prophet');
    const page = await open('/etfs/SIMUS1', {
      before: async (p) => {
        await answer(p, '**/v1/models*', changed);
        await answer(p, '**/v1/etfs/SIMUS1/forecasts/latest?horizon=21', prophet);
      },
    });
    await page.getByText('forecast by drift').waitFor();
    await page.getByLabel('Model').selectOption('prophet, served 21 sessions ahead');
    await page.getByText('forecast by prophet').waitFor();
    expect(new URL(page.url()).search).toBe('?horizon=21');
    // Named in the address, a model is shown whatever is served.
    await page.getByLabel('Model').selectOption('ets');
    await page.getByText('forecast by ets').waitFor();
    expect(new URL(page.url()).search).toBe('?model=ets');
    await page.getByLabel('Model').selectOption('drift, served 1 session ahead');
    await page.getByText('forecast by drift').waitFor();
    expect(new URL(page.url()).search).toBe('');
  });

  test('says on the overview which model is served, by horizon', async ({ open, server, axe }) => {
    const models = await server.get<Schema<'ModelList'>>('/v1/models');
    const changed = { ...models, items: models.items.map((m) => (m.name === 'prophet' ? { ...m, served: true, served_for: [verdict('2026-11-20', 21, { passed: true, served: true })] } : m)) };
    const page = await open('/', { before: (p) => answer(p, '**/v1/models*', changed) });
    const card = page.getByRole('article', { name: /New York Stock Exchange/ });
    await card.getByRole('link', { name: 'drift (1, 5)' }).waitFor();
    await card.getByRole('link', { name: 'prophet (21)' }).waitFor();
    await page.getByRole('article', { name: /Korea Exchange/ }).getByRole('link', { name: 'drift (1, 5, 21)' }).waitFor();
    await axe(page);
  });
});
