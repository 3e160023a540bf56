import { describe, expect, it } from 'vitest';
import type { Schema } from './api/client.ts';
import { alarms, history, measured, outcome, served, servedAt, weightTable, type Coverage, type Verdict } from './skill.ts';

const measure = (nominal: number, n: number, alarm = false) => ({ nominal, measured: nominal - 0.01, n, sessions: n, low: nominal - 0.1, high: nominal + 0.05, e_value: 1, alarm });
const coverage: Coverage[] = [
  { horizon: 1, measures: [measure(0.5, 40), measure(0.9, 40, true)] },
  { horizon: 5, measures: [measure(0.5, 0), measure(0.9, 0)] },
];
const verdict = (session: string, n = 10): Verdict => ({ exchange: 'XNYS', session, model: 'theta', horizon: 1, passed: false, served: false, n, mean: 0, low: -1, high: 1, level: 0.01 });

describe('coverage', () => {
  it('is that of the interval and horizon asked for, and none without scores', () => {
    expect(measured(coverage, 1, 0.9)?.n).toBe(40);
    expect(measured(coverage, 5, 0.9)).toBeUndefined();
    expect(measured(coverage, 21, 0.9)).toBeUndefined();
  });
  it('raises alarms by horizon', () => {
    expect(alarms(coverage).map((a) => [a.horizon, a.measure.nominal])).toEqual([[1, 0.9]]);
    expect(alarms(coverage, 5)).toEqual([]);
  });
});

describe('the gate', () => {
  it('serves, passes, or shows a model to be worse', () => {
    const v = verdict('2026-01-02');
    expect(outcome({ ...v, passed: true, served: true })).toBe('served');
    expect(outcome({ ...v, passed: true })).toBe('passed');
    expect(outcome({ ...v, low: 0.01 })).toBe('worse');
    expect(outcome({ ...v, low: 0.01, n: 0 })).toBe('open');
    expect(outcome(v)).toBe('open');
  });
  it('has a history, oldest first, thinned out with its ends kept', () => {
    const list = Array.from({ length: 100 }, (_, i) => verdict(`2026-${String(1 + (i % 12)).padStart(2, '0')}-${String(1 + Math.floor(i / 12)).padStart(2, '0')}`));
    const thinned = history([...list, verdict('2025-01-01', 0)], 10);
    expect(thinned.length).toBe(10);
    expect([thinned[0]?.session, thinned[9]?.session]).toEqual(['2026-01-01', '2026-12-08']);
    expect(history(list.slice(0, 3), 10).map((v) => v.session)).toEqual(['2026-01-01', '2026-02-01', '2026-03-01']);
  });
  it('says which model is served where', () => {
    const models = [{ name: 'drift', served_for: [] }, { name: 'theta', served_for: [verdict('2026-01-02')] }] as unknown as Schema<'Model'>[];
    expect([servedAt(models, 'XNYS', 1, 'drift'), servedAt(models, 'XNYS', 5, 'drift'), servedAt(models, 'XKRX', 1, 'drift')]).toEqual(['theta', 'drift', 'drift']);
    expect(served(models, 'XNYS', [1, 5, 21], 'drift')).toEqual([
      { model: 'theta', horizons: [1] },
      { model: 'drift', horizons: [5, 21] },
    ]);
  });
});

describe('weights', () => {
  it('have horizons ascending and the greatest weights first', () => {
    expect(weightTable({ '21': { drift: 0.2, theta: 0.8 }, '5': { drift: 0.5, theta: 0.4, ets: 0.1 } })).toEqual({ horizons: ['5', '21'], models: ['theta', 'drift', 'ets'] });
  });
});
