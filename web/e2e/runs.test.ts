// Runs: one is started and seen to end by its events alone, one is cancelled, what failed is run again.
import { describe } from 'vitest';
import type { components } from '../src/lib/api/schema.d.ts';
import { eventually, expect, test } from './harness.ts';

type Run = components['schemas']['RunDetail'];

const session = '2025-09-26';
const idOf = (url: string): string => decodeURIComponent(new URL(url).pathname.split('/').at(-1)!);

describe('runs', () => {
  test('one is started from the page and seen to end without loading it again', async ({ open, server, axe, shots }) => {
    const page = await open('/runs');
    await page.getByRole('button', { name: 'Start a run' }).click();
    await page.getByLabel('Symbols').fill('SIMUS1, SIMUS2');
    await page.getByLabel('Start a new one even if there is one').check();
    await axe(page);
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.waitForURL(/\/runs\/daily/);
    await page.locator('h1').waitFor();
    // Nothing is clicked from here on.
    await page.getByRole('status').filter({ hasText: 'completed' }).waitFor();
    const run = await server.get<Run>(`/v1/runs/${idOf(page.url())}`);
    expect([run.status, run.symbols]).toEqual(['completed', ['SIMUS1', 'SIMUS2']]);
    await page.getByText('2 of 2').waitFor();
    await page.getByRole('img', { name: 'all steps done' }).nth(1).waitFor();
    const temporal = page.getByRole('link', { name: 'Open in Temporal' });
    if (run.links.temporal) expect(await temporal.getAttribute('href')).toBe(run.links.temporal);
    await shots(page, 'run');
  });

  test('what failed says what to do, and is run again by itself', async ({ open, server }) => {
    await server.post('/v1/etfs', { symbol: 'SIMRUN1', exchange: 'XNYS', sources: [{ name: 'simulated', ref: 'SIMRUN1?inception=2024-01-02' }] });
    await server.post('/v1/etfs', { symbol: 'SIMRUN2', exchange: 'XNYS', sources: [{ name: 'file', ref: 'no-such-file.csv' }] });
    const started = await server.post<{ id: string }>('/v1/runs', { workflow: 'daily', exchange: 'XNYS', session, symbols: ['SIMRUN1', 'SIMRUN2'] });
    const page = await open(`/runs/${started.id}`);
    await page.getByRole('status').filter({ hasText: 'completed' }).waitFor();
    const row = page.getByRole('row', { name: /SIMRUN2/ });
    await row.getByText('SourceNotFound').waitFor();
    const run = await server.get<Run>(`/v1/runs/${started.id}`);
    const failed = run.etfs.items.find((e) => e.symbol === 'SIMRUN2');
    await row.getByText(failed?.remedy ?? 'no remedy').waitFor();
    await page.getByRole('button', { name: 'failed 1' }).click();
    await page.getByRole('row', { name: /SIMRUN1/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Run the failed one again' }).click();
    await page.waitForURL((url) => idOf(url.href) !== started.id);
    await eventually('the run of what failed', async () => {
      const again = await server.get<Run>(`/v1/runs/${idOf(page.url())}`);
      return again.symbols.join() === 'SIMRUN2' || undefined;
    });
    await page.getByRole('status').filter({ hasText: 'completed' }).waitFor();
  });

  test('one that takes long is cancelled in place', async ({ open, server }) => {
    await server.post('/v1/etfs', { symbol: 'SIMSLO1', exchange: 'XNYS', sources: [{ name: 'simulated', ref: 'SIMSLO1?inception=2024-01-02&faults=slow:50s' }] });
    const started = await server.post<{ id: string }>('/v1/runs', { workflow: 'daily', exchange: 'XNYS', session, symbols: ['SIMSLO1'] });
    const page = await open(`/runs/${started.id}`);
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.getByRole('button', { name: 'Yes, cancel' }).click();
    await page.getByRole('status').filter({ hasText: 'cancelled' }).waitFor({ timeout: 60_000 });
    expect((await server.get<Run>(`/v1/runs/${started.id}`)).status).toBe('cancelled');
  });

  test('the list is filtered, and its address keeps the filter', async ({ open, shots }) => {
    const page = await open('/runs');
    await page.getByRole('row').nth(1).waitFor();
    await page.getByLabel('Exchange').selectOption('XKRX');
    await page.getByRole('cell', { name: 'XNYS', exact: true }).first().waitFor({ state: 'detached' });
    expect(new URL(page.url()).searchParams.get('exchange')).toBe('XKRX');
    await shots(page, 'runs');
  });

  test('a run that can’t be started says why', async ({ open }) => {
    const page = await open('/runs?start=1', { allow: [/400/] });
    await page.getByLabel('Symbols').fill('NOSUCH');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByText(/NOSUCH is not registered/).waitFor();
  });
});
