// What the pages of runs need to know about runs, without any markup.
import type { Schema } from './api/client.ts';
import type { LiveEvent } from './live.svelte.ts';

export type Run = Schema<'Run'>;
export type RunDetail = Schema<'RunDetail'>;
export type RunETF = Schema<'RunETF'>;
export type Counts = Schema<'RunCounts'>;
export type Outcome = RunETF['outcome'];

/** The steps of one ETF's update, in order. */
export const stages = ['fetch', 'validate', 'persist', 'forecast'] as const;
export type Stage = (typeof stages)[number];
export type Step = 'done' | 'now' | 'failed' | 'stopped' | 'open';

/** The outcomes in the order in which they are shown. */
export const outcomes = ['updated', 'unchanged', 'quarantined', 'failed', 'elsewhere', 'cancelled'] as const;

export function tone(outcome: string): string {
  return { updated: 'good', unchanged: 'good', quarantined: 'warn', failed: 'bad', running: 'accent' }[outcome] ?? 'muted';
}

export function statusTone(status: string): string {
  return { running: 'accent', completed: 'good', failed: 'bad', terminated: 'bad', timed_out: 'bad' }[status] ?? 'muted';
}

/** How far each step of an ETF's update has come. */
export function steps(e: Pick<RunETF, 'stage' | 'outcome'>): Step[] {
  const ended = e.outcome !== 'running';
  if (e.stage === 'done' || e.outcome === 'updated' || e.outcome === 'unchanged') return stages.map(() => 'done');
  const at = e.stage === null ? -1 : stages.indexOf(e.stage as Stage);
  return stages.map((_, i) => {
    if (i < at) return 'done';
    if (i > at) return 'open';
    if (!ended) return 'now';
    return e.outcome === 'failed' ? 'failed' : 'stopped';
  });
}

/** How many of the due ETFs have an outcome. */
export function ended(c: Counts): number {
  return outcomes.reduce((sum, o) => sum + c[o], 0);
}

/** The ETFs that a re-run of what failed would name. */
export function failedOnes(list: readonly RunETF[]): string[] {
  return list.filter((e) => e.outcome === 'failed' || e.outcome === 'cancelled').map((e) => e.symbol);
}

const urgency: Record<string, number> = { failed: 0, quarantined: 1, running: 2, cancelled: 3 };

/** What needs attention first, then by symbol. */
export function byAttention(list: readonly RunETF[]): RunETF[] {
  const rank = (e: RunETF): number => (e.held ? 1.5 : (urgency[e.outcome] ?? 4));
  return [...list].sort((a, b) => rank(a) - rank(b) || (a.symbol < b.symbol ? -1 : 1));
}

/** The finding that a message names, for a link. */
export function findingIn(message: string | null): string | undefined {
  return /\bfinding ([0-9a-f]{32})\b/.exec(message ?? '')?.[1];
}

/** The step that is going on after an event: the one after that which the event tells of. */
const next: Record<string, Stage> = { 'etf.fetched': 'validate', 'etf.validated': 'persist', 'etf.stored': 'forecast', 'etf.forecast': 'forecast' };

function blank(symbol: string, session: string): RunETF {
  return {
    symbol, session, stage: null, outcome: 'running', source: null, rows_new: 0, rows_unchanged: 0, rows_revised: 0, rows_quarantined: 0, findings: 0, forecasts: 0,
    attempts: 0, error_type: null, error_message: null, held: false, provisional: false,
  }; // prettier-ignore
}

const count = (v: unknown): number => (typeof v === 'number' ? v : 0);
const words = (v: unknown): string | null => (typeof v === 'string' && v !== '' ? v : null);

/** The run after an event of its stream. Events that come again or late change nothing that is known better. */
export function applied(run: RunDetail, e: LiveEvent): RunDetail {
  if (e.run !== undefined && e.run !== run.id) return run;
  const counts = e.data['counts'];
  const counted = typeof counts === 'object' && counts !== null ? { ...run.counts, ...(counts as Partial<Counts>) } : run.counts;
  switch (e.kind) {
    case 'run.progress': {
      if (run.status !== 'running') return run;
      const told = Array.isArray(e.data['etfs']) ? (e.data['etfs'] as Partial<RunETF>[]) : [];
      return { ...run, counts: counted, etfs: { ...run.etfs, items: merged(run, told) } };
    }
    case 'run.ended': {
      const status = e.data['status'];
      return { ...run, counts: counted, error: words(e.data['error']), finished_at: run.finished_at ?? e.at, ...(typeof status === 'string' ? { status: status as Run['status'] } : {}) };
    }
  }
  const stage = next[e.kind];
  if (!stage || !e.symbol || run.status !== 'running') return run;
  const old = run.etfs.items.find((x) => x.symbol === e.symbol) ?? blank(e.symbol, run.session);
  if (old.outcome !== 'running' || stages.indexOf(stage) < stages.indexOf(old.stage as Stage)) return run;
  const change: Partial<RunETF> = { symbol: e.symbol, stage };
  if (e.kind === 'etf.fetched') change.source = words(e.data['source']) ?? old.source;
  if (e.kind === 'etf.validated') change.findings = count(e.data['findings']);
  if (e.kind === 'etf.stored') {
    change.rows_new = count(e.data['new']);
    change.rows_unchanged = count(e.data['unchanged']);
    change.rows_revised = count(e.data['revised']);
    change.rows_quarantined = count(e.data['quarantined']);
  }
  if (e.kind === 'etf.forecast') change.forecasts = Object.keys((e.data['models'] as object | undefined) ?? {}).length;
  return { ...run, etfs: { ...run.etfs, items: merged(run, [change]) } };
}

function merged(run: RunDetail, told: readonly Partial<RunETF>[]): RunETF[] {
  const items = new Map(run.etfs.items.map((x) => [x.symbol, x]));
  for (const x of told) {
    if (!x.symbol) continue;
    const old = items.get(x.symbol) ?? blank(x.symbol, run.session);
    const clean = Object.fromEntries(Object.entries(x).filter(([, v]) => v !== undefined && v !== ''));
    items.set(x.symbol, { ...old, ...clean });
  }
  return [...items.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}
