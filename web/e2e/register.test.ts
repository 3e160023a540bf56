// Adding an ETF: from a file that is dropped to the run that fetches it.
import type { Page } from 'playwright-core';
import { csv, eventually, expect, test } from './harness.ts';

/** Drops a file on the page as a person does. */
async function drop(page: Page, name: string, text: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([n, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([content ?? ''], n ?? '', { type: 'text/csv' }));
      return data;
    },
    [name, text],
  );
  const area = page.getByRole('group', { name: 'A file of prices' });
  await area.dispatchEvent('dragover', { dataTransfer: transfer });
  await area.dispatchEvent('drop', { dataTransfer: transfer });
}

test('a dropped CSV is checked at once, drawn with its findings, registered and run', async ({ open, server, shots }) => {
  const sessions = await server.sessions(120);
  const symbol = `DROPPED${Date.now().toString(36).toUpperCase()}`; // a server that is tested twice has the last one's
  const page = await open('/register');
  await drop(page, `${symbol}.csv`, csv(sessions, { split: { row: 80, ratio: 2 }, disordered: [30] }));
  const found = page.getByRole('region', { name: 'What the check found' });
  await found.getByText('120 rows').waitFor();
  await found.getByText('Split suspected').first().waitFor();
  await found.getByText(new RegExp(`${sessions[30]}: .*high`)).waitFor();
  expect(await found.locator('circle').count()).toBeGreaterThanOrEqual(80); // all sessions before the split
  expect(await page.getByLabel('Symbol', { exact: true }).inputValue()).toBe(symbol);
  expect((await server.request('GET', `/v1/etfs/${symbol}`)).status).toBe(404); // nothing is stored yet
  await shots(page, 'register');

  await page.getByRole('button', { name: 'Add it and start the run' }).click();
  await page.waitForURL('**/runs/**');
  const run = decodeURIComponent(new URL(page.url()).pathname.slice('/runs/'.length));
  const status = await eventually('the run to end', async () => {
    const now = await server.get<{ status: string }>(`/v1/runs/${encodeURIComponent(run)}`);
    return now.status === 'running' ? undefined : now.status;
  });
  expect(status).toBe('completed');
  expect(await server.get(`/v1/etfs/${symbol}`)).toMatchObject({ exchange: 'XNYS', currency: 'USD', sources: [{ name: 'file', ref: `${symbol}.csv` }] });
  const bars = await server.get<{ items: unknown[] }>(`/v1/etfs/${symbol}/bars?limit=200`);
  expect(bars.items.length).toBeGreaterThan(0);
});

test('a file is chosen by keyboard, and one that can’t be used is not registered', async ({ open }) => {
  const page = await open('/register');
  const chooser = page.waitForEvent('filechooser'); // before the key: the browser has to be told to hand its dialog over
  await page.locator('option[value=yahoo]').waitFor({ state: 'attached' }); // the form is complete
  await page.getByLabel('Choose a file').focus();
  await page.keyboard.press('Enter');
  await (await chooser).setFiles({ name: 'PAGE.csv', mimeType: 'text/csv', buffer: Buffer.from('<html><body>not found</body></html>') });
  await page.getByText('No row can be used').waitFor();
  expect(await page.getByRole('button', { name: 'Add it and start the run' }).isDisabled()).toBe(true);
});

test('a simulated ETF needs no file', async ({ open, server }) => {
  const page = await open('/register');
  await page.getByLabel('Source of the prices').selectOption('simulated');
  await page.getByRole('button', { name: 'Add it and start the run' }).click();
  await page.getByText('Enter the symbol.').waitFor();
  await page.getByLabel('Symbol', { exact: true }).fill('simform');
  await page.getByLabel('Name at the source').fill('SIMFORM?inception=2026-01-02');
  await page.getByRole('button', { name: 'Add it and start the run' }).click();
  await page.waitForURL('**/runs/**');
  expect(await server.get('/v1/etfs/SIMFORM')).toMatchObject({ sources: [{ name: 'simulated', ref: 'SIMFORM?inception=2026-01-02' }] });
});

test('a symbol that exists is refused with what to do', async ({ open }) => {
  const page = await open('/register', { allow: [/409/] });
  await page.getByLabel('Source of the prices').selectOption('simulated');
  await page.getByLabel('Symbol', { exact: true }).fill('SIMUS1');
  await page.getByRole('combobox', { name: /^Exchange/ }).selectOption('XKRX');
  await page.getByRole('button', { name: 'Add it and start the run' }).click();
  await page.getByRole('alert').filter({ hasText: 'SIMUS1' }).waitFor();
});

test('a server that keeps no files says which setting it takes', async ({ open, server }) => {
  const page = await open('/register', {
    allow: [/403/],
    before: async (p) => {
      await p.route('**/v1/files*', (route) => route.fulfill({ status: 403, contentType: 'application/problem+json', json: { type: '/problems/refused', title: 'Refused', status: 403, detail: 'no folder is configured' } }));
    },
  });
  await drop(page, 'REFUSED.csv', csv(await server.sessions(60)));
  await page.getByText('60 rows').waitFor();
  await page.getByRole('button', { name: 'Add it and start the run' }).click();
  await page.getByText('etfcast up --file-dir ./prices --upload-dir ./prices').waitFor();
  await page.getByText("etfcast etf add REFUSED --exchange XNYS --source 'file=REFUSED.csv'").waitFor();
});

test('a list of ETFs is tried first, its mistakes are named by line and column, and then it is imported', async ({ open, server, shots }) => {
  const page = await open('/register', { allow: [/400/] });
  await page.getByRole('button', { name: 'Many from a CSV file' }).click();
  expect(new URL(page.url()).searchParams.get('many')).toBe('1');
  const input = page.getByLabel('Choose a file');
  const file = (text: string) => ({ name: 'etfs.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  const id = Date.now().toString(36).toUpperCase();
  await input.setInputFiles(file(`symbol,exchange,isin,listed,sources\nA${id},XNYS,US78462F1031,,simulated\nB${id},XTKS,,1999-13-10,simulated\nC${id},XLON,,,simulated\n`));
  const wrong = page.getByRole('alert').filter({ hasText: '2 values are wrong' });
  await wrong.getByRole('row', { name: /^2 isin .*check digit/ }).waitFor();
  await wrong.getByRole('row', { name: /^3 listed .*not a date/ }).waitFor();
  await shots(page, 'import-mistakes');

  await input.setInputFiles(file(`symbol,exchange,sources\nA${id},XNYS,simulated\nB${id},XTKS,simulated\nC${id},XLON,simulated\nSIMUS1,XNYS,simulated=SIMUS1\n`));
  await page.getByText('3 new, 0 changed, 1 the same as registered.').waitFor();
  expect((await server.request('GET', `/v1/etfs/B${id}`)).status).toBe(404); // nothing is stored yet
  await page.getByRole('button', { name: 'Register 3 ETFs' }).click();
  await page.getByRole('heading', { name: 'Done' }).waitFor();
  await page.getByRole('link', { name: `B${id}` }).waitFor();
  await shots(page, 'import');
  expect(await server.get(`/v1/etfs/B${id}`)).toMatchObject({ exchange: 'XTKS', currency: 'JPY', sources: [{ name: 'simulated' }] });
  for (const s of ['A', 'B', 'C']) await server.request('PATCH', `/v1/etfs/${s}${id}`, { retired: true }); // the other tests run the exchange's ETFs
});

test('a source is offered for its exchanges only, and says what it lacks', async ({ open }) => {
  const page = await open('/register');
  const source = page.getByLabel('Source of the prices');
  await page.locator('option[value=tiingo]').waitFor({ state: 'attached' });
  await source.selectOption('tiingo');
  await page.getByText('This server has no key for it (ETFCAST_TIINGO_KEY).').waitFor();
  await page.getByRole('combobox', { name: /^Exchange/ }).selectOption('XKRX');
  expect(await source.inputValue()).toBe('file');
  expect(await source.locator('option[value=tiingo]').count()).toBe(0);
  expect(await source.locator('option[value=krx]').count()).toBe(1);
  await page.getByRole('combobox', { name: /^Exchange/ }).selectOption('XLON');
  expect(await page.getByLabel('Currency').getAttribute('placeholder')).toBe('GBX');
});

test('ISIN and dates go with it', async ({ open, server }) => {
  const symbol = `DATED${Date.now().toString(36).toUpperCase()}`;
  const page = await open('/register');
  await page.locator('option[value=simulated]').waitFor({ state: 'attached' });
  await page.getByLabel('Source of the prices').selectOption('simulated');
  await page.getByLabel('Symbol', { exact: true }).fill(symbol);
  await page.getByText('ISIN and dates').click();
  await page.getByLabel('ISIN').fill('us 78462F1030');
  await page.getByLabel('First session').fill('2024-01-02');
  await page.getByRole('button', { name: 'Add it and start the run' }).click();
  await page.waitForURL('**/runs/**');
  expect(await server.get(`/v1/etfs/${symbol}`)).toMatchObject({ isin: 'US78462F1030', listed: '2024-01-02', delisted: null });
});
