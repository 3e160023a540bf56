// Where a forecast comes from: the page against the API, the proof against the program that checks it.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { components } from '../src/lib/api/schema.d.ts';
import { expect, test, type Server } from './harness.ts';

type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

const money = (n: number) => n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const program = resolve(import.meta.dirname, '../../bin/etfcast');

/** The oldest forecast by drift of a simulated ETF: its targets have come. */
async function oldest(server: Server): Promise<Schema<'ForecastHead'>> {
  return (await server.get<Schema<'ForecastHeadList'>>('/v1/etfs/SIMUS1/forecasts?model=drift&limit=1000')).items.at(-1)!;
}

test('every number, and the chain from it to the source', async ({ open, server, axe }) => {
  const head = await oldest(server);
  const page = await open(`/forecasts/${head.id}`);
  const forecast = await server.get<Schema<'Forecast'>>(`/v1/forecasts/${head.id}`);
  const provenance = await server.get<Schema<'Provenance'>>(`/v1/forecasts/${head.id}/provenance`);
  const scores = (await server.get<Schema<'ETFScores'>>(`/v1/etfs/SIMUS1/scores?model=drift&from=${head.origin}&to=${head.origin}&late=${head.standing === 'late'}`)).items;
  await page.locator('.badge', { hasText: head.standing === 'late' ? 'late' : 'of record' }).waitFor();
  await page.locator('.points td b').first().waitFor(); // the scores

  const rows = await page.locator('.points tbody tr').all();
  expect(rows).toHaveLength(forecast.points.length);
  for (const [i, p] of forecast.points.entries()) {
    const cells = (await rows[i]!.getByRole('cell').allTextContents()).map((c) => c.trim());
    const quantiles = Object.entries(p.quantiles).sort(([a], [b]) => Number(a) - Number(b)).map(([, v]) => money(v)); // prettier-ignore
    const score = scores.find((s) => s.forecast === head.id && s.horizon === p.horizon);
    expect([cells[0], ...cells.slice(2)]).toEqual([String(p.horizon), money(p.mean), ...quantiles, score ? money(score.actual) : '']);
  }

  const chain = page.locator('.chain > li');
  expect(await chain.count()).toBe(5);
  expect(await chain.nth(1).textContent()).toContain(forecast.code_version);
  expect(await chain.nth(1).textContent()).toContain(forecast.seed);
  expect(await chain.nth(2).textContent()).toContain(provenance.closes.toLocaleString('en-US'));
  expect(await chain.nth(4).textContent()).toContain(provenance.fetches[0]!.source);
  await page.locator('#fetches').getByRole('button', { name: 'Copy: SHA-256' }).first().click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(provenance.fetches.at(-1)!.sha256);
  await page.locator('#fetches').getByText('Copied').first().waitFor({ state: 'attached' });
  expect(await page.getByText(forecast.chain.hash, { exact: true }).count()).toBe(1);
  await axe(page);

  // To the ETF as its prices were believed, and to this forecast on its chart.
  await chain.nth(2).getByRole('link', { name: String(provenance.data_version!.number), exact: true }).click();
  await page.waitForURL(new RegExp(`/etfs/SIMUS1\\?as_of=${provenance.data_version!.number}$`));
  await page.goBack();
  await page.getByRole('link', { name: 'Show on the chart' }).click();
  await page.waitForURL(/\/etfs\/SIMUS1\?/);
  await page.getByText('inside the 50 % interval,').waitFor();
});

test('the proof that is saved is one, and the commands are those of the program', async ({ open, server }) => {
  if (!existsSync(program)) throw new Error(`there is no ${program}: run \`make build\``);
  const head = await oldest(server);
  const page = await open(`/forecasts/${head.id}`);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Save proof.json' }).click()]);
  expect(file.suggestedFilename()).toBe('proof.json');
  // The program reads neither database nor server here: what it says is in the file.
  const said = execFileSync(program, ['ledger', 'verify-proof', await file.path()], { encoding: 'utf8', env: { PATH: process.env['PATH'] } });
  expect(said).toContain(head.id);
  const commands = await page.locator('section', { has: page.getByRole('heading', { name: 'Check it yourself' }) }).locator('code').allTextContents();
  expect(commands).toEqual([
    `etfcast provenance ${head.id}`,
    `etfcast reproduce ${head.id}`,
    `etfcast reproduce ${head.id} --deep`,
    `etfcast ledger proof ${head.id} --out proof.json`,
    'etfcast ledger verify-proof proof.json',
  ]);
  for (const [, ...args] of commands.map((c) => c.split(' '))) {
    const flags = args.filter((a) => a.startsWith('--'));
    const words = args.filter((a) => /^[a-z-]+$/.test(a) && !a.startsWith('-'));
    const help = execFileSync(program, [...words, '--help'], { encoding: 'utf8' });
    for (const flag of flags) expect(help).toContain(flag);
  }
});

test('an entry of others says what is not known of it', async ({ open, server }) => {
  const origin = (await server.sessions(1))[0]!;
  const quantiles = Object.fromEntries(['0.05', '0.1', '0.25', '0.5', '0.75', '0.9', '0.95'].map((level, i) => [level, 150 + 5 * i]));
  const receipt = await server.post<Schema<'EntryReceipt'>>('/v1/entries', { model: `naive${process.pid}`, late: true, entries: [{ symbol: 'SIMUS4', origin, points: [{ horizon: 1, quantiles }] }] });
  const page = await open(`/forecasts/${receipt.items[0]!.id}`);
  await page.getByText('Entered by others: how it was made is not known here.').first().waitFor();
  await page.locator('.badge', { hasText: receipt.items[0]!.standing === 'late' ? 'late' : 'of record' }).waitFor();
  expect(await page.locator('.points thead th').allTextContents()).toEqual(['Sessions ahead', 'Session', 'Mean', '5%', '10%', '25%', '50%', '75%', '90%', '95%', 'Close that came']);
});

test('a forecast that does not exist is named as such', async ({ open }) => {
  const page = await open(`/forecasts/${'0'.repeat(32)}`, { allow: [/404/] });
  await page.getByRole('alert').first().waitFor();
});

test('the page in every language, theme and width', async ({ open, server, shots }) => {
  const page = await open(`/forecasts/${(await oldest(server)).id}`);
  await page.locator('.points td b').first().waitFor();
  await page.locator('#fetches tbody tr').first().waitFor();
  await page.getByRole('link', { name: 'Save proof.json' }).waitFor();
  await shots(page, 'forecast');
});

test('a target that a closure has moved is shown with the one that it had', async ({ open, server, axe }) => {
  const list = await server.get<Schema<'ForecastHeadList'>>('/v1/etfs/SIMUS1/forecasts?model=drift&limit=1');
  const id = list.items[0]!.id;
  const page = await open(`/forecasts/${id}`, {
    before: async (p) => {
      await p.route(`**/v1/forecasts/${id}`, async (route) => {
        const response = await route.fetch();
        const forecast = (await response.json()) as Schema<'Forecast'>;
        Object.assign(forecast.points[0]!, { target: '2026-12-24', moved_to: '2026-12-28' });
        await route.fulfill({ response, json: forecast });
      });
    },
  });
  const first = page.locator('.points tbody tr').first();
  await first.getByText('Dec 28, 2026').waitFor();
  expect(await first.locator('s').textContent()).toBe('Dec 24, 2026');
  expect(await page.locator('.points s').count()).toBe(1);
  await page.getByText(/^A target that is crossed out has moved/).waitFor();
  await axe(page);
});
