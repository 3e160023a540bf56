// The page of an ETF, on an ETF whose history has been decided on and on simulated ones.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { inject } from 'vitest';
import type { components } from '../src/lib/api/schema.d.ts';
import { csv, eventually, expect, test, type Server } from './harness.ts';

type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

/** The page once its chart is drawn. */
async function drawn(page: Page): Promise<Page> {
  await page.locator('.chart[data-ready][data-to]').waitFor();
  return page;
}

const money = (n: number) => n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** How a session reads in English. */
const day = (session: string) => new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${session}T00:00:00Z`));

// Symbols of this run of the tests: with ETFCAST_URL, the server may know those of earlier ones.
/**
 * An ETF with a life: a row that can't be right is quarantined (data version 1), a person gives its close (version 2), and a split that nobody has
 * stated is accepted (version 3).
 */
const life = { symbol: `LIFE${process.pid}`, wrong: '', close: 101.5, ex: '', before: 0 };
const other = `LIVE${process.pid}`;
let lived: Promise<void> | undefined;

function live(server: Server): Promise<void> {
  lived ??= (async () => {
    const sessions = await server.sessions(260);
    const [row, split] = [200, 257];
    await server.upload(life.symbol, csv(sessions, { disordered: [row], split: { row: split, ratio: 4 } }), 'XNYS', '?basis=as_traded');
    life.wrong = sessions[row]!;
    life.ex = sessions[split]!;
    const found = await server.get<Schema<'FindingList'>>(`/v1/findings?symbol=${life.symbol}`);
    const wrong = found.items.find((f) => f.rule === 'ohlc_order')!;
    life.before = (await server.get<Schema<'BarList'>>(`/v1/etfs/${life.symbol}/bars?from=${life.wrong}&to=${life.wrong}`)).items[0]!.close;
    await server.post(`/v1/findings/${wrong.id}/decision`, { decision: 'replace', by: 'Kim', why: 'the exchange printed it so', values: [{ session: life.wrong, close: life.close }] });
    await version(server, 2);
    const proposed = (await server.get<Schema<'ActionList'>>(`/v1/etfs/${life.symbol}/actions?status=proposed`)).items.find((a) => a.kind === 'split')!;
    expect([proposed.ratio, proposed.ex]).toEqual(['4:1', life.ex]);
    await server.post(`/v1/actions/${proposed.id}/decision`, { decision: 'accept', by: 'Kim', why: 'notice of the fund' });
    await version(server, 3);
    await eventually('the forecasts to be made again', async () => {
      const list = await server.get<Schema<'ForecastHeadList'>>(`/v1/etfs/${life.symbol}/forecasts?limit=1`);
      return list.items[0]?.data_version === 3 ? true : undefined;
    });
  })();
  return lived;
}

const version = (server: Server, number: number) =>
  eventually(`data version ${number}`, async () => ((await server.get<Schema<'ETF'>>(`/v1/etfs/${life.symbol}`)).data_version.number >= number ? true : undefined));

test('the slider goes back through the data versions, by keyboard, and says what has changed since', async ({ open, server }) => {
  await live(server);
  const page = await drawn(await open(`/etfs/${life.symbol}`));
  const slider = page.getByRole('slider', { name: 'As believed at' });
  await slider.focus();
  await page.keyboard.press('Home');
  await page.getByText(/As believed on .* \(data version 1\)/).waitFor();
  expect(new URL(page.url()).searchParams.get('as_of')).toBe('1');
  expect(await slider.getAttribute('aria-valuetext')).toMatch(/^Version 1, since .*: a fetch; 260 new bars, 4 bars kept out/);

  // Since version 1: the wrong row has a person's close, and the three rows after the split are used.
  const changed = page.locator('section', { has: page.getByRole('heading', { name: 'Changed since data version 1' }) });
  const row = changed.getByRole('row', { name: day(life.wrong) });
  await row.waitFor();
  expect((await row.getByRole('cell').allTextContents()).map((c) => c.trim())).toEqual([
    day(life.wrong),
    money(life.before),
    money(life.close),
    `${life.close < life.before ? '-' : '+'}${Math.abs(100 * (life.close / life.before - 1)).toFixed(2)}%`,
    'quarantined → used',
  ]);
  expect(await changed.getByRole('row').count()).toBe(1 + 4);
  // What was believed then: the last close before the split, which was not known.
  await page.locator('.now .close', { hasText: /^\d+\.\d\d USD$/ }).waitFor();
  const then = await server.get<Schema<'BarList'>>(`/v1/etfs/${life.symbol}/bars?as_of=1&limit=10000`);
  const last = then.items.filter((b) => !b.quarantined && !b.held).at(-1)!;
  await page.locator('.now .close', { hasText: money(last.close) }).waitFor();
  // The newest price was kept out, so that there was no forecast yet.
  expect((await server.get<Schema<'ForecastHeadList'>>(`/v1/etfs/${life.symbol}/forecasts?model=drift`)).items.filter((f) => f.data_version <= 1)).toEqual([]);
  await page.getByText('At that time there was no forecast by drift.').waitFor();

  await page.keyboard.press('ArrowRight');
  await page.getByText(/\(data version 2\)/).first().waitFor();
  await page.getByRole('button', { name: 'Back to now' }).click();
  await page.getByText(/As believed on/).waitFor({ state: 'detached' });
  expect(new URL(page.url()).searchParams.has('as_of')).toBe(false);
});

test('a bar shows everything that was believed about it', async ({ open, server, axe }) => {
  await live(server);
  const page = await drawn(await open(`/etfs/${life.symbol}?as_of=1`));
  await page.getByRole('button', { name: day(life.wrong), exact: true }).click();
  const panel = page.getByRole('complementary');
  await panel.getByRole('heading', { name: `Everything believed about ${day(life.wrong)}` }).waitFor();
  const beliefs = panel.getByRole('listitem');
  await eventually('both beliefs', async () => ((await beliefs.count()) === 2 ? true : undefined));
  expect(await beliefs.nth(0).textContent()).toMatch(/Data version 2.*current/s);
  expect(await beliefs.nth(0).textContent()).toContain(money(life.close));
  expect(await beliefs.nth(0).textContent()).toContain('a decision');
  expect(await beliefs.nth(1).textContent()).toMatch(/Data version 1.*quarantined/s);
  await axe(page);
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  expect(new URL(page.url()).searchParams.has('bar')).toBe(false);

  // The same by keyboard alone: the last bar of the chart.
  await page.getByRole('button', { name: 'Back to now' }).click();
  await page.getByText(/As believed on/).waitFor({ state: 'detached' });
  const chart = page.getByRole('application');
  await chart.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  const first = (await chart.getAttribute('data-from'))!;
  const second = (await server.get<Schema<'BarList'>>(`/v1/etfs/${life.symbol}/bars?from=${first}&limit=2`)).items[1]!;
  expect(await page.locator('.legend').textContent()).toContain(`${day(second.session)}`);
  expect(await page.locator('.legend').textContent()).toContain(`Close ${money(second.close)}`);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: `Everything believed about ${day(second.session)}` }).waitFor();
});

test('a click on a bar opens its history, a click on the mark of a finding leads to it', async ({ open, server }) => {
  await live(server);
  const page = await drawn(await open(`/etfs/${life.symbol}`));
  const box = (await page.locator('.chart').boundingBox())!;
  await page.mouse.click(box.x + box.width * 0.3, box.y + box.height * 0.3);
  await page.getByRole('heading', { name: /^Everything believed about/ }).waitFor();
  await page.keyboard.press('Escape');

  // The mark is somewhere above its bar: the pointer looks for it. Of the last year's sessions and 21 targets, the bar is about at 70 %.
  const found = (await server.get<Schema<'FindingList'>>(`/v1/findings?symbol=${life.symbol}`)).items.map((f) => `/findings/${f.id}`);
  const over = async (): Promise<string | null> => page.locator('.chart').getAttribute('data-over');
  let hit: { x: number; y: number } | undefined;
  for (let x = box.x + box.width * 0.58; !hit && x < box.x + box.width * 0.76; x += 5) {
    for (let y = box.y + 10; !hit && y < box.y + box.height * 0.6; y += 5) {
      await page.mouse.move(x, y);
      if ((await over())?.startsWith('finding:')) hit = { x, y };
    }
  }
  expect(hit, 'no mark of a finding was found on the chart').toBeDefined();
  await page.mouse.click(hit!.x, hit!.y);
  await page.waitForURL(/\/findings\//);
  expect(found).toContain(new URL(page.url()).pathname);
});

test('another model is drawn and listed', async ({ open, server }) => {
  const page = await drawn(await open('/etfs/SIMUS2'));
  await page.getByText('forecast by drift').waitFor();
  await page.getByLabel('Model').selectOption('prophet');
  await page.getByText('forecast by prophet').waitFor();
  const forecast = await server.get<Schema<'Forecast'>>('/v1/etfs/SIMUS2/forecasts/latest?model=prophet');
  const card = page.locator('section', { has: page.getByRole('heading', { name: 'Forecast', exact: true }) });
  const wanted = forecast.points.filter((p) => [1, 5, 21].includes(p.horizon)).map((p) => [day(p.target), String(p.horizon), money(p.quantiles['0.5']!)]);
  await card.getByText(`prophet, from the close of ${day(forecast.origin)}`).waitFor();
  const rows = await card.locator('table').first().locator('tbody tr').all();
  expect(await Promise.all(rows.map(async (r) => (await r.getByRole('cell').allTextContents()).slice(0, 3)))).toEqual(wanted);
  // The cursor goes on to the last target, where the legend has the forecast's numbers.
  await page.getByRole('application').focus();
  await page.keyboard.press('End');
  const end = forecast.points.at(-1)!;
  expect(await page.locator('.legend').textContent()).toContain(`90 % interval ${money(end.quantiles['0.05']!)}–${money(end.quantiles['0.95']!)}`);
});

test('adjusted prices, the whole history and older bars', async ({ open, server }) => {
  // SIMUS1 has split and paid dividends: its first close differs in all three.
  const page = await drawn(await open('/etfs/SIMUS1'));
  const chart = page.getByRole('application');
  const first = (await server.get<Schema<'BarList'>>('/v1/etfs/SIMUS1/bars?limit=1')).items[0]!;
  expect((await chart.getAttribute('data-from'))! > first.session).toBe(true);
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.locator(`.chart[data-from="${first.session}"]`).waitFor();
  const closes: number[] = [];
  for (const [name, adjust] of [['As stored', 'none'], ['Splits', 'split'], ['Total return', 'total']] as const) {
    await page.getByRole('button', { name, exact: true }).click();
    const bar = (await server.get<Schema<'BarList'>>(`/v1/etfs/SIMUS1/bars?limit=1&adjust=${adjust}`)).items[0]!;
    closes.push(bar.close);
    await chart.focus();
    await page.keyboard.press('Home');
    await page.locator('.legend', { hasText: `Close ${money(bar.close)}` }).waitFor();
    expect(await page.locator('.legend').textContent()).toContain(day(first.session));
    expect(await page.getByRole('button', { name, exact: true }).getAttribute('aria-pressed')).toBe('true');
  }
  expect(new Set(closes).size).toBe(3);
});

test('a past forecast is compared with what came', async ({ open, server }) => {
  const page = await drawn(await open('/etfs/SIMUS1'));
  const heads = (await server.get<Schema<'ForecastHeadList'>>('/v1/etfs/SIMUS1/forecasts?model=drift&limit=200')).items;
  const oldest = heads.at(-1)!;
  await page.locator('select.past').selectOption(oldest.id);
  const forecast = await server.get<Schema<'Forecast'>>(`/v1/forecasts/${oldest.id}`);
  const bars = (await server.get<Schema<'BarList'>>(`/v1/etfs/SIMUS1/bars?from=${oldest.origin}&limit=100`)).items;
  const came = forecast.points.flatMap((p) => {
    const bar = bars.find((b) => b.session === p.target);
    return bar ? [{ close: bar.close, q: p.quantiles }] : [];
  });
  const inside = (low: string, high: string) => came.filter(({ close, q }) => q[low]! <= close && close <= q[high]!).length;
  const card = page.locator('section', { has: page.getByRole('heading', { name: 'A past forecast against what came' }) });
  const text = `Of ${came.length} closes, ${inside('0.25', '0.75')} are inside the 50 % interval, ${inside('0.1', '0.9')} inside 80 %, ${inside('0.05', '0.95')} inside 90 %`;
  await card.getByText(text).waitFor();
  const scores = (await server.get<Schema<'ETFScores'>>(`/v1/etfs/SIMUS1/scores?model=drift&from=${oldest.origin}&to=${oldest.origin}&late=${oldest.standing === 'late'}`)).items;
  await eventually('the scores', async () => ((await card.locator('tbody tr').count()) > 0 ? true : undefined));
  const rows = await Promise.all((await card.locator('tbody tr').all()).map(async (r) => (await r.getByRole('cell').allTextContents()).slice(1, 3)));
  const wanted = scores.filter((s) => s.forecast === oldest.id).sort((a, b) => a.horizon - b.horizon);
  expect(rows).toEqual(wanted.map((s) => [String(s.horizon), money(s.actual)]));
  await card.getByRole('link', { name: 'From this forecast to the sources’ responses' }).click();
  await page.waitForURL(`${inject('url')}/forecasts/${oldest.id}`);
});

test('the bars shown are downloaded as CSV and JSON, and the command does the same', async ({ open, server }) => {
  await live(server);
  const page = await drawn(await open(`/etfs/${life.symbol}?as_of=2&adjust=split&range=all`));
  const path = `/v1/etfs/${life.symbol}/bars?adjust=split&as_of=2&include=nav`;
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
  expect(file.suggestedFilename()).toBe(`${life.symbol}-split-v2.csv`);
  const text = readFileSync(await file.path(), 'utf8');
  expect(text).toBe(await (await fetch(server.url + path, { headers: { Accept: 'text/csv' } })).text());
  expect(text.trimEnd().split('\n')).toHaveLength(1 + 260);
  const [json] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'JSON' }).click()]);
  expect(JSON.parse(readFileSync(await json.path(), 'utf8'))).toEqual(await server.get(`${path}&limit=10000`));
  await page.getByRole('button', { name: 'Copy: curl command' }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`curl -s -H 'Accept: text/csv' '${new URL(page.url()).origin}${path}'`);
});

test('what happens to the ETF shows without loading the page again', async ({ open, server }) => {
  await live(server);
  const sessions = await server.sessions(120);
  await server.upload(other, csv(sessions, { disordered: [60] }), 'XNYS', '?basis=as_traded');
  const page = await drawn(await open('/etfs/' + other));
  const row = page.locator('section', { has: page.getByRole('heading', { name: 'Findings' }) }).getByRole('listitem').filter({ has: page.getByRole('link', { name: 'High and low don’t fit' }) });
  await row.getByText('waits for a decision').waitFor();
  await page.getByText('Data version 1', { exact: true }).waitFor();
  await page.locator('.age[data-state=open]').waitFor();
  const id = (await server.get<Schema<'FindingList'>>(`/v1/findings?symbol=${other}&rule=ohlc_order`)).items[0]!.id;
  await server.post(`/v1/findings/${id}/decision`, { decision: 'accept', by: 'Kim', why: 'the exchange printed it so' });
  await row.getByText('accepted').waitFor();
  await page.getByText('Data version 2', { exact: true }).waitFor();
});

test('a run is started and a history fetched again from the page', async ({ open, server }) => {
  const page = await drawn(await open('/etfs/SIMUS3'));
  await page.getByRole('button', { name: 'Update now' }).click();
  const run = page.getByRole('status').getByRole('link');
  await run.waitFor();
  expect((await server.get<Schema<'RunDetail'>>(`/v1${new URL((await run.getAttribute('href'))!, inject('url')).pathname}`)).symbols).toEqual(['SIMUS3']);
  await page.getByRole('button', { name: 'Fetch the history again' }).click();
  await page.getByLabel('Your name').fill('Kim');
  await page.getByLabel('Reason').fill('the source has restated its series');
  await page.getByRole('dialog').getByRole('button', { name: 'Fetch the history again' }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await eventually('the request to be recorded', async () => {
    const changes = await server.get<Schema<'ETFChangeList'>>('/v1/etfs/SIMUS3/changes');
    return changes.items.some((c) => c.by === 'Kim' && c.why.includes('restated')) ? true : undefined;
  });
});

test('an ETF that is not registered is named as such', async ({ open }) => {
  const page = await open('/etfs/NOTHERE', { allow: [/404/] });
  await page.getByRole('alert').filter({ hasText: 'NOTHERE' }).first().waitFor();
});

test('without the models it says what went wrong, shows the rest, and loads them when asked', async ({ open }) => {
  let down = true;
  const page = await open('/etfs/SIMUS1', {
    before: async (p) => {
      await p.route('**/v1/models', (route) => (down ? route.fulfill({ status: 503, json: { title: 'the database does not respond' } }) : route.continue()));
    },
    allow: [/503/],
  });
  const forecast = page.getByRole('region', { name: 'Forecast', exact: true });
  await forecast.getByText('the database does not respond').waitFor();
  await page.getByRole('heading', { name: 'Findings' }).waitFor();
  down = false;
  await forecast.getByRole('button', { name: 'Try again' }).click();
  await forecast.getByRole('table').waitFor();
});

test('the page in every language, theme and width', async ({ open, server, shots }) => {
  await live(server);
  const page = await drawn(await open(`/etfs/${life.symbol}?as_of=1&range=3m`));
  await page.getByRole('heading', { name: 'Changed since data version 1' }).waitFor();
  await shots(page, 'etf-as-of');
  const heads = (await server.get<Schema<'ForecastHeadList'>>('/v1/etfs/SIMUS1/forecasts?model=drift&limit=200')).items;
  const now = await drawn(await open(`/etfs/SIMUS1?range=3m&forecast=${heads.at(-1)!.id}`));
  await now.getByText('inside the 50 % interval,').waitFor();
  await shots(now, 'etf');
});

test('an ETF that was renamed is found by its former symbol, and says what it was, until when it traded and who it is', async ({ open, server, axe }) => {
  const now = await server.get<Schema<'ETF'>>('/v1/etfs/SIMUS1');
  const renamed = { ...now, former_symbols: [{ symbol: 'OLDSIM', last: '2022-06-08' }], isin: 'US78462F1030', delisted: '2024-12-30' };
  const page = await open('/etfs/OLDSIM?range=3m', {
    before: async (p) => {
      await p.route(/\/v1\/etfs\/(OLDSIM|SIMUS1)$/, (route) => route.fulfill({ json: renamed }));
      // Everything below a former symbol is answered with the ETF too.
      await p.route(/\/v1\/etfs\/OLDSIM\//, async (route) => route.fulfill({ response: await route.fetch({ url: route.request().url().replace('OLDSIM', 'SIMUS1') }) }));
      await p.route(/\/v1\/.*symbol=OLDSIM/, async (route) => route.fulfill({ response: await route.fetch({ url: route.request().url().replace('OLDSIM', 'SIMUS1') }) }));
    },
  });
  await page.waitForURL('**/etfs/SIMUS1?range=3m&former=OLDSIM');
  await drawn(page);
  await page.getByText('OLDSIM is now SIMUS1: Jun 8, 2022 was its last session under that symbol.').waitFor();
  await page.getByText('delisted Dec 30, 2024').waitFor();
  const registry = page.getByRole('region', { name: 'Registry' });
  await registry.getByText('OLDSIM until Jun 8, 2022').waitFor();
  await registry.getByText('US78462F1030').waitFor();
  await registry.getByText(now.permanent_id.slice(0, 8)).waitFor();
  await axe(page);
  await page.getByRole('button', { name: 'Close', exact: true }).click();
  expect(new URL(page.url()).search).toBe('?range=3m');
});
