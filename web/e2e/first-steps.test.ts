// The newcomer's path of docs/first-steps.md, click by click: a file with defects, its run, a decided finding, an accepted split, the forecast,
// where it comes from, the scoreboard. `make pictures` runs it alone, on a fresh demo, and saves the pictures of the documentation.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Page } from 'playwright-core';
import type { components } from '../src/lib/api/schema.d.ts';
import { eventually, expect, setTheme, test } from './harness.ts';

type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

const pictures = process.env['PICTURES'];
const symbol = pictures ? 'FIRST' : `FIRST${Date.now().toString(36).toUpperCase()}`; // a server that is tested twice has the last one's

/** Saves what the window shows. */
async function picture(page: Page, name: string): Promise<void> {
  if (!pictures) return;
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.mouse.move(0, 0);
  await page.screenshot({ path: resolve(pictures, `${name}.png`), animations: 'disabled' });
}


test('from a file with defects to a decided finding and a read forecast', { timeout: 300_000 }, async ({ open, server }) => {
  // The overview, as it greets after `make demo`.
  let page = await open('/', { width: 1280, height: 720, scale: 2 });
  await page.getByRole('row').getByText(/\d–\d/).first().waitFor(); // which rows are in sight depends on the tests before
  await picture(page, 'dashboard');
  await setTheme(page, 'dark');
  await picture(page, 'dashboard-dark');
  await setTheme(page, 'light');

  // A file: the prices of a simulated ETF, damaged as the documentation says.
  const answer = await fetch(`${server.url}/v1/etfs/SIMUS2/bars?limit=10000`, { headers: { Accept: 'text/csv' } });
  const healthy = await answer.text();
  const damaged = execFileSync('awk', ['-f', resolve(import.meta.dirname, '../../docs/examples/damage.awk')], { input: healthy, encoding: 'utf8' });
  expect(damaged.split('\n')).toHaveLength(252); // header, 250 sessions, a last line break
  const rows = healthy.trimEnd().split('\n').slice(-250).map((line) => line.split(','));
  const tick = rows.at(-30)!;
  const ex = rows.at(-10)![0]!;

  page = await open('/', { width: 1280, height: 860, scale: 1.5 });
  await page.getByRole('link', { name: 'Add an ETF' }).click();
  await page.locator('option[value=yahoo]').waitFor({ state: 'attached' }); // the form is complete
  await page.locator('input[type=file]').setInputFiles({ name: `${symbol}.csv`, mimeType: 'text/csv', buffer: Buffer.from(damaged) });
  const found = page.getByRole('region', { name: 'What the check found' });
  await found.getByText('Price spike').first().waitFor();
  await found.getByText('Split suspected').first().waitFor();
  await found.scrollIntoViewIfNeeded();
  await picture(page, 'first-steps-check');

  // Its run ends with the ETF quarantined.
  await page.getByRole('button', { name: 'Add it and start the run' }).click();
  await page.waitForURL('**/runs/**');
  const run = decodeURIComponent(new URL(page.url()).pathname.slice('/runs/'.length));
  await eventually('the run to end', async () => ((await server.get<Schema<'RunDetail'>>(`/v1/runs/${encodeURIComponent(run)}`)).status === 'running' ? undefined : true));
  await page.getByText('quarantined').first().waitFor();
  await picture(page, 'first-steps-run');

  // The misplaced decimal point: the close is put right.
  await page.goto(`${server.url}/findings?symbol=${symbol}`);
  await page.getByRole('link', { name: /Price spike/ }).click();
  await page.getByRole('heading', { level: 2, name: /Price spike/ }).waitFor();
  await page.getByRole('button', { name: /^Replace values/ }).click();
  await page.getByLabel(/^Close, /).fill(Number(tick[4]).toFixed(2));
  await page.getByLabel(/^High, /).fill(Number(tick[2]).toFixed(2));
  await page.getByLabel('Who decides').first().fill('kim');
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, 'first-steps-finding');
  await page.getByRole('button', { name: 'Use these values' }).click();
  await page.getByText(`${symbol}: values replaced`).waitFor();

  // The split: each of the two findings about its rows asks whether it happened, and one answer settles both.
  await page.goto(`${server.url}/findings?symbol=${symbol}`);
  await page.getByText(/2:1 split on .*: did it happen\?/).waitFor();
  const asking = await server.get<Schema<'FindingList'>>(`/v1/findings?symbol=${symbol}&rule=split_suspected&state=undecided`);
  expect(asking.items).toHaveLength(2);
  for (const f of asking.items) {
    await page.goto(`${server.url}/findings/${f.id}`);
    await page.getByText(/2:1 split on .*: did it happen\?/).waitFor();
  }
  await page.goto(`${server.url}/findings?symbol=${symbol}`);
  await page.getByText(/2:1 split on .*: did it happen\?/).waitFor();
  await picture(page, 'first-steps-split');
  await page.getByRole('button', { name: 'Yes, accept it' }).click();
  await page.getByText(`${symbol}: corporate action accepted`).waitFor();
  await eventually('every row to be used', async () => ((await server.get<Schema<'ETF'>>(`/v1/etfs/${symbol}`)).quarantined === 0 ? true : undefined));
  await eventually('no finding to wait', async () => {
    const open = await server.get<Schema<'FindingList'>>(`/v1/findings?symbol=${symbol}`);
    return open.items.every((f) => f.decision !== null || f.severity === 'info') || undefined;
  });
  const stated = await server.get<Schema<'ActionList'>>(`/v1/etfs/${symbol}/actions?status=accepted`);
  expect(stated.items.map((a) => [a.kind, a.ratio, a.ex, a.decided_by])).toEqual([['split', '2:1', ex, 'kim']]);

  // The forecast, made at once, on the chart: the headline's change is one of a day, not the split's.
  const forecast = await eventually('the forecast', async () => (await server.get<Schema<'ForecastHeadList'>>(`/v1/etfs/${symbol}/forecasts?model=drift&limit=1`)).items[0]);
  await page.goto(`${server.url}/etfs/${symbol}?adjust=split&range=3m`);
  await page.locator('.chart[data-ready][data-to]').waitFor();
  await page.getByText('forecast by drift: median; 50, 80, 90, 95 %').waitFor();
  await page.getByRole('cell', { name: /^\d+\.\d\d–\d+\.\d\d/ }).first().waitFor();
  await page.getByText('up to date').or(page.getByText('not due yet')).waitFor();
  await page.locator('.plot[aria-busy=false]').waitFor();
  await picture(page, 'first-steps-forecast');

  // Where it comes from, and how to check it.
  await page.getByRole('link', { name: 'From this forecast to the sources’ responses' }).first().click();
  await page.waitForURL(`**/forecasts/${forecast.id}`);
  await page.getByText(`etfcast reproduce ${forecast.id}`, { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Every response' }).waitFor();
  await picture(page, 'first-steps-provenance');

  await page.getByRole('link', { name: 'Scoreboard' }).click();
  await page.getByRole('heading', { level: 1, name: 'Scoreboard' }).waitFor();
  await page.getByText(/There is no record yet|No model has been shown to beat|There is nothing to compare|Better than the random walk/).waitFor();
  await picture(page, 'first-steps-scoreboard');
});
