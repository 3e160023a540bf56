// The scoreboard: late scores while there is no record, cells that lead to forecasts, and words that claim no more than the intervals.
import type { Page } from 'playwright-core';
import { describe } from 'vitest';
import type { components } from '../src/lib/api/schema.d.ts';
import { eventually, expect, test } from './harness.ts';

type Board = components['schemas']['Scoreboard'];

/** Answers requests for the scoreboard with the server's late one, made one of record in which prophet's first comparison has this interval. */
function record(low: number, high: number): (page: Page) => Promise<void> {
  return async (page) => {
    await page.route('**/v1/scoreboard*', async (route) => {
      const response = await route.fetch({ url: new URL('/v1/scoreboard?late=true', route.request().url()).href });
      const board = (await response.json()) as Board;
      let done = false;
      for (const i of board.items) {
        if (!i.difference) continue;
        i.difference = done || i.model !== 'prophet' ? { ...i.difference, low: -0.1, mean: 0, high: 0.1 } : { ...i.difference, low, mean: (low + high) / 2, high };
        done ||= i.model === 'prophet';
      }
      await route.fulfill({ response, json: { ...board, late: false, record_begins: '2025-09-02' } });
    });
  };
}

describe('the scoreboard', () => {
  test('shows the late scores while there is no record, says so, and leads to forecasts', async ({ open, server, axe, shots }) => {
    const board = await server.get<Board>('/v1/scoreboard');
    const page = await open('/scoreboard');
    await page.getByRole('heading', { name: /XNYS · 1 session ahead/ }).waitFor();
    if (board.record_begins === null) {
      await page.getByText('There is no record yet').waitFor();
      const late = await server.get<Board>('/v1/scoreboard?late=true');
      const models = [...new Set(late.items.map((i) => i.model))];
      expect(models).toEqual(expect.arrayContaining(['drift', 'prophet', 'combination']));
      await page.getByText(`of the models ${models.join(', ')}`).waitFor();
    }
    await page.getByText('Served on XNYS: drift 1, 5, 21 sessions ahead.').waitFor();
    await page.getByText('Served on XKRX: drift 1, 5, 21 sessions ahead.').waitFor();
    await shots(page, 'scoreboard');

    // The term explains itself.
    await page.getByRole('button', { name: /^PIT/ }).first().click();
    await page.getByText('Probability integral transform').first().waitFor();
    await page.keyboard.press('Escape');

    await page.getByRole('link', { name: 'prophet' }).first().click();
    await page.waitForURL(/\/scoreboard\/XNYS\/prophet\/1/);
    await page.getByRole('heading', { level: 1, name: /prophet on XNYS/ }).waitFor();
    await page.getByRole('row', { name: /SIMUS1/ }).waitFor();
    await axe(page);
    await shots(page, 'scoreboard-cell');
    const picked = page.getByLabel('Made from the close of');
    const newest = await picked.inputValue();
    await page.getByRole('button', { name: 'Earlier origin' }).click();
    await page.waitForURL(/origin=/);
    await eventually('the earlier origin', async () => (await picked.inputValue()) < newest || undefined);
    const link = page.getByRole('link', { name: 'Open the forecast of SIMUS1' });
    const id = (await link.getAttribute('href'))!.split('/').at(-1)!;
    const forecast = await server.get<{ model: string; symbol: string; origin: string }>(`/v1/forecasts/${id}`);
    expect([forecast.model, forecast.symbol, forecast.origin]).toEqual(['prophet', 'SIMUS1', await picked.inputValue()]);
    await link.click();
    await page.waitForURL(`**/forecasts/${id}`);
  });

  test('says that no model beats a random walk as long as every interval contains 0', async ({ open }) => {
    const page = await open('/scoreboard', { before: record(-0.02, 0.001) });
    await page.getByText(/No model has been shown to beat a random walk \(drift\), in \d+ comparisons/).waitFor();
    await page.getByText(/the best of many is no evidence/).waitFor();
    expect(await page.getByText(/Better than the random walk/).count()).toBe(0);
  });

  test('names a model only if its interval leaves out 0', async ({ open }) => {
    const page = await open('/scoreboard', { before: record(-0.02, -0.001) });
    await page.getByText(/Better than the random walk \(drift\) so far, by a confidence sequence that leaves out 0: prophet at 1 session on \w{4}\./).waitFor();
    expect(await page.getByText(/No model has been shown/).count()).toBe(0);
  });
});
