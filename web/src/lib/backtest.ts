// What the pages of backtests need to know about them, without any markup.
import type { Schema } from './api/client.ts';
import type { LiveEvent } from './live.svelte.ts';

export type Backtest = Schema<'Backtest'>;
export type Detail = Schema<'BacktestDetail'>;
export type Result = Schema<'BacktestOutcome'>;
/** How one model fared at one horizon. What the gate saw is a verdict; the benchmark has none. */
export type Row = Omit<Schema<'BacktestResult'>, 'gate'> & { gate?: { n: number; mean: number; low: number; high: number; passed: boolean } };

/** The model that the others are compared with. */
export const benchmark = 'drift';

/** Whether a backtest has ended. */
export function ended(b: Pick<Backtest, 'status'>): boolean {
  return b.status !== 'running';
}

/** How many ETFs are finished, of how many: 0 before it has been planned. */
export function progress(b: Pick<Backtest, 'counts'>): { done: number; of: number } {
  return { done: b.counts.measured + b.counts.failed, of: b.counts.etfs };
}

/** A backtest after an event. Events that come again or late change nothing that is known better. */
export function applied<B extends Backtest>(b: B, e: LiveEvent): B {
  if (e.subject !== b.id || b.status !== 'running' || e.kind !== 'backtest.progress') return b;
  const counts = { ...b.counts, ...(e.data['counts'] as Partial<Backtest['counts']> | undefined) };
  const now = progress({ counts });
  return now.done < progress(b).done || counts.etfs < b.counts.etfs ? b : { ...b, counts };
}

/** Results that belong together: all ETFs of an exchange, or one ETF. */
export interface Group {
  key: string;
  exchange: string;
  etf: string; // empty for all
  horizons: { horizon: number; rows: Row[] }[];
}

/** The results, those of all ETFs of an exchange first, each by horizon with the benchmark first. */
export function groups(r: { results: readonly object[]; pooled: readonly object[] }): Group[] {
  const out = new Map<string, Group>();
  for (const row of [...r.pooled, ...r.results] as Row[]) {
    const { etf, exchange } = row;
    const key = etf || `all ${exchange}`;
    let g = out.get(key);
    if (!g) out.set(key, (g = { key, exchange, etf, horizons: [] }));
    let h = g.horizons.find((x) => x.horizon === row.horizon);
    if (!h) g.horizons.push((h = { horizon: row.horizon, rows: [] }));
    h.rows.push(row);
  }
  for (const g of out.values()) {
    g.horizons.sort((a, b) => a.horizon - b.horizon);
    for (const h of g.horizons) h.rows.sort((a, b) => Number(b.model === benchmark) - Number(a.model === benchmark)); // stable
  }
  return [...out.values()];
}

/** A sentence on who is better: of a group that a gate decides on, at one horizon. Without a model, none is better than the benchmark. */
export interface Said {
  group: Group;
  horizon: number;
  model: string | undefined;
}

/** What may be said of results in words: a model is called better only if the gate serves it. An ETF alone decides nothing where its exchange does. */
export function said(list: readonly Group[]): Said[] {
  const pooled = new Set(list.filter((g) => g.etf === '').map((g) => g.exchange));
  return list
    .filter((g) => (g.etf === '' ? g.exchange !== '' : g.exchange === '' || !pooled.has(g.exchange)))
    .flatMap((group) =>
      group.horizons
        .filter((h) => h.rows.length > 1)
        .map((h) => ({ group, horizon: h.horizon, model: h.rows.find((r) => r.served && r.model !== benchmark)?.model })),
    );
}

/** Numbers that a form has in one text, such as "1, 5, 21". Null for what is no whole number. */
export function wholes(text: string): (number | null)[] {
  return text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((part) => (/^\d{1,6}$/.test(part) ? Number(part) : null));
}
