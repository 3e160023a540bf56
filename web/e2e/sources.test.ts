// The sources: breakers, quotas and keys, answered in the server's place where no demo has them.
import type { Page } from 'playwright-core';
import type { components } from '../src/lib/api/schema.d.ts';
import { eventually, expect, setLanguage, test } from './harness.ts';

type Source = components['schemas']['Source'];
type Detail = components['schemas']['SourceDetail'];

const hour = 3_600_000;
const at = (ms: number): string => new Date(Date.now() + ms).toISOString();

function source(name: string, more: Partial<Source> = {}): Source {
  return {
    name, description: `${name}, over the internet`, ref: 'a ticker, such as SPY', basis: 'as_traded', restated: false, exchanges: null, depth: { rows: null, days: null }, window_days: null, day_responses: false,
    rate: 2, quota: null, key: null, cost: 'free with a key', pitfalls: 'may refuse an address for minutes',
    breaker: { state: 'closed', failures: 0, failing: [], reason: null, since: null, retry_at: null, last_success: at(-hour) }, etfs: 0, preferred_by: 0, links: { self: `/v1/sources/${name}` }, ...more,
  }; // prettier-ignore
}

const yahoo = source('yahoo', {
  etfs: 40, preferred_by: 38,
  breaker: { state: 'open', failures: 5, failing: ['SPY', 'QQQ'], reason: 'yahoo: 503 Service Unavailable', since: at(-hour / 2), retry_at: at(hour / 12), last_success: at(-24 * hour) },
}); // prettier-ignore
const eodhd = source('eodhd', {
  etfs: 3, exchanges: ['XNYS', 'XKRX'], depth: { rows: null, days: 364 }, rate: 0.5,
  quota: { day: '2026-11-27', limit: 20, used: 20, behind: 8, reserved: 10, refused: false, renewed_at: at(6 * hour) },
  key: { variable: 'ETFCAST_EODHD_KEY', from: 'https://eodhd.com/register', present: true, expires: '2099-12-06', problem: null },
}); // prettier-ignore
const tiingo = source('tiingo', { exchanges: ['XNYS'], key: { variable: 'ETFCAST_TIINGO_KEY', from: 'https://www.tiingo.com', present: false, expires: null, problem: 'there is no key' } });
const naver = source('naver', { basis: 'total_adjusted', restated: true, exchanges: ['XKRX'], depth: { rows: 100, days: null }, breaker: { ...yahoo.breaker, state: 'half_open', retry_at: at(hour) } });

const list = (items: Source[]) => async (p: Page) => void (await p.route(/\/v1\/sources$/, (route) => route.fulfill({ json: { items, next_cursor: null } })));

test('the table says which source is asked, what is left of its quota, and whether its key is there', async ({ open, shots }) => {
  const page = await open('/sources', { before: list([naver, tiingo, eodhd, yahoo]) });
  const row = (name: string) => page.getByRole('row', { name: new RegExp(`^${name}`) });
  await row('yahoo').getByText('open', { exact: true }).waitFor();
  await row('yahoo').getByText('5 failed fetches in a row').waitFor();
  await row('yahoo').getByText(/^Asked again in \d+ minutes/).waitFor();
  await row('yahoo').getByText('40, first choice of 38').waitFor();
  await row('eodhd').getByText('20 of 20 requests').waitFor();
  await row('eodhd').getByText('used up').waitFor();
  await row('eodhd').getByText('until Dec 6, 2099').waitFor();
  await row('eodhd').getByText('one fetch per 2 sec').waitFor();
  await row('eodhd').getByText('the last 364 days').waitFor();
  await row('tiingo').getByText('missing').waitFor();
  await row('naver').getByText('half-open').waitFor();
  await row('naver').getByText('rewrites its history').waitFor();
  await row('naver').getByText('the newest 100 rows').waitFor();
  // Those that ETFs name come first.
  expect((await page.locator('tbody th a').allTextContents())).toEqual(['eodhd', 'yahoo', 'naver', 'tiingo']);
  await shots(page, 'sources');
});

test('a source tells what happened to it, and how to try it again', async ({ open, shots }) => {
  const detail: Detail = {
    source: { ...yahoo, quota: eodhd.quota, key: tiingo.key },
    etfs: [{ symbol: 'SPY', exchange: 'XNYS', ref: 'SPY', place: 1 }, { symbol: '069500', exchange: 'XKRX', ref: '069500.KS', place: 2 }],
    changes: [{ number: 1, state: 'open', failures: 5, reason: 'yahoo: 503 Service Unavailable', at: at(-hour / 2), retry_at: at(hour / 12) }],
  }; // prettier-ignore
  const page = await open('/sources/yahoo', { before: async (p) => void (await p.route('**/v1/sources/yahoo', (route) => route.fulfill({ json: detail }))) });
  await page.getByText('Of: SPY, QQQ').waitFor();
  await page.getByText('etfcast source retry yahoo').waitFor();
  await page.getByText("etfcast source test yahoo SPY --exchange XNYS --ref 'SPY'").waitFor();
  await page.getByText(/ETFCAST_TIINGO_KEY_FILE/).waitFor();
  await page.getByText('by backfills: 8; left for them: 0; reserved for the daily runs: 10').waitFor();
  await page.getByRole('row', { name: /069500/ }).getByText('2nd choice').waitFor();
  await shots(page, 'source');
  await setLanguage(page, 'ko');
  await page.getByRole('row', { name: /069500/ }).getByText('2순위').waitFor();
});

test('the sources of the demo are real, and one that is unknown is said to be', async ({ open, server }) => {
  const page = await open('/sources');
  const names = (await server.get<{ items: Source[] }>('/v1/sources')).items.map((s) => s.name).sort();
  await page.locator('tbody th a').first().waitFor();
  expect((await page.locator('tbody th a').allTextContents()).sort()).toEqual(names);
  await page.getByRole('link', { name: 'simulated' }).click();
  await page.getByRole('link', { name: 'SIMUS1', exact: true }).waitFor();
  const unknown = await open('/sources/nosuch', { allow: [/404/] });
  await unknown.getByRole('alert').waitFor();
});

test('the overview shows the sources in trouble that ETFs name, and is otherwise quiet about them', async ({ open, axe }) => {
  const page = await open('/', { before: list([tiingo, naver, eodhd, yahoo]) });
  const trouble = page.getByRole('list', { name: 'Sources that need attention' });
  await trouble.getByRole('link', { name: /^yahoo is not asked since .*: yahoo: 503 Service Unavailable/ }).waitFor();
  await trouble.getByRole('link', { name: /^eodhd has no requests left until/ }).waitFor();
  expect(await trouble.getByRole('listitem').count()).toBe(2); // no ETF names the others
  await axe(page);
  const calm = await open('/', { before: list([source('yahoo', { etfs: 1 })]) });
  await calm.getByRole('heading', { name: 'Waiting for you' }).or(calm.locator('.waits h3')).first().waitFor();
  expect(await calm.getByRole('list', { name: 'Sources that need attention' }).count()).toBe(0);
});

test('a breaker that opens is shown at once', async ({ open }) => {
  let asked = 0;
  const page = await open('/sources', {
    before: async (p) => {
      await p.route(/\/v1\/sources$/, (route) => route.fulfill({ json: { items: [asked++ === 0 ? source('yahoo', { etfs: 1 }) : yahoo], next_cursor: null } }));
      // One event on the first connection, and none on those that follow.
      let sent = false;
      await p.route('**/v1/events*', (route) => {
        const event = { id: 7, at: at(0), kind: 'source.changed', subject: 'yahoo', data: { state: 'open', was: 'closed', failures: 5, reason: 'yahoo: 503', retry_at: at(hour) } };
        const body = sent ? ': nothing\n\n' : `id: 7\nevent: source.changed\ndata: ${JSON.stringify(event)}\n\n`;
        sent = true;
        return route.fulfill({ contentType: 'text/event-stream', body });
      });
    },
  });
  await page.getByText('5 failed fetches in a row').waitFor();
  await eventually('a second request', async () => (asked > 1 ? true : undefined));
});
