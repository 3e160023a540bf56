// Which ETFs the overview lists, and in which order.
import type { Schema } from './api/client.ts';

export type Overview = Schema<'Overview'>;
export type Item = Schema<'OverviewItem'>;
export type Exchange = Schema<'OverviewExchange'>;

export const columns = ['symbol', 'exchange', 'close', 'change', 'age', 'next', 'month', 'state'] as const;
export type Column = (typeof columns)[number];
export interface Order {
  column: Column;
  descending: boolean;
}

/** States to choose from: those of the newest bar, `stale` (late) and `waiting` (a finding waits for a decision). */
export const states = ['ok', 'held', 'quarantined', 'provisional', 'missing', 'stale', 'waiting'] as const;
export type State = (typeof states)[number];

export interface Filter {
  text: string;
  exchange: string;
  state: string;
}

/** The order that the address names: `change`, or `-change` for the largest first. By symbol if it names none. */
export function parseOrder(text: string | null): Order {
  const descending = text?.startsWith('-') ?? false;
  const name = descending ? text?.slice(1) : text;
  const column = columns.find((c) => c === name);
  return column ? { column, descending } : { column: 'symbol', descending: false };
}

/** As parseOrder reads it; null for the order that needs no mention. */
export function orderText(order: Order): string | null {
  if (order.column === 'symbol' && !order.descending) return null;
  return (order.descending ? '-' : '') + order.column;
}

/** The order after a click on a column: numbers begin with the largest, texts with the first; a second click turns it round. */
export function turned(order: Order, column: Column): Order {
  if (order.column === column) return { column, descending: !order.descending };
  return { column, descending: column === 'change' || column === 'next' || column === 'month' || column === 'close' || column === 'state' };
}

/** What the table says of an ETF in one word: the worst first. */
export function stateOf(item: Item): State {
  if (item.state === 'quarantined' || item.state === 'held' || item.state === 'missing') return item.state;
  if (item.freshness === 'stale') return 'stale';
  return item.state;
}

/** How an ETF's badge is coloured. */
export const tones: Record<State, 'good' | 'warn' | 'bad' | 'held' | 'muted'> = {
  ok: 'good',
  held: 'held',
  quarantined: 'bad',
  provisional: 'muted',
  missing: 'bad',
  stale: 'bad',
  waiting: 'warn',
};

const urgency: Record<State, number> = { ok: 0, provisional: 1, waiting: 2, held: 3, stale: 4, missing: 5, quarantined: 6 };

/** The forecast for a number of sessions ahead. */
export function ahead(item: Item, horizon: number): Item['forecasts'][number] | undefined {
  return item.forecasts.find((f) => f.horizon === horizon);
}

/** The horizons that an overview shows: the next session, and about a month. */
export const horizons = { next: 1, month: 21 } as const;

function expected(item: Item, horizon: number): number | null {
  const f = ahead(item, horizon);
  return f && item.close ? f.mean / item.close - 1 : null;
}

function key(item: Item, column: Column): number | string | null {
  switch (column) {
    case 'symbol':
      return item.symbol;
    case 'exchange':
      return item.exchange;
    case 'close':
      return item.close;
    case 'change':
      return item.change;
    case 'age':
      return item.known_from ? -Date.parse(item.known_from) : null;
    case 'next':
      return expected(item, horizons.next);
    case 'month':
      return expected(item, horizons.month);
    case 'state':
      return urgency[stateOf(item)] + (item.findings > 0 ? 0.5 : 0);
  }
}

/** The ETFs that pass the filter, in order; those without a value come last whichever way the order goes. */
export function listed(items: readonly Item[], filter: Filter, order: Order): Item[] {
  const text = filter.text.trim().toUpperCase();
  const sign = order.descending ? -1 : 1;
  return items
    .filter(
      (i) =>
        (!text || i.symbol.includes(text) || (i.name?.toUpperCase().includes(text) ?? false)) &&
        (!filter.exchange || i.exchange === filter.exchange) &&
        (!filter.state || i.state === filter.state || (filter.state === 'stale' && i.freshness === 'stale') || (filter.state === 'waiting' && i.findings > 0)),
    )
    .map((item) => ({ item, key: key(item, order.column) }))
    .sort((a, b) => {
      if (a.key === null || b.key === null) return a.key === b.key ? compare(a.item.symbol, b.item.symbol) : a.key === null ? 1 : -1;
      return sign * compare(a.key, b.key) || compare(a.item.symbol, b.item.symbol);
    })
    .map(({ item }) => item);
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Which rows of a fixed height are to be drawn: those in sight and some on either side. `kept` is drawn wherever it is. */
export function inSight(count: number, height: number, top: number, bottom: number, kept = -1, spare = 8): number[] {
  const first = Math.max(0, Math.floor(top / height) - spare);
  const last = Math.min(count - 1, Math.ceil(bottom / height) - 1 + spare);
  const rows: number[] = [];
  if (kept >= 0 && kept < first && kept < count) rows.push(kept);
  for (let i = first; i <= last; i++) rows.push(i);
  if (kept > last && kept < count) rows.push(kept);
  return rows;
}

/** The points of a line through values, in a box of that size, for the attribute `points` of an SVG polyline. */
export function linePoints(values: readonly number[], width: number, height: number, edge = 1.5): string {
  if (values.length < 2) return '';
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = (width - 2 * edge) / (values.length - 1);
  return values.map((v, i) => `${(edge + i * step).toFixed(1)},${(height - edge - ((v - low) / span) * (height - 2 * edge)).toFixed(1)}`).join(' ');
}
