// What the pages of backfills and gaps need to know about them, without any markup.
import type { Schema } from './api/client.ts';
import { exchangeNamed, type Exchange } from './exchanges.ts';
import type { LiveEvent } from './live.svelte.ts';

export type Backfill = Schema<'Backfill'>;
export type Detail = Schema<'BackfillDetail'>;
export type FilledETF = Schema<'BackfillETF'>;
export type Gap = Schema<'Gap'>;
export type NewBackfill = Schema<'NewBackfill'>;

/** What a backfill waits for. */
export type Wait = { kind: 'quota' | 'failing'; source: string } | { kind: 'none' } | { kind: 'text'; text: string };

/** What `waits_for` says: reasons separated by semicolons, each in one of the forms that the workflow makes (workflows/backfill.go). */
export function waits(text: string): Wait[] {
  return text.split('; ').map((why) => {
    const quota = /^the daily quota of ([a-z0-9_-]+)$/.exec(why);
    const failing = /^([a-z0-9_-]+), which fails$/.exec(why);
    if (quota?.[1]) return { kind: 'quota', source: quota[1] };
    if (failing?.[1]) return { kind: 'failing', source: failing[1] };
    return why === 'a source that has not answered' ? { kind: 'none' } : { kind: 'text', text: why };
  });
}

/** Whether a backfill has ended. */
export function ended(b: Pick<Backfill, 'status'>): boolean {
  return b.status !== 'running';
}

/** What its badge says: its status, or that a running one is paused or waits. */
export function condition(b: Pick<Backfill, 'status' | 'paused' | 'waits_for'>): Backfill['status'] | 'paused' | 'waiting' {
  if (b.status !== 'running') return b.status;
  return b.paused ? 'paused' : b.waits_for ? 'waiting' : 'running';
}

/** The tone of the badge. A backfill that completed without some of its ETFs is not wholly well. */
export function tone(b: Pick<Backfill, 'status' | 'paused' | 'waits_for' | 'counts'>): string {
  switch (condition(b)) {
    case 'running':
      return 'accent';
    case 'paused':
    case 'waiting':
      return 'warn';
    case 'completed':
      return b.counts.etfs_failed > 0 ? 'warn' : 'good';
    case 'cancelled':
      return 'muted';
    default:
      return 'bad';
  }
}

/** How much is done, in whole percent; 100 only if everything is. Undefined before it has been planned. */
export function percentDone(b: Pick<Backfill, 'status' | 'counts'>): number | undefined {
  const { etfs, sessions, sessions_done } = b.counts;
  if (sessions > 0) return Math.min(Math.floor((100 * sessions_done) / sessions), 100);
  return etfs > 0 || b.status === 'completed' ? 100 : undefined; // nothing was missing
}

/** The milliseconds left at the pace so far. Undefined where that says nothing: it is paused, waits, has ended, or has no pace yet. */
export function timeLeft(b: Pick<Backfill, 'status' | 'paused' | 'waits_for' | 'pace'>): number | undefined {
  if (condition(b) !== 'running' || b.pace.left_s <= 0) return undefined;
  return b.pace.left_s * 1000;
}

/** A backfill after an event. Events that come again or late change nothing that is known better; its pace comes with the next load. */
export function applied<B extends Backfill>(b: B, e: LiveEvent): B {
  if (e.subject !== b.id || b.status !== 'running' || e.kind !== 'backfill.progress') return b;
  const { counts, paused, waits_for: why } = e.data;
  if (typeof counts === 'object' && counts !== null) {
    const now = { ...b.counts, ...(counts as Partial<Backfill['counts']>) };
    const behind = now.sessions_done < b.counts.sessions_done || now.etfs_done < b.counts.etfs_done || now.requests < b.counts.requests;
    return behind ? b : { ...b, counts: now };
  }
  if (typeof paused !== 'boolean') return b;
  const waits = typeof why === 'string' && why !== '' ? why : null;
  return { ...b, paused, waits_for: waits, waits_until: waits === b.waits_for ? b.waits_until : null };
}

/** The ETFs of a backfill: those that failed first, then those under way, then by symbol. */
export function byAttention(list: readonly FilledETF[]): FilledETF[] {
  const rank = (e: FilledETF): number => (e.status === 'failed' ? 0 : e.status === 'running' ? 1 : 2);
  return [...list].sort((a, b) => rank(a) - rank(b) || (a.symbol < b.symbol ? -1 : 1));
}

/** What the form for a new backfill holds. */
export interface Form {
  exchange: Exchange;
  symbols: string;
  from: string;
  to: string;
  source: string;
  refetch: boolean;
  again: boolean;
}

/** The form as the parameters of an address fill it in. What they don't say is empty. */
export function formOf(get: (name: string) => string | null): Form {
  return {
    exchange: exchangeNamed(get('exchange')) ?? 'XNYS',
    symbols: get('symbols') ?? '',
    from: get('from') ?? '',
    to: get('to') ?? '',
    source: get('source') ?? '',
    refetch: get('refetch') !== null,
    again: get('again') !== null,
  };
}

/** The request that a form makes. A refetch is of the whole history: it has no first and last session. */
export function requestOf(f: Form): NewBackfill {
  const symbols = f.symbols.toUpperCase().split(/[\s,]+/).filter(Boolean);
  const source = f.source.trim();
  return {
    exchange: f.exchange,
    refetch: f.refetch,
    again: f.again,
    ...(symbols.length ? { symbols } : {}),
    ...(!f.refetch && f.from ? { from: f.from } : {}),
    ...(!f.refetch && f.to ? { to: f.to } : {}),
    ...(source ? { source } : {}),
  };
}

/** The same backfill once more. One that completed would be found again, so it is asked anew; another goes on with what is missing. */
export function repeatOf(b: Backfill): NewBackfill {
  return {
    exchange: b.exchange,
    refetch: b.refetch,
    again: b.status === 'completed',
    ...(b.symbols.length ? { symbols: b.symbols } : {}),
    ...(b.refetch ? {} : { from: b.from, to: b.to }),
    ...(b.source ? { source: b.source } : {}),
  };
}

/** Whether a source is left to ask for it: one that can have it, and was not asked in vain. */
export function toAsk(g: Pick<Gap, 'asked' | 'unreachable'>): boolean {
  return g.asked === null && !g.unreachable;
}

/** Where a backfill for exactly one gap is started. What was asked in vain is asked again only if that is said. */
export function fillPath(g: Gap): string {
  const query = new URLSearchParams({ start: '1', exchange: g.exchange, symbols: g.symbol, from: g.from, to: g.to });
  if (g.asked !== null) query.set('again', '1');
  return `/backfills?${query}`;
}

/** Where the gaps are listed that a backfill has left. */
export function gapsPath(b: Pick<Backfill, 'exchange' | 'symbols' | 'from' | 'to' | 'refetch'>): string {
  const query = new URLSearchParams({ exchange: b.exchange });
  if (b.symbols.length === 1) query.set('symbol', b.symbols[0] ?? '');
  if (!b.refetch) {
    query.set('from', b.from);
    query.set('to', b.to);
  }
  return `/gaps?${query}`;
}
