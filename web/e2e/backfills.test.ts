// The pages of backfills and gaps: a gap found, asked for from the page and followed live; what waits, is paused, failed or refused.
import type { Locator, Page } from 'playwright-core';
import { describe } from 'vitest';
import type { components } from '../src/lib/api/schema.d.ts';
import { expect, test } from './harness.ts';

type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];
type Detail = Schema<'BackfillDetail'>;

const id = '0123456789abcdef0123456789abcdef';
const inAnHour = new Date(Date.now() + 3_600_000).toISOString();

/** A backfill of five ETFs on the London Stock Exchange, one of which failed. */
function backfill(change: Partial<Detail> = {}): Detail {
  const etf = (symbol: string, status: Schema<'BackfillETF'>['status'], done: number, error: string | null = null): Schema<'BackfillETF'> => ({
    symbol, status, source: 'eodhd', sessions: 5217, sessions_done: done, rows_new: done, rows_unchanged: 0, rows_revised: 0, rows_quarantined: symbol === 'ISF' ? 2 : 0,
    requests: Math.ceil(done / 2000), still_missing: symbol === 'ISF' ? 3 : 0, error,
  }); // prettier-ignore
  const items = [etf('CSPX', 'running', 2100), etf('ISF', 'completed', 5217), etf('SWDA', 'failed', 0, 'eodhd: 404 Not Found: the symbol is unknown. Check `etfcast etf show SWDA`'), etf('VUSA', 'running', 900), etf('VWRL', 'completed', 5217)];
  const done = items.reduce((sum, e) => sum + e.sessions_done, 0);
  return {
    id, workflow_id: `backfill/${id}`, run: `backfill:${id}`, exchange: 'XLON', symbols: [], from: '2005-01-04', to: '2025-09-26', source: null, refetch: false, attempt: 1,
    status: 'running', paused: false,
    counts: { etfs: 5, etfs_done: 3, etfs_failed: 1, sessions: 26_085, sessions_done: done, rows_new: done, rows_unchanged: 12, rows_revised: 0, rows_quarantined: 2, requests: 9, still_missing: 0 },
    pace: { percent: (100 * done) / 26_085, sessions_per_s: 41.2, left_s: 307, sessions_to_come: 26_085 - done },
    waits_for: null, waits_until: null, error: null, started_at: new Date(Date.now() - 326_000).toISOString(), finished_at: null,
    links: { self: `/v1/backfills/${id}`, run: `/v1/runs/backfill:${id}`, temporal: null },
    etfs: { items, next_cursor: null },
    ...change,
  }; // prettier-ignore
}

/** Answers for the backfill and the list in the server's place; `now` may change meanwhile. Returns what was posted. */
async function answer(page: Page, now: { is: Detail }, others: Detail[] = []): Promise<string[]> {
  const posted: string[] = [];
  await page.route(/\/v1\/backfills(\?|\/|$)/, async (route) => {
    const request = route.request();
    const path = new URL(request.url()).pathname;
    if (request.method() === 'POST') {
      posted.push(path.split('/').at(-1)!);
      now.is = { ...now.is, paused: path.endsWith('/pause') };
      if (path.endsWith('/cancel')) now.is = { ...now.is, status: 'cancelled', finished_at: new Date().toISOString() };
      const { etfs: _, ...told } = now.is;
      return route.fulfill({ status: 202, json: told });
    }
    if (path.endsWith(id)) return route.fulfill({ json: now.is });
    return route.fulfill({ json: { items: [now.is, ...others].map(({ etfs: _, ...b }) => b), next_cursor: null } });
  });
  return posted;
}

describe('backfills and gaps', () => {
  test('a gap is found, asked for from the page, seen to end, and then known to be asked for in vain', async ({ open, server, axe, shots }) => {
    // The simulated market begins in 2015: what is before is asked for in vain.
    const gaps = await server.get<Schema<'GapList'>>('/v1/gaps?exchange=XNYS&from=2014-12-01');
    const others = new Set((await server.get<Schema<'GapList'>>('/v1/gaps?exchange=XNYS')).items.map((g) => g.symbol)); // with gaps since their first price
    const symbol = gaps.items.findLast((g) => /^SIMUS\d$/.test(g.symbol) && g.asked === null && !others.has(g.symbol))!.symbol;
    const rowOf = (p: Page, more = ''): Locator => p.getByRole('row', { name: new RegExp(`^${symbol}${more}`) });
    const page = await open(`/gaps?symbol=${symbol}`);
    await page.getByText('No gap fits the filter.').waitFor(); // without a first session, nothing before the first price is one
    await page.getByLabel('First session').fill('2014-12-01');
    await page.getByRole('combobox', { name: 'ETF' }).fill(` ${symbol.toLowerCase()}`);
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    const row = rowOf(page);
    await row.getByText('before the first price').waitFor();
    await row.getByText('not yet').waitFor();
    expect(new URL(page.url()).search).toBe(`?symbol=${symbol}&from=2014-12-01`);
    await axe(page);
    await shots(page, 'gaps');
    await row.getByRole('link', { name: `Fill in ${symbol} from Dec 1, 2014 to Dec 31, 2014` }).click();
    await page.getByRole('heading', { level: 1, name: 'Backfills' }).waitFor();
    expect(await page.getByRole('combobox', { name: 'Symbols' }).inputValue()).toBe(symbol);
    expect(await page.getByLabel('First session').inputValue()).toBe('2014-12-01');
    expect(await page.getByLabel('Last session').inputValue()).toBe('2014-12-31');
    await axe(page);
    await shots(page, 'backfill-form');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.waitForURL(/\/backfills\/[0-9a-f]{32}$/);
    // Nothing is clicked from here on.
    await page.getByRole('status').filter({ hasText: 'completed' }).waitFor();
    const b = await server.get<Detail>(`/v1/backfills/${page.url().split('/').at(-1)}`);
    expect([b.status, b.symbols, b.from, b.to]).toEqual(['completed', [symbol], '2014-12-01', '2014-12-31']);
    await page.getByText('100%').waitFor();
    const etf = rowOf(page);
    await etf.getByRole('link', { name: String(b.etfs.items[0]!.still_missing), exact: true }).click();
    const gap = rowOf(page);
    await gap.getByText(/^in vain, /).waitFor();
    await page.getByLabel('Only what a source is left to ask for').check();
    await gap.waitFor({ state: 'detached' });
    await page.getByLabel('Only what a source is left to ask for').uncheck();
    await gap.getByRole('link', { name: `Ask again for ${symbol} from ` }).click();
    expect(await page.getByLabel('Ask again for what sources had no row for').isChecked()).toBe(true);
    // The list has it, and so has that of runs, where it is no run of a session: the page of its run leads back to it.
    await rowOf(page, '.*completed').first().waitFor();
    await page.goto(`${server.url}/runs/${b.run}`);
    expect(await page.getByRole('link', { name: 'Open the backfill' }).getAttribute('href')).toBe(`/backfills/${b.id}`);
    expect(await page.getByRole('button', { name: /again/ }).count()).toBe(0);
  });

  test('the gaps are shown even if the list of ETFs arrives only then', async ({ open }) => {
    let release!: () => void;
    const released = new Promise<void>((go) => (release = go));
    const page = await open('/backfills?start=1', {
      before: async (p) => {
        await p.route('**/v1/etfs?*', async (route) => {
          await released;
          await route.continue();
        });
      },
    });
    await page.getByRole('link', { name: 'Missing sessions' }).click();
    await page.getByRole('heading', { level: 1, name: 'Missing sessions' }).waitFor();
    const loading = page.locator('main [aria-busy=true]');
    await loading.waitFor();
    release();
    await loading.waitFor({ state: 'detached' });
  });

  test('one that waits is seen to, paused, resumed and cancelled', async ({ open, axe, shots }) => {
    const now = { is: backfill({ waits_for: 'the daily quota of eodhd', waits_until: inAnHour }) };
    let posted: string[] = [];
    const page = await open(`/backfills/${id}`, { before: async (p) => void (posted = await answer(p, now)) });
    const state = page.locator('h1 + .badge');
    await state.getByText('waiting').waitFor();
    await page.getByText(/^Waits for the daily quota of eodhd until .*M\.$/).waitFor();
    await page.getByText('13,434 of 26,085 sessions').waitFor();
    await page.getByText('51%').waitFor();
    await page.getByText('1 ETF failed').waitFor();
    // What failed comes first.
    expect(await page.locator('tbody tr').first().innerText()).toContain('SWDA');
    await axe(page);
    await shots(page, 'backfill-waits');
    await page.getByRole('button', { name: 'Pause' }).click();
    await state.getByText('paused').waitFor();
    await page.getByText(/^Paused: it asks for nothing more/).waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await state.getByText('waiting').waitFor();
    await page.getByRole('button', { name: 'Cancel the backfill' }).click();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('button', { name: 'Cancel the backfill' }).click();
    await page.getByRole('button', { name: 'Yes, cancel' }).click();
    await state.getByText('cancelled').waitFor();
    expect(posted).toEqual(['pause', 'resume', 'cancel']);
    await page.getByRole('button', { name: 'Start it again' }).waitFor();
    expect(await page.getByRole('link', { name: 'Missing sessions' }).getAttribute('href')).toBe('/gaps?exchange=XLON&from=2005-01-04&to=2025-09-26');
  });

  test('its progress comes by events', async ({ open }) => {
    const now = { is: backfill() };
    const page = await open(`/backfills/${id}`, {
      before: async (p) => {
        await answer(p, now);
        const counts = { ...now.is.counts, sessions_done: 20_000, requests: 12 };
        const event = { id: 7, at: new Date().toISOString(), kind: 'backfill.progress', subject: id, data: { counts } };
        // The stream tells of it as soon as the page listens; what is loaded stays as it was.
        await p.route('**/v1/events*', (route) => route.fulfill({ contentType: 'text/event-stream', body: `retry: 600000\n\nid: 7\nevent: backfill.progress\ndata: ${JSON.stringify(event)}\n\n` }));
        await p.route(`**/v1/backfills/${id}?*`, (route) => route.fulfill({ json: { ...now.is, counts: first ? now.is.counts : counts } }));
        let first = true;
        p.on('requestfinished', (r) => r.url().includes('/v1/events') && (first = false));
      },
    });
    await page.getByText('20,000 of 26,085 sessions').waitFor();
    await page.getByText('76%').waitFor();
  });

  test('the list says how each is, and is filtered by every exchange', async ({ open, axe, shots }) => {
    const now = { is: backfill() };
    const other = (n: number, change: Partial<Detail>): Detail => backfill({ id: String(n).padStart(32, '0'), ...change });
    const ended = { finished_at: new Date().toISOString() };
    const none = { etfs: 0, etfs_done: 0, etfs_failed: 0, sessions: 0, sessions_done: 0, rows_new: 0, rows_unchanged: 0, rows_revised: 0, rows_quarantined: 0, requests: 0, still_missing: 0 };
    const others = [
      other(1, { exchange: 'XTKS', symbols: ['1306'], waits_for: 'the daily quota of tiingo; eodhd, whose breaker is open', waits_until: inAnHour, counts: { ...now.is.counts, etfs_failed: 0 } }),
      other(2, { exchange: 'XETR', symbols: ['EXS1', 'EXW1', 'SXR8', 'VGWL'], paused: true, source: 'eodhd', counts: { ...now.is.counts, etfs_failed: 0 } }),
      other(3, { exchange: 'XKRX', refetch: true, counts: none }),
      other(4, { exchange: 'XNYS', status: 'completed', ...ended, counts: { ...now.is.counts, etfs_done: 5, sessions_done: 26_085 } }),
      other(5, { exchange: 'XNYS', status: 'failed', ...ended, error: 'the calendar can’t be read' }),
    ];
    const page = await open('/backfills', { before: async (p) => void (await answer(p, now, others)) });
    await page.getByRole('row', { name: /^XLON: all ETFs.*running.*51%.*41 sessions\/s.*about 5 min/ }).waitFor();
    await page.getByRole('row', { name: /^1306.*waiting.*Waits for the daily quota of tiingo; eodhd, whose breaker is open until/ }).waitFor();
    await page.getByRole('row', { name: /^EXS1 and 3 more.*XETR · eodhd.*paused/ }).waitFor();
    await page.getByRole('row', { name: /^XKRX: all ETFs.*whole history.*running.*planning/ }).waitFor();
    await page.getByRole('row', { name: /^XNYS: all ETFs.*completed.*100%.*1 ETF failed/ }).waitFor();
    await page.getByRole('row', { name: /^XNYS: all ETFs.*failed.*the calendar can’t be read/ }).waitFor();
    for (const x of ['XNYS', 'XKRX', 'XLON', 'XETR', 'XTKS']) {
      const asked = page.waitForRequest((r) => r.url().includes(`/v1/backfills?limit=50&exchange=${x}`));
      await page.getByLabel('Exchange').selectOption(x);
      await asked;
      expect(new URL(page.url()).searchParams.get('exchange')).toBe(x);
    }
    await page.getByLabel('Exchange').selectOption('');
    await axe(page);
    await shots(page, 'backfills');
  });

  test('without any, it says how to start one', async ({ open, shots }) => {
    const page = await open('/backfills', { before: async (p) => void (await p.route('**/v1/backfills?*', (route) => route.fulfill({ json: { items: [], next_cursor: null } }))) });
    await page.getByText('No backfill has been started yet.').waitFor();
    await page.getByText('etfcast backfill start --exchange XNYS --from 2015-01-02').waitFor();
    await shots(page, 'backfills-empty');
  });

  test('one that can’t be started says why', async ({ open, axe }) => {
    const page = await open('/backfills?start=1&exchange=XNYS&symbols=NOSUCH&from=2015-01-02', { allow: [/400/] });
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('alert').getByText(/NOSUCH is not registered/).waitFor();
    await axe(page);
    // A refetch is of the whole history: it takes no window.
    await page.getByLabel('Fetch the whole history again').check();
    expect(await page.getByLabel('First session').isDisabled()).toBe(true);
  });

  test('an ETF’s page leads to its gaps', async ({ open }) => {
    const page = await open('/etfs/SIMUS1');
    await page.getByRole('link', { name: 'Missing sessions' }).click();
    await page.waitForURL(/\/gaps\?symbol=SIMUS1$/);
    await page.getByRole('heading', { level: 1, name: 'Missing sessions' }).waitFor();
  });
});
