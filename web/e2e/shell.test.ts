// What all pages share: the frame, languages, themes, and an address that leads nowhere.
import { connect, createServer, type Socket } from 'node:net';
import { overview } from './fixtures.ts';
import { eventually, expect, setLanguage, setTheme, test } from './harness.ts';

test.for([
  ['/', 'Overview'],
  ['/findings', 'Findings'],
  ['/runs', 'Runs'],
  ['/scoreboard', 'Scoreboard'],
  ['/backtests', 'Backtests'],
  ['/schedules', 'Schedules'],
  ['/calendars', 'Schedules'],
  ['/sources', 'Sources'],
  ['/register', 'Add an ETF'],
] as const)('%s is marked in the menu, and has a title and one heading', async ([path, entry], { open }) => {
  const page = await open(path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
  expect(await page.title()).toContain('etfcast');
  expect(await page.locator('nav a[aria-current=page]').allTextContents()).toEqual([entry]);
});

test('every page is shown whole in whichever order its data arrives', { timeout: 400_000 }, async ({ open, server }) => {
  type Listed = { items: { id: string }[] };
  const first = async (list: string): Promise<string[]> => (await server.get<Listed>(`/v1/${list}?limit=1`)).items.map((i) => `/${list}/${encodeURIComponent(i.id)}`);
  const forecast = (await server.get<Listed>('/v1/etfs/SIMUS1/forecasts?limit=1')).items[0]!.id;
  const pages = [
    '/', '/etfs/SIMUS1', '/findings', '/runs', '/scoreboard', '/scoreboard/XNYS/drift/1', '/backtests', '/backfills', '/gaps?symbol=SIMUS1&from=2014-12-01', '/schedules', '/calendars', '/sources', '/sources/simulated',
    '/register', `/forecasts/${forecast}`, ...(await first('findings')), ...(await first('runs')), ...(await first('backtests')), ...(await first('backfills')),
  ]; // prettier-ignore
  for (const path of pages) {
    for (const order of ['as asked', 'the other way round'] as const) {
      let asked = 0;
      const page = await open(path, {
        before: async (p) => {
          await p.route(/\/v1\/(?!events)/, async (route) => {
            const n = asked++;
            await new Promise((go) => setTimeout(go, 100 * (order === 'as asked' ? n + 1 : Math.max(8 - n, 1))));
            await route.continue().catch(() => undefined); // the page may have given it up
          });
        },
      });
      await page.getByRole('heading', { level: 1 }).waitFor();
      const unfinished = async (): Promise<string[]> =>
        page.evaluate(() => [...document.querySelectorAll('[aria-busy=true], main p, main .placeholder, main .blank')].filter((e) => e.checkVisibility() && (e.getAttribute('aria-busy') === 'true' || e.textContent === 'Loading…')).map((e) => e.outerHTML.slice(0, 200)));
      await eventually(`${path} to be whole, with its data ${order}`, async () => ((await unfinished()).length === 0 ? true : undefined), 15_000);
      await page.close();
    }
  }
});

test('the menu leads to every page without loading the document again', async ({ open }) => {
  const page = await open('/schedules');
  await page.evaluate(() => ((window as unknown as { kept: boolean }).kept = true));
  for (const [name, path] of [['Runs', '/runs'], ['Findings', '/findings'], ['Scoreboard', '/scoreboard'], ['Add an ETF', '/register'], ['Overview', '/']] as const) {
    await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(new URL(page.url()).pathname).toBe(path);
  }
  expect(await page.evaluate(() => (window as unknown as { kept?: boolean }).kept)).toBe(true);
});

test('language and theme are switched at once and kept', async ({ open }) => {
  const page = await open('/schedules');
  await page.getByRole('link', { name: 'Schedules', exact: true }).waitFor();
  await setLanguage(page, 'ko');
  await page.getByRole('link', { name: '일정', exact: true }).waitFor();
  await setTheme(page, 'dark');
  await page.reload();
  await page.getByRole('link', { name: '일정', exact: true }).waitFor();
  expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
  expect(await page.getAttribute('html', 'lang')).toBe('ko');
});

test('without JavaScript the document says that it needs it and where the data is', async ({ server }) => {
  // Chromium's switch for it does not reach <noscript>: what it would show is read from the document.
  const document = (await server.request('GET', '/')).body as string;
  const instead = /<noscript>(.*)<\/noscript>/s.exec(document)?.[1] ?? '';
  expect(instead).toContain('These pages need JavaScript');
  for (const [, path] of instead.matchAll(/href="([^"]+)"/g)) expect((await server.request('GET', path ?? '')).status, path).toBe(200);
});

test('another page begins at its top, with the keyboard on it; going back leads to the same place', async ({ open }) => {
  const page = await open('/', {
    allow: [/404/], // the ETF is made up
    before: async (p) => {
      await p.route('**/v1/overview*', (route) => route.fulfill({ json: overview(2000) }));
    },
  });
  await page.getByText('2,000 of 2,000 ETFs').waitFor();
  await page.evaluate(() => window.scrollTo(0, 20_000));
  // The rows of the new place are drawn after the scrolling: until then, the link would be another's.
  await eventually('the rows there', () => page.evaluate(() => Number([...document.querySelectorAll('[data-symbol]')].at(-1)?.getAttribute('aria-rowindex')) > 100 || undefined));
  const link = page.locator('[data-symbol] .symbol a').nth(15);
  const symbol = await link.textContent();
  await link.click();
  await page.waitForURL(`**/etfs/${symbol}`);
  await page.locator('main:focus').waitFor();
  await eventually('the top of the page', () => page.evaluate(() => window.scrollY === 0 || undefined));
  await page.goBack();
  await page.locator(`[data-symbol="${symbol}"]`).waitFor();
  await eventually('the place left before', () => page.evaluate(() => Math.abs(window.scrollY - 20_000) < 200 || undefined));
});

test('a page says that the connection is lost, and catches up when it is back', async ({ browser, server }) => {
  // A way to the server that can be closed, as restarting the server closes it.
  const target = new URL(server.url);
  const sockets = new Set<Socket>();
  const proxy = (): ReturnType<typeof createServer> =>
    createServer((from) => {
      const to = connect(Number(target.port), target.hostname);
      for (const s of [from, to]) {
        sockets.add(s);
        s.on('error', () => undefined);
        s.on('close', () => (from.destroy(), to.destroy(), sockets.delete(s)));
      }
      from.pipe(to).pipe(from);
    });
  const listening = (p: ReturnType<typeof createServer>, port: number): Promise<number> =>
    new Promise((done, fail) => p.on('error', fail).listen(port, '127.0.0.1', () => done((p.address() as { port: number }).port)));
  let way = proxy();
  const port = await listening(way, 0);
  const context = await browser.newContext({ locale: 'en-US' });
  context.setDefaultTimeout(60_000);
  try {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}/?q=SIMUS1`);
    await page.locator('.age[data-state=open]').waitFor();
    await page.locator('[data-symbol=SIMUS1]').waitFor();
    way.close();
    for (const s of sockets) s.destroy();
    await page.getByText(/Connection lost\. Trying again; what you see is from /).waitFor();
    // What has been read stays, and a page whose code is not loaded yet says why it does not come.
    await page.locator('[data-symbol=SIMUS1]').waitFor();
    await page.getByRole('link', { name: 'Schedules', exact: true }).click();
    await page.getByText(/The page could not be loaded/).waitFor();
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.locator('[role=row][data-symbol]').first().waitFor();

    const symbol = `MISSED${Date.now().toString(36).toUpperCase()}`;
    await server.post('/v1/etfs', { symbol, exchange: 'XNYS', sources: [{ name: 'simulated', ref: `${symbol}?inception=2026-06-01` }] });
    await page.getByRole('searchbox').fill(symbol);
    way = proxy();
    await listening(way, port);
    await page.locator('.age[data-state=open]').waitFor();
    await page.locator(`[data-symbol=${symbol}]`).waitFor();
  } finally {
    await context.close();
    way.close();
    for (const s of sockets) s.destroy();
  }
});
