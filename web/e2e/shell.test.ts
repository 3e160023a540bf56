// What all pages share: the frame, languages, themes, and an address that leads nowhere.
import { expect, setLanguage, setTheme, test } from './harness.ts';

test.for([
  ['/', 'Overview'],
  ['/findings', 'Findings'],
  ['/runs', 'Runs'],
  ['/scoreboard', 'Scoreboard'],
  ['/schedules', 'Schedules'],
  ['/register', 'Add an ETF'],
] as const)('%s is marked in the menu, and has a title and one heading', async ([path, entry], { open }) => {
  const page = await open(path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
  expect(await page.title()).toContain('etfcast');
  expect(await page.locator('nav a[aria-current=page]').allTextContents()).toEqual([entry]);
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
