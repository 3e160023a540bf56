// What the price chart draws, computed from the API's data. No drawing here.
import type { Schema } from '../api/client.ts';

export type Bar = Schema<'Bar'>;
export type Action = Schema<'Action'>;
export type Finding = Schema<'Finding'>;
export type Forecast = Schema<'Forecast'>;
export type Adjust = 'none' | 'split' | 'total';

/** A bar as it is drawn. On XKRX, a session without trades has only a close. */
export interface Candle {
  session: string;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number | null;
  state: BarState;
  traded: boolean;
}
export type BarState = 'ok' | 'held' | 'quarantined' | 'provisional';

export function stateOf(bar: Pick<Bar, 'held' | 'quarantined' | 'provisional'>): BarState {
  if (bar.quarantined) return 'quarantined';
  if (bar.held) return 'held';
  return bar.provisional ? 'provisional' : 'ok';
}

/** Whether a bar is believed, and so used in forecasts. */
export function believed(bar: Pick<Bar, 'held' | 'quarantined'>): boolean {
  return !bar.held && !bar.quarantined;
}

export function candle(bar: Bar): Candle {
  const traded = bar.open !== 0 || bar.high !== 0 || bar.low !== 0;
  const { session, close, volume } = bar;
  const at = traded ? { open: bar.open, high: bar.high, low: bar.low } : { open: close, high: close, low: close };
  return { session, ...at, close, volume, state: stateOf(bar), traded };
}

/**
 * The change from one close to a later one as a ratio. `splits` are those that the closes are not restated for: on the day of a 2:1 split the price
 * halves, and nobody has lost anything.
 */
export function changeOf(before: Bar | undefined, bar: Bar | undefined, splits: readonly Split[] = []): number | undefined {
  if (!before || !bar || before.close === 0) return undefined;
  return (bar.close * sharesPer(splits, before.session, bar.session)) / before.close - 1;
}

/** The last believed bar and the change from the believed one before it. */
export function lastChange(bars: readonly Bar[], splits: readonly Split[] = []): { last: Bar | undefined; change: number | undefined } {
  const used = bars.filter(believed).slice(-2);
  return { last: used.at(-1), change: used.length === 2 ? changeOf(used[0], used[1], splits) : undefined };
}

/** A civil date so many days, months or years earlier. */
export function earlier(session: string, { days = 0, months = 0, years = 0 }: { days?: number; months?: number; years?: number }): string {
  const d = new Date(`${session}T00:00:00Z`);
  const day = d.getUTCDate();
  d.setUTCDate(1);
  d.setUTCFullYear(d.getUTCFullYear() - years);
  d.setUTCMonth(d.getUTCMonth() - months);
  const length = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate();
  d.setUTCDate(Math.min(day, length) - days);
  return d.toISOString().slice(0, 10);
}

export type Split = { ex: string; ratio: number };

/** The accepted splits, each once: several sources may state the same one. */
export function splitsOf(actions: readonly Action[]): Split[] {
  const found = new Map<string, Split>();
  for (const a of actions) {
    if (a.kind !== 'split' || a.status !== 'accepted' || !a.ratio) continue;
    const [to, from] = a.ratio.split(':').map(Number);
    if (!to || !from) continue;
    found.set(`${a.ex} ${to / from}`, { ex: a.ex, ratio: to / from });
  }
  return [...found.values()].sort((a, b) => a.ex.localeCompare(b.ex));
}

/** How many shares at `to` are one share at `from`, by the splits in between. */
export function sharesPer(splits: readonly Split[], from: string, to: string): number {
  if (from > to) return 1 / sharesPer(splits, to, from);
  return splits.reduce((n, s) => (from < s.ex && s.ex <= to ? n * s.ratio : n), 1);
}

/** The intervals that a fan shows, from the widest to the narrowest, with the levels of their ends. */
export const intervals = [
  { level: 95, low: '0.025', high: '0.975' },
  { level: 90, low: '0.05', high: '0.95' },
  { level: 80, low: '0.1', high: '0.9' },
  { level: 50, low: '0.25', high: '0.75' },
] as const;

/** One target of a fan. `bands` are in the order of `intervals`; an interval that the forecast lacks is null. */
export interface FanPoint {
  session: string;
  horizon: number;
  median: number;
  mean: number;
  bands: ([number, number] | null)[];
}

/**
 * A forecast as it is drawn: it begins at the price it was made from, at the origin, and has a point for each target.
 * `at` is the factor that restates a price in the shares of the origin as the chart's prices of a session are stated.
 */
export function fan(forecast: Forecast, start: number | undefined, at: (session: string) => number): FanPoint[] {
  const points = forecast.points.map((p) => {
    const target = p.moved_to ?? p.target; // the session that the horizon ends on now
    const k = at(target);
    const q = (level: string) => p.quantiles[level];
    return {
      session: target,
      horizon: p.horizon,
      median: (q('0.5') ?? p.mean) * k,
      mean: p.mean * k,
      bands: intervals.map(({ low, high }): [number, number] | null => {
        const l = q(low);
        const h = q(high);
        return l === undefined || h === undefined ? null : [l * k, h * k];
      }),
    };
  });
  if (start === undefined) return points;
  const origin = { session: forecast.origin, horizon: 0, median: start, mean: start, bands: intervals.map((): [number, number] => [start, start]) };
  return [origin, ...points];
}

/**
 * The factor that restates a price in the shares of a forecast's origin as the chart states the prices of a session. Splits change the
 * number of shares; with `total`, prices are also lowered by later distributions, by which factor only the bars of the session tell.
 */
export function restating(
  adjust: Adjust,
  splits: readonly Split[],
  origin: string,
  last: string,
  drawn: ReadonlyMap<string, number>,
  raw: ReadonlyMap<string, number>,
): (session: string) => number {
  return (session) => {
    if (adjust === 'none') return 1 / sharesPer(splits, origin, session);
    const toLast = session > last ? 1 / sharesPer(splits, origin, session) : 1 / sharesPer(splits, origin, last);
    if (adjust === 'split') return toLast;
    const d = drawn.get(session);
    const r = raw.get(session);
    return d !== undefined && r ? d / r / sharesPer(splits, origin, session) : toLast;
  };
}

/** A session whose bar is believed otherwise now than it was then. */
export interface Changed {
  session: string;
  then: Bar | null;
  now: Bar | null;
  close: boolean; // the close differs
  state: boolean; // it was kept out and is used now, or the other way round
}

/**
 * What has changed between two beliefs about the same series, both as stored (not adjusted), newest session first. Sessions after the last one
 * known then are not changes but news.
 */
export function changes(then: readonly Bar[], now: readonly Bar[]): { changed: Changed[]; added: number } {
  const current = new Map(now.map((b) => [b.session, b]));
  const last = then.at(-1)?.session ?? '';
  const changed: Changed[] = [];
  const seen = new Set<string>();
  for (const a of then) {
    seen.add(a.session);
    const b = current.get(a.session) ?? null;
    if (!b) {
      changed.push({ session: a.session, then: a, now: null, close: true, state: false });
      continue;
    }
    const close = a.close !== b.close;
    const state = believed(a) !== believed(b);
    const other = a.open !== b.open || a.high !== b.high || a.low !== b.low || a.volume !== b.volume;
    if (close || state || other) changed.push({ session: a.session, then: a, now: b, close, state });
  }
  let added = 0;
  for (const b of now) {
    if (seen.has(b.session)) continue;
    if (b.session > last) added++;
    else changed.push({ session: b.session, then: null, now: b, close: true, state: false });
  }
  changed.sort((x, y) => y.session.localeCompare(x.session));
  return { changed, added };
}

/** Inside which of a fan's intervals a price fell: the narrowest one's level, or null if it fell outside all. */
export function insideOf(point: FanPoint, price: number): number | null {
  let found: number | null = null;
  intervals.forEach(({ level }, i) => {
    const band = point.bands[i];
    if (band && band[0] <= price && price <= band[1]) found = level;
  });
  return found;
}

export type Mark = { id: string; session: string; kind: 'split' | 'proposed' | 'distribution' | 'undecided' | 'decided' | 'changed'; text: string; above: boolean };

/** Findings with more sessions than this are marked only at the last one. */
const manySessions = 12;

/**
 * The marks on the chart. `short` leaves out the amounts of distributions, where there is no room for them. The last session of a finding
 * about many carries how many there are.
 */
export function marks(
  actions: readonly Action[],
  findings: readonly Finding[],
  changed: readonly Changed[],
  short: boolean,
  number: (amount: number) => string,
): Mark[] {
  const out: Mark[] = [];
  const stated = new Set<string>();
  for (const a of actions) {
    if (a.status === 'rejected' || a.status === 'cancelled') continue;
    const key = `${a.kind} ${a.ex} ${a.ratio ?? a.amount} ${a.status}`;
    if (stated.has(key)) continue;
    stated.add(key);
    const id = `action:${a.id}`;
    if (a.kind === 'split') {
      const open = a.status === 'proposed';
      out.push({ id, session: a.ex, kind: open ? 'proposed' : 'split', text: open ? `${a.ratio}?` : (a.ratio ?? ''), above: false });
    } else {
      const amount = a.amount === null ? '' : number(a.amount);
      out.push({ id, session: a.ex, kind: 'distribution', text: short ? '' : amount, above: false });
    }
  }
  for (const f of findings) {
    const open = f.decision === null && f.severity !== 'info';
    const id = `finding:${f.id}`;
    const kind = open ? 'undecided' : 'decided';
    if (f.sessions.length > manySessions) {
      out.push({ id, session: f.sessions.at(-1)!, kind, text: `×${f.sessions.length}`, above: true });
    } else {
      for (const session of f.sessions) out.push({ id, session, kind, text: open && f.severity === 'error' ? '!' : '', above: true });
    }
  }
  for (const c of changed) out.push({ id: `changed:${c.session}`, session: c.session, kind: 'changed', text: '', above: true });
  return out.sort((a, b) => a.session.localeCompare(b.session));
}
