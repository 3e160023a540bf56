// The inbox: a finding decided by a key, taken back, given another value; a split accepted; several decided at once.
import type { Page } from 'playwright-core';
import { describe } from 'vitest';
import type { components } from '../src/lib/api/schema.d.ts';
import { eventually, expect, test, type Server } from './harness.ts';

type Finding = components['schemas']['Finding'];
type ETF = components['schemas']['ETF'];

// A session that is past whenever the tests run. Simulated prices of it are always the same.
const session = '2025-09-26';

// The tests can be repeated on one server: the symbols are new each time, while their prices follow from the seed in the reference.
const tag = Date.now().toString(36).slice(-5).toUpperCase();
const of = (seed: string): string => seed + tag;

/** Registers simulated ETFs with faults, by their seeds, and runs the session for them. */
async function faulty(server: Server, faults: Record<string, string>): Promise<void> {
  for (const [seed, options] of Object.entries(faults)) {
    await server.post('/v1/etfs', { symbol: of(seed), exchange: 'XNYS', sources: [{ name: 'simulated', ref: `${seed}?inception=2024-01-02&${options}` }] });
  }
  const run = await server.post<{ id: string }>('/v1/runs', { workflow: 'daily', exchange: 'XNYS', session, symbols: Object.keys(faults).map(of) });
  await eventually(`run ${run.id} to end`, async () => {
    const now = await server.get<{ status: string }>(`/v1/runs/${run.id}`);
    return now.status === 'running' ? undefined : now;
  });
}

/** A reader whose name is known from an earlier visit. */
async function named(page: Page): Promise<void> {
  await page.addInitScript(() => localStorage.setItem('etfcast.by', 'kim'));
}

async function only(server: Server, symbol: string, rule?: string): Promise<Finding> {
  const list = await server.get<{ items: Finding[] }>(`/v1/findings?symbol=${symbol}`);
  const found = list.items.filter((f) => f.severity !== 'info' && (!rule || f.rule === rule));
  if (found.length !== 1) throw new Error(`${symbol} has ${found.length} findings: ${found.map((f) => f.rule).join(', ')}`);
  return found[0]!;
}

async function decision(server: Server, f: Finding, to: string | null): Promise<void> {
  await eventually(`the decision on ${f.symbol} to be ${to}`, async () => {
    const now = await server.get<{ finding: Finding }>(`/v1/findings/${f.id}`);
    return now.finding.decision === to || undefined;
  });
}

describe('findings', () => {
  test('one is decided by one key, and the decision is taken back', async ({ open, server, axe }) => {
    await faulty(server, { SIMKEY1: `faults=bad_tick@${session}` });
    const f = await only(server, of('SIMKEY1'));
    const page = await open(`/findings?symbol=${of('SIMKEY1')}`);
    await page.getByRole('heading', { level: 2, name: new RegExp(of('SIMKEY1')) }).waitFor();
    await axe(page);
    // The first decision asks for a name, which is kept.
    await page.keyboard.press('r');
    const name = page.getByLabel('Who decides').first();
    await page.getByText('Type your name and press Enter').waitFor();
    await name.fill('kim');
    await name.press('Enter');
    await page.getByText(`${of('SIMKEY1')}: rejected`).waitFor();
    await decision(server, f, 'reject');
    const made = await server.get<{ finding: Finding }>(`/v1/findings/${f.id}`);
    // the reason that the button shows
    expect([made.finding.decided_by, made.finding.decided_why]).toEqual(['kim', 'judged wrong by the rows shown']);
    await page.getByText(/data version \d+\./).first().waitFor();

    await page.keyboard.press('u');
    await page.getByText(`${of('SIMKEY1')}: undone`).waitFor();
    await decision(server, f, null);
    await page.getByText('undone', { exact: true }).first().waitFor(); // in the finding's history
    expect(await page.evaluate(() => localStorage.getItem('etfcast.by'))).toBe('kim');
  });

  test('from the list to the decision it is one key, and the next one follows', async ({ open, server }) => {
    await faulty(server, { SIMNEXT1: `faults=ohlc@${session}`, SIMNEXT2: `faults=ohlc@${session}` });
    const page = await open('/findings?rule=ohlc_order', { before: named });
    const title = page.getByRole('heading', { level: 2 }).filter({ hasText: /SIM/ });
    await title.waitFor();
    const first = (await title.innerText()).split(' ')[0]!;
    await page.keyboard.press('a');
    await page.getByText(`${first}: accepted`).waitFor();
    await title.filter({ hasNotText: first }).waitFor();
    await decision(server, await only(server, first, 'ohlc_order'), 'accept');
    // The forecasts that the decision has made are linked.
    await page.locator('.toast').getByRole('link', { name: 'drift' }).waitFor();
  });

  test('one that is open stays open, with what was typed, when another comes before it', async ({ open, server }) => {
    await faulty(server, { SIMPIN1: `faults=ohlc@${session}` });
    const page = await open('/findings?rule=ohlc_order', { before: named });
    const title = page.getByRole('heading', { level: 2, name: of('SIMPIN1') }); // the newest
    await title.waitFor();
    await page.getByLabel('Reason').first().fill('asked the exchange');
    await faulty(server, { SIMPIN2: `faults=ohlc@${session}` });
    await page.getByRole('link', { name: new RegExp(of('SIMPIN2')) }).first().waitFor();
    await title.waitFor();
    expect(await page.getByLabel('Reason').first().inputValue()).toBe('asked the exchange');
    // Decided by somebody else, it leaves the list, and stays open all the same.
    const f = await only(server, of('SIMPIN1'), 'ohlc_order');
    await server.post(`/v1/findings/${f.id}/decision`, { decision: 'accept', by: 'lee', why: 'the exchange says so' });
    await page.getByRole('link', { name: new RegExp(of('SIMPIN1')) }).nth(1).waitFor({ state: 'detached' }); // the first is the heading's
    await page.getByText('lee: the exchange says so').waitFor();
    await title.waitFor();
  });

  test('the answer to a decision does not disturb the finding that is open by then', async ({ open, server }) => {
    await faulty(server, { SIMLATE1: `faults=ohlc@${session}`, SIMLATE2: `faults=ohlc@${session}` });
    const page = await open('/findings?rule=ohlc_order', { before: named });
    await page.route('**/decision', async (route) => {
      await new Promise((after) => setTimeout(after, 2000));
      await route.continue();
    });
    const title = page.getByRole('heading', { level: 2 }).filter({ hasText: /SIM/ });
    await title.waitFor();
    const first = (await title.innerText()).split(' ')[0]!;
    await page.keyboard.press('a');
    await page.keyboard.press('j');
    await title.filter({ hasNotText: first }).waitFor();
    const second = (await title.innerText()).split(' ')[0]!;
    await page.getByLabel('Reason').first().fill('asked the exchange');
    await page.getByText(`${first}: accepted`).waitFor();
    await decision(server, await only(server, first, 'ohlc_order'), 'accept');
    expect(await title.innerText()).toContain(second);
    expect(await page.getByLabel('Reason').first().inputValue()).toBe('asked the exchange');
  });

  test('a split that nobody stated is accepted', async ({ open, server, shots }) => {
    await faulty(server, { SIMSPL1: `split=${session}:4:1&faults=unsplit:10000` });
    const f = await only(server, of('SIMSPL1'));
    const page = await open(`/findings/${f.id}`, { before: named });
    await page.getByText('4:1 split on Sep 26, 2025: did it happen?').waitFor();
    await shots(page, 'finding');
    expect((await server.get<ETF>(`/v1/etfs/${of('SIMSPL1')}`)).quarantined).toBe(1);
    await page.getByRole('button', { name: 'Yes, accept it' }).click();
    await page.getByText(`${of('SIMSPL1')}: corporate action accepted`).waitFor();
    await eventually('the row to be released', async () => (await server.get<ETF>(`/v1/etfs/${of('SIMSPL1')}`)).quarantined === 0 || undefined);
    const actions = await server.get<{ items: { kind: string; ratio: string; decided_by: string }[] }>(`/v1/etfs/${of('SIMSPL1')}/actions?status=accepted`);
    expect(actions.items.filter((a) => a.kind === 'split').map((a) => [a.ratio, a.decided_by])).toEqual([['4:1', 'kim']]);

    // Accepted by mistake: the action is cancelled, the row is out again, and the page is back where it was accepted.
    await page.getByRole('link', { name: /^Corporate actions/ }).click();
    await page.waitForURL('**/findings?view=actions');
    await page.keyboard.press('u');
    await page.getByText(`${of('SIMSPL1')}: corporate action cancelled`).waitFor();
    await page.waitForURL(`**/findings/${f.id}`);
    await eventually('the row to be out again', async () => (await server.get<ETF>(`/v1/etfs/${of('SIMSPL1')}`)).quarantined === 1 || undefined);
    const cancelled = await server.get<{ items: { kind: string }[] }>(`/v1/etfs/${of('SIMSPL1')}/actions?status=cancelled`);
    expect(cancelled.items.map((a) => a.kind)).toEqual(['split']);
  });

  test('another value takes the place of a wrong one', async ({ open, server }) => {
    await faulty(server, { SIMVAL1: `faults=bad_tick@${session}` });
    const f = await only(server, of('SIMVAL1'));
    const page = await open(`/findings/${f.id}`, { before: named, allow: [/400/] });
    await page.getByRole('heading', { level: 2, name: new RegExp(of('SIMVAL1')) }).waitFor();
    await page.keyboard.press('e');
    const close = page.getByLabel('Close, Sep 26, 2025');
    await close.waitFor();
    const found = Number(await close.inputValue());
    await close.fill('');
    await page.getByRole('button', { name: 'Use these values' }).click();
    await page.getByText('Give at least a close').waitFor();
    // The server's own words: the high is no longer the highest price.
    await close.fill(String(found * 2));
    await page.getByRole('button', { name: 'Use these values' }).click();
    await page.getByText(/is not the highest price/).waitFor();
    // The tick is ten times too high.
    await close.fill((found / 10).toFixed(2));
    await page.getByLabel('High, Sep 26, 2025').fill('');
    await page.getByLabel('Low, Sep 26, 2025').fill('');
    await page.getByRole('button', { name: 'Use these values' }).click();
    await page.getByText(`${of('SIMVAL1')}: values replaced`).waitFor();
    await decision(server, f, 'replace');
    const bars = await server.get<{ items: { close: number; quarantined: boolean }[] }>(`/v1/etfs/${of('SIMVAL1')}/bars?from=${session}&to=${session}`);
    expect(bars.items.map((b) => [b.close, b.quarantined])).toEqual([[Number((found / 10).toFixed(2)), false]]);
  });

  test('several are decided at once, and taken back at once', async ({ open, server, shots }) => {
    await faulty(server, { SIMBAT1: `faults=unit@${session}`, SIMBAT2: `faults=unit@${session}`, SIMBAT3: `faults=unit@${session}` });
    const all = await Promise.all(['SIMBAT1', 'SIMBAT2', 'SIMBAT3'].map((s) => only(server, of(s))));
    // One is decided by somebody else meanwhile: its failure is shown, and stops none of the others.
    const page = await open('/findings?rule=unit_change', { before: named, allow: [/409/, /ERR_FAILED/] });
    await page.getByText(of('SIMBAT1'), { exact: true }).first().waitFor();
    await page.route('**/v1/findings?**', (route) => route.abort()); // the list stays as it was
    for (const f of all) await page.getByRole('checkbox', { name: new RegExp(f.symbol) }).check();
    await server.post(`/v1/findings/${all[0]!.id}/decision`, { decision: 'accept', by: 'lee', why: 'first' });
    const batch = page.getByRole('region', { name: 'Decide on several' });
    await batch.getByRole('button', { name: 'Reject' }).click();
    await page.unroute('**/v1/findings?**');
    await batch.getByText('rejected: 2 of 3, 1 failed').waitFor();
    await batch.getByText(/lee has already decided/).waitFor();
    await decision(server, all[1]!, 'reject');
    await decision(server, all[2]!, 'reject');
    await shots(page, 'findings');
    await batch.getByRole('button', { name: 'Undo all 2' }).click();
    await batch.getByText('undone: 2 of 2').waitFor();
    await decision(server, all[1]!, null);
    await decision(server, all[2]!, null);
    await decision(server, all[0]!, 'accept');
  });

  test('a statement without a finding is rejected among the corporate actions', async ({ open, server, axe }) => {
    await faulty(server, { SIMFAL1: 'faults=false_split@2025-06-16' });
    const page = await open(`/findings?view=actions&symbol=${of('SIMFAL1')}`, { before: named });
    await page.getByText('4:1 split on Jun 16, 2025: did it happen?').waitFor();
    await axe(page);
    await page.keyboard.press('r');
    await page.getByText(`${of('SIMFAL1')}: corporate action rejected`).waitFor();
    const actions = await server.get<{ items: { id: string }[] }>(`/v1/etfs/${of('SIMFAL1')}/actions?status=rejected`);
    expect(actions.items.length).toBe(1);

    // A later decision overturns it.
    await page.goto(`${server.url}/findings?view=actions&action=${actions.items[0]?.id}`);
    await page.getByRole('button', { name: 'It happened after all' }).click();
    await page.getByText(`${of('SIMFAL1')}: corporate action accepted`).waitFor();
    const accepted = await server.get<{ items: { id: string }[] }>(`/v1/etfs/${of('SIMFAL1')}/actions?status=accepted`);
    expect(accepted.items.map((a) => a.id)).toContain(actions.items[0]?.id);
  });

  test('on a phone the list and the finding are pages of their own', async ({ open, server }) => {
    await faulty(server, { SIMTEL1: `faults=zero@${session}` });
    const page = await open(`/findings?symbol=${of('SIMTEL1')}`, { width: 390, height: 844 });
    await page.getByRole('link', { name: new RegExp(of('SIMTEL1')) }).click();
    await page.getByRole('heading', { level: 2, name: new RegExp(of('SIMTEL1')) }).waitFor();
    await page.getByRole('link', { name: 'All findings' }).click();
    await page.getByRole('link', { name: new RegExp(of('SIMTEL1')) }).waitFor();
  });

  test('a second source’s row stands beside what was found', async ({ open, server, axe }) => {
    await faulty(server, { SIMSECOND: `faults=bad_tick@${session}` });
    const f = await only(server, of('SIMSECOND'));
    const page = await open(`/findings/${f.id}`, {
      before: async (p) => {
        await p.route(`**/v1/findings/${f.id}`, async (route) => {
          const response = await route.fetch();
          const detail = (await response.json()) as components['schemas']['FindingDetail'];
          detail.finding.rule = 'second_source';
          for (const r of detail.rows) {
            const b = r.found ?? r.stored;
            if (b) r.second = { source: 'file', basis: 'split_adjusted', row: { session: r.session, open: 50, high: 60, low: 40, close: r.named ? 51 : 50, volume: null } };
          }
          await route.fulfill({ response, json: detail });
        });
      },
    });
    await page.getByRole('heading', { level: 2, name: /Second source disagrees/ }).waitFor();
    const table = page.getByRole('table', { name: 'The rows around it' }).or(page.locator('table.rows'));
    const rows = table.getByRole('row').filter({ hasText: 'second source' });
    const named = rows.filter({ hasText: 'Sep 26, 2025' });
    await named.waitFor();
    expect((await named.getByRole('cell').allTextContents()).map((c) => c.trim())).toEqual(expect.arrayContaining(['51.00', '+2.0%', 'second source', 'file']));
    await page.getByText('The second source’s rows are evidence only and are never used as prices. Its prices are adjusted for splits.').waitFor();
    await axe(page);
  });
});
