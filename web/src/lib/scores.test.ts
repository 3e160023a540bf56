import { describe, expect, it } from 'vitest';
import { cells, coverage, reach, side, verdict, type Board, type BoardItem } from './scores.ts';

function item(model: string, horizon: number, difference: [number, number, number] | null, more: Partial<BoardItem> = {}): BoardItem {
  return {
    model, entry: false, exchange: 'XNYS', horizon, n: 60, late_n: 0, sessions: 10, from: '2025-09-02', to: '2025-09-15', rel_mae: 1, rel_mae_low: null, rel_mae_high: null,
    rel_crps: 1, rel_crps_low: null, rel_crps_high: null, mase: 1, rmsse: 1, crps: 1, pinball: 1, coverage_50: null, coverage_50_se: null, coverage_80: null, coverage_80_se: null,
    coverage_90: null, coverage_90_se: null, coverage_95: null, coverage_95_se: null, winkler_80: 1, winkler_90: 1, width_80: 1, width_90: 1, pit: [6, 6, 6, 6, 6, 6, 6, 6, 6, 6],
    difference: difference && { low: difference[0], mean: difference[1], high: difference[2], n: 10 * horizon, alpha: 0.05, limit: 0.5 }, dm: null, served: false, verdict: null, coverage: [], ...more,
  }; // prettier-ignore
}

function board(items: BoardItem[], late = false): Board {
  return { late, record_begins: '2025-09-02', summary: '', units: '', items };
}

describe('what is said in words', () => {
  it('is that no model beats the benchmark as long as every sequence contains 0', () => {
    const v = verdict(board([item('drift', 1, null), item('prophet', 1, [-0.02, -0.01, 0.001])]));
    expect([v.kind, v.benchmark, v.comparisons, v.sessions]).toEqual(['none', 'drift', 1, 10]);
  });
  it('names a model only if its whole sequence is below 0', () => {
    const v = verdict(board([item('drift', 1, null), item('a', 1, [-0.02, -0.01, -0.001]), item('b', 1, [-0.02, -0.01, 0]), item('c', 1, [0.001, 0.01, 0.02])]));
    expect([v.kind, v.better.map((i) => i.model), v.worse.map((i) => i.model)]).toEqual(['some', ['a'], ['c']]);
  });
  it('claims nothing about late forecasts, whatever their numbers', () => {
    const v = verdict(board([item('drift', 1, null), item('a', 1, [-0.02, -0.01, -0.001])], true));
    expect([v.kind, v.better, v.worse]).toEqual(['late', [], []]);
  });
  it('is that there is nothing to compare, if there is nothing', () => {
    expect(verdict(board([item('drift', 1, null)])).kind).toBe('nothing');
    expect(verdict(board([])).kind).toBe('nothing');
  });
});

it('cells are grouped by exchange and horizon, in the board’s order', () => {
  const groups = cells([item('drift', 1, null), item('a', 1, null), item('drift', 5, null), item('drift', 1, null, { exchange: 'XKRX' })]);
  expect(groups.map((g) => [g.exchange, g.horizon, g.items.length])).toEqual([['XNYS', 1, 2], ['XNYS', 5, 1], ['XKRX', 1, 1]]);
});

it('a sequence that touches 0 tells nothing', () => {
  expect(side(item('a', 1, [-0.1, -0.05, 0]))).toBe('open');
  expect(side(item('a', 1, [0, 0.05, 0.1]))).toBe('open');
  expect(side(item('a', 1, null))).toBe('open');
});

it('the axis reaches as far as the longest sequence', () => {
  expect(reach([item('drift', 1, null), item('a', 1, [-0.02, -0.01, 0.001]), item('b', 1, [-0.5, 0, 0.5])])).toBe(0.5);
});

it('coverage leaves out what is not known', () => {
  const c = coverage(item('a', 1, null, { coverage_80: 0.75, coverage_80_se: 0.05, coverage_95: 1, coverage_95_se: null }));
  // 0.75 ± 1.96 · 0.05
  expect(c).toEqual([{ level: 80, share: 0.75, low: 0.652, high: 0.848 }, { level: 95, share: 1, low: null, high: null }]);
});
