// Which page the address names. Links are ordinary <a href>: navaid listens for clicks on them.
import navaid from 'navaid';

export type Page =
  | 'overview'
  | 'etf'
  | 'findings'
  | 'finding'
  | 'runs'
  | 'run'
  | 'scoreboard'
  | 'cell'
  | 'backtests'
  | 'backtest'
  | 'backfills'
  | 'backfill'
  | 'gaps'
  | 'schedules'
  | 'calendars'
  | 'sources'
  | 'source'
  | 'forecast'
  | 'register'
  | 'notFound';

/** The pages by path. The server serves the same paths (api/assets.go). */
export const paths: Record<Exclude<Page, 'notFound'>, string> = {
  overview: '/',
  etf: '/etfs/:symbol',
  findings: '/findings',
  finding: '/findings/:id',
  runs: '/runs',
  run: '/runs/:id',
  scoreboard: '/scoreboard',
  cell: '/scoreboard/:exchange/:model/:horizon',
  backtests: '/backtests',
  backtest: '/backtests/:id',
  backfills: '/backfills',
  backfill: '/backfills/:id',
  gaps: '/gaps',
  schedules: '/schedules',
  calendars: '/calendars',
  sources: '/sources',
  source: '/sources/:name',
  forecast: '/forecasts/:id',
  register: '/register',
};

type Route = { page: Page; params: Record<string, string>; path: string };

let route = $state<Route>({ page: 'overview', params: {}, path: '/' });
let query = $state<URLSearchParams>(new URLSearchParams(location.search));

// Where the reader had scrolled to when leaving an address, for coming back to it.
const scrolled = new Map<string, number>();
let returning = false;
addEventListener('popstate', () => (returning = true));
addEventListener('pushstate', () => (returning = false));

/** Notes how far the page is scrolled that is shown at an address. */
export function noteScroll(address: string, y: number): void {
  scrolled.set(address, y);
}

/** Where the page at the address is to be scrolled to: to the top, unless the reader comes back to it. */
export function scrollFor(address: string): number {
  return returning ? (scrolled.get(address) ?? 0) : 0;
}

const router = navaid('/', () => show('notFound', {}));
for (const [page, path] of Object.entries(paths)) {
  router.on(path, (params) => show(page as Page, (params ?? {}) as Record<string, string>));
}

function show(page: Page, params: Record<string, string>): void {
  query = new URLSearchParams(location.search);
  route = { page, params, path: location.pathname };
}

/** Follows the address from now on. */
export function listen(): () => void {
  router.listen();
  return () => router.unlisten?.();
}

export function page(): Page {
  return route.page;
}

export function path(): string {
  return route.path;
}

/** A part of the path, decoded; empty if the path has no such part. */
export function param(name: string): string {
  const part = route.params[name] ?? '';
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray percent sign: no page has that name
  }
}

export function parameter(name: string): string | null {
  return query.get(name);
}

/** Goes to another page. */
export function go(to: string, replace = false): void {
  router.route(to, replace);
}

/** Sets or (null) removes parameters of the address without leaving the page. */
export function setParameters(changes: Record<string, string | null>): void {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  history.replaceState(history.state, '', location.pathname + (text ? `?${text}` : ''));
  query = next;
}
