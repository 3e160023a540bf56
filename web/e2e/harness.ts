// What every browser test uses: a page that fails its test on anything a user should not meet, checks of accessibility, pictures, and
// data to work on. A test file imports `test` from here:
//
//   test('the page says what it is for', async ({ open, axe, shots }) => {
//     const page = await open('/schedules');
//     await page.getByRole('heading', { level: 1 }).waitFor();
//     await axe(page);
//     await shots(page, 'schedules');
//   });
import axeCore from 'axe-core';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { expect, inject, test as base } from 'vitest';
import type { components } from '../src/lib/api/schema.d.ts';

export { expect };

type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

/** The sizes of the pictures: a laptop's width and a phone's. */
export const widths = { wide: 1280, phone: 390 } as const;

/** The most that what is on the page may move by itself while it loads and lives: "good" by the measure of Core Web Vitals. */
const mostShift = 0.1;

export interface Look {
  language?: 'en' | 'ko';
  theme?: 'light' | 'dark';
  width?: number;
  height?: number;
  /** Pixels of a picture per pixel of the page. */
  scale?: number;
  /** Texts of console errors that the test provokes on purpose, such as a request that is refused. */
  allow?: RegExp[];
  /** Called before the page is loaded, for instance to answer requests in the server's place. */
  before?: (page: Page) => Promise<void>;
}

interface Watch {
  page: Page;
  context: BrowserContext;
  problems: string[];
  shift: () => number;
  pause: (on: boolean) => void; // no shift counts until each is undone
}

interface Fixtures {
  /** Opens a page of the dashboard in a fresh browser profile. What goes wrong on it fails the test when it ends. */
  open: (path: string, look?: Look) => Promise<Page>;
  /** Fails on serious and critical findings of axe-core. */
  axe: (page: Page) => Promise<void>;
  /** Saves the page as it is in web/screenshots, in both languages, both themes and both widths, with axe on each theme and width. */
  shots: (page: Page, name: string) => Promise<void>;
  /** The server's API. */
  server: Server;
  browser: Browser;
}

export const test = base.extend<Fixtures>({
  browser: [
    async ({}, use) => {
      const browser = await chromium.launch({
        executablePath: inject('chromium'),
        // CI runs as root, for whom Chromium has no sandbox. The tests load nothing but the server under test.
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--no-first-run', '--hide-scrollbars'],
      });
      await use(browser);
      await browser.close();
    },
    { scope: 'file' },
  ],
  server: async ({}, use) => {
    await use(new Server(inject('url')));
  },
  open: async ({ browser, task }, use) => {
    const watches: Watch[] = [];
    await use(async (path, look = {}) => {
      const watch = await watched(browser, look);
      watches.push(watch);
      all.set(watch.page, watch);
      await watch.page.goto(inject('url') + path);
      return watch.page;
    });
    const problems: string[] = [];
    for (const watch of watches) {
      if (!watch.page.isClosed()) await settled(watch.page); // what the page reports arrives before this does
      if (!watch.page.isClosed() && task.result?.errors?.length) problems.push(`the test failed while ${watch.page.url()} showed: ${await watch.page.locator('main').innerText()}`);
      problems.push(...watch.problems);
      if (watch.shift() > mostShift) problems.push(`the layout shifts by ${watch.shift().toFixed(3)}, more than ${mostShift}`);
      await watch.context.close();
    }
    expect(problems, 'what went wrong on the pages of this test').toEqual([]);
  },
  axe: async ({}, use) => {
    await use(async (page) => expect(await violations(page), 'what axe-core found').toEqual([]));
  },
  shots: async ({}, use) => {
    await use(async (page, name) => {
      const folder = resolve(import.meta.dirname, '../screenshots');
      mkdirSync(folder, { recursive: true });
      const before = page.viewportSize();
      const watch = all.get(page);
      const found: string[] = [];
      const language = (await page.getAttribute('html', 'lang')) ?? 'en';
      const theme = (await page.getAttribute('html', 'data-theme')) ?? 'light';
      watch?.pause(true); // another language or width moves everything, and is meant to
      for (const [size, width] of Object.entries(widths)) {
        await page.setViewportSize({ width, height: size === 'phone' ? 844 : 900 });
        for (const l of ['en', 'ko']) {
          await setLanguage(page, l);
          for (const th of ['light', 'dark']) {
            await setTheme(page, th);
            if (l === 'en') found.push(...(await violations(page)).map((v) => `${th}, ${width} px: ${v}`));
            // As high as the page, within reason: of a long list only the rows in the window are drawn.
            const height = await page.evaluate(() => document.documentElement.scrollHeight);
            await page.setViewportSize({ width, height: Math.min(Math.max(height, size === 'phone' ? 844 : 900), 2400) });
            await settled(page);
            await page.screenshot({ path: resolve(folder, `${name}-${l}-${th}-${width}.png`), animations: 'disabled' });
          }
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          if (overflow > 0) found.push(`${l}, ${width} px: the page is ${overflow} px wider than its window`);
        }
      }
      await setLanguage(page, language);
      await setTheme(page, theme);
      if (before) await page.setViewportSize(before);
      await settled(page);
      watch?.pause(false);
      expect(found, `how ${name} looks`).toEqual([]);
    });
  },
});

const all = new WeakMap<Page, Watch>();

async function watched(browser: Browser, look: Look): Promise<Watch> {
  const context = await browser.newContext({
    viewport: { width: look.width ?? widths.wide, height: look.height ?? 900 },
    deviceScaleFactor: look.scale ?? 1,
    reducedMotion: 'reduce',
    locale: look.language === 'ko' ? 'ko-KR' : 'en-US',
    timezoneId: 'Europe/Berlin', // neither exchange's, so that a time in the wrong zone shows
    colorScheme: look.theme ?? 'light',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(60_000); // how long a busy machine may take: a wait ends as soon as what it waits for is there
  const page = await context.newPage();
  const problems: string[] = [];
  const home = new URL(inject('url')).host;
  let paused = 0;
  // A session of layout shifts ends after a second without one, or after five; the worst session counts.
  let worst = 0;
  let sum = 0;
  let first = 0;
  let last = 0;
  await page.exposeFunction('etfcastShifted', (value: number, at: number, what: string) => {
    if (paused > 0) return;
    if (at - last > 1000 || at - first > 5000 || at < last) {
      sum = 0;
      first = at;
    }
    last = at;
    sum += value;
    worst = Math.max(worst, sum);
    if (sum > mostShift) problems.push(`the layout shifts by ${value.toFixed(3)}: ${what}`);
  });
  await page.addInitScript(() => {
    const report = (globalThis as unknown as { etfcastShifted: (value: number, at: number, what: string) => void }).etfcastShifted;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean; sources?: { node?: Node }[] })[]) {
        if (entry.hadRecentInput) continue;
        const what = (entry.sources ?? []).map(({ node }) => (node instanceof Element ? `${node.tagName.toLowerCase()}.${node.getAttribute('class') ?? ''}` : (node?.nodeName ?? '?')));
        report(entry.value, entry.startTime, what.join(', '));
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    if (message.text().includes('status of 429')) return; // the page sends it again, and shows a problem if that does not help
    const text = `${message.text()} (${message.location().url})`;
    if (!look.allow?.some((allowed) => allowed.test(text))) problems.push(`console: ${text}`);
  });
  page.on('pageerror', (error) => problems.push(`error: ${error.stack ?? error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.host !== home) problems.push(`a request to another host: ${request.url()}`);
  });
  await look.before?.(page);
  return { page, context, problems, shift: () => worst, pause: (on) => void (paused += on ? 1 : -1) };
}

async function violations(page: Page): Promise<string[]> {
  // Not as a script tag: the page's policy allows none but its own.
  await page.evaluate(axeCore.source);
  const found = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: typeof axeCore }).axe;
    return (await axe.run(document, { resultTypes: ['violations'] })).violations.map((v) => ({
      id: v.id,
      impact: v.impact,
      help: v.help,
      nodes: v.nodes.slice(0, 5).map((n) => `${n.target.join(' ')}: ${n.failureSummary ?? ''}`),
    }));
  });
  return found
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.impact} ${v.id}: ${v.help}: ${v.nodes.join(' | ')}`);
}

/**
 * Uses the page's own control, as a reader would. That other words take other room is what the reader has asked for: it is no layout shift, but
 * Chromium does not count a selection by the test as input.
 */
export async function setLanguage(page: Page, to: string): Promise<void> {
  if ((await page.getAttribute('html', 'lang')) === to) return;
  all.get(page)?.pause(true);
  await page.locator('header select').selectOption(to);
  await page.locator(`html[lang=${to}]`).waitFor({ state: 'attached' });
  await settled(page);
  all.get(page)?.pause(false);
}

/** Uses the page's own control, as a reader would. */
export async function setTheme(page: Page, to: string): Promise<void> {
  if ((await page.getAttribute('html', 'data-theme')) === to) return;
  await page.locator('header button.theme').click();
  await page.locator(`html[data-theme=${to}]`).waitFor({ state: 'attached' });
  await settled(page);
}

/** Waits until what has changed is drawn. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(undefined)))));
}

/** The API of the server under test, to make what a test needs and to see what a click has done. */
export class Server {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async request(method: string, path: string, body?: unknown, type = 'application/json'): Promise<{ status: number; body: unknown; headers: Headers }> {
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = typeof body === 'string' ? body : JSON.stringify(body);
      init.headers = { 'Content-Type': type };
    }
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    const json = response.headers.get('Content-Type')?.includes('json');
    return { status: response.status, body: json && text ? JSON.parse(text) : text, headers: response.headers };
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.request('GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path}: status ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  async post<T>(path: string, body?: unknown, type?: string): Promise<T> {
    const answer = await this.request('POST', path, body, type);
    if (answer.status >= 300) throw new Error(`POST ${path}: status ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  /** The newest closed sessions of an exchange, ascending: those of an ETF of the demo. */
  async sessions(count: number, exchange: 'XNYS' | 'XKRX' = 'XNYS'): Promise<string[]> {
    const symbol = exchange === 'XNYS' ? 'SIMUS1' : 'SIMKR1';
    const page = await this.get<{ items: { session: string }[] }>(`/v1/etfs/${symbol}/bars?limit=10000`);
    const found = page.items.map((b) => b.session).sort();
    if (found.length < count) throw new Error(`${symbol} has only ${found.length} bars`);
    return found.slice(-count);
  }

  /** Runs the exchange's newest session for some ETFs, waits until the run has ended and returns it. */
  async run(exchange: string, symbols: string[]): Promise<Schema<'RunDetail'>> {
    const run = await this.post<Schema<'Run'>>('/v1/runs', { workflow: 'daily', exchange, symbols, rerun: true });
    return eventually(`run ${run.id} to end`, async () => {
      const now = await this.get<Schema<'RunDetail'>>(`/v1/runs/${encodeURIComponent(run.id)}`);
      return now.status === 'running' ? undefined : now;
    });
  }

  /** Uploads a CSV, registers it as an ETF's only source and runs it. */
  async upload(symbol: string, csv: string, exchange: 'XNYS' | 'XKRX' = 'XNYS', options = ''): Promise<Schema<'RunDetail'>> {
    const file = await this.post<{ ref: string }>(`/v1/files?symbol=${symbol}&exchange=${exchange}`, csv, 'text/csv');
    await this.post('/v1/etfs', { symbol, exchange, sources: [{ name: 'file', ref: file.ref + options }] });
    return this.run(exchange, [symbol]);
  }
}

/** Asks until there is an answer. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>, limit = 60_000): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`waiting for ${what}: it has not happened`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

export interface Defects {
  /** From this row on (counted from 0), prices are divided by the ratio, and no split is stated. */
  split?: { row: number; ratio: number };
  /** Rows whose high is below their low. */
  disordered?: number[];
  /** Rows whose close is zero. */
  zero?: number[];
  /** Rows whose close is ten times what it should be. */
  tick?: number[];
}

/**
 * A CSV of prices as traded around 100, one row per session, with defects if asked for. The prices rise and fall by at most 1.5 % a day,
 * by a fixed rule, so that nothing but the defects is remarkable.
 */
export function csv(sessions: string[], defects: Defects = {}): string {
  let close = 100;
  const lines = ['Date,Open,High,Low,Close,Volume'];
  sessions.forEach((session, i) => {
    const open = close;
    close *= 1 + 0.015 * Math.sin(i * 12.9898);
    const ratio = defects.split && i >= defects.split.row ? defects.split.ratio : 1;
    let [o, h, l, c] = [open, Math.max(open, close) * 1.004, Math.min(open, close) * 0.996, close].map((v) => v / ratio) as [number, number, number, number];
    if (defects.disordered?.includes(i)) [h, l] = [l, h];
    if (defects.zero?.includes(i)) c = 0;
    if (defects.tick?.includes(i)) c *= 10;
    lines.push([session, o.toFixed(2), h.toFixed(2), l.toFixed(2), c.toFixed(2), String(1_000_000 * ratio + 1000 * i)].join(','));
  });
  return lines.join('\n') + '\n';
}
