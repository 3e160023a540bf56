// How far a model's intervals can be trusted, and what the gate makes of its record, without any markup.
import type { Schema } from './api/client.ts';

export type Coverage = Schema<'ForecastCoverage'>;
export type Measure = Schema<'CoverageMeasure'>;
export type Skill = Schema<'ForecastSkill'>;
export type Verdict = Schema<'GateVerdict'>;

/** The measure of an interval at a horizon, if it has any score yet. */
export function measured(list: readonly Coverage[], horizon: number, nominal: number): Measure | undefined {
  const m = list.find((c) => c.horizon === horizon)?.measures.find((x) => Math.abs(x.nominal - nominal) < 1e-9);
  return m && m.n > 0 ? m : undefined;
}

/** The intervals whose coverage is known to be wrong: at any horizon, or at one. */
export function alarms(list: readonly Coverage[], horizon?: number): { horizon: number; measure: Measure }[] {
  return list.filter((c) => horizon === undefined || c.horizon === horizon).flatMap((c) => c.measures.filter((m) => m.alarm).map((measure) => ({ horizon: c.horizon, measure })));
}

/** What the gate makes of a model: it serves it, or it passed and another is served, or its sequence lies above 0, or it can't be told. */
export function outcome(v: Pick<Verdict, 'served' | 'passed' | 'n' | 'low'>): 'served' | 'passed' | 'worse' | 'open' {
  if (v.served) return 'served';
  if (v.passed) return 'passed';
  return v.n > 0 && v.low > 0 ? 'worse' : 'open';
}

/** The model that is served on an exchange at a horizon, by what `/v1/models` says; the benchmark if no other is. */
export function servedAt(models: readonly Schema<'Model'>[], exchange: string, horizon: number, benchmark: string): string {
  return models.find((m) => m.served_for.some((v) => v.exchange === exchange && v.horizon === horizon))?.name ?? benchmark;
}

/** A model and the horizons at which it is served. */
export interface Served {
  model: string;
  horizons: number[];
}

/** The models that are served on an exchange at some horizons, the one of the shortest horizon first. */
export function served(models: readonly Schema<'Model'>[], exchange: string, horizons: readonly number[], benchmark: string): Served[] {
  return byModel(horizons.map((horizon) => ({ horizon, model: servedAt(models, exchange, horizon, benchmark) })));
}

/** The models in the order in which they come, each with its horizons. */
export function byModel(list: readonly { model: string; horizon: number }[]): Served[] {
  const out: Served[] = [];
  for (const { model, horizon } of list) {
    const known = out.find((s) => s.model === model);
    if (known) known.horizons.push(horizon);
    else out.push({ model, horizons: [horizon] });
  }
  return out;
}

/** Verdicts as a path through sessions, oldest first; at most `most` of them, the newest and the oldest included. */
export function history(list: readonly Verdict[], most: number): Verdict[] {
  const all = list.filter((v) => v.n > 0).sort((a, b) => (a.session < b.session ? -1 : 1));
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / (most - 1))]!);
}

/** A combination's weights: horizons ascending, models in order of their greatest weight. */
export function weightTable(weights: Record<string, Record<string, number>>): { horizons: string[]; models: string[] } {
  const horizons = Object.keys(weights).sort((a, b) => Number(a) - Number(b));
  const most = new Map<string, number>();
  for (const h of horizons) for (const [m, w] of Object.entries(weights[h] ?? {})) most.set(m, Math.max(most.get(m) ?? 0, w));
  return { horizons, models: [...most.keys()].sort((a, b) => (most.get(b) ?? 0) - (most.get(a) ?? 0) || (a < b ? -1 : 1)) };
}
