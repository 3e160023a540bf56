import { describe, expect, it } from 'vitest';
import { applied, groups, said, wholes, type Backtest, type Row } from './backtest.ts';

const row = (etf: string, exchange: string, model: string, horizon: number, served = false): Row => ({ etf, exchange, model, horizon, served }) as unknown as Row;
const words = (r: Parameters<typeof groups>[0]): string[] => said(groups(r)).map((s) => `${s.group.key} ${s.horizon} ${s.model ?? 'none'}`);

describe('groups', () => {
  it('have the exchanges first, horizons ascending, and the benchmark first', () => {
    const list = groups({
      results: [row('A', 'XNYS', 'theta', 5), row('A', 'XNYS', 'drift', 5), row('A', 'XNYS', 'theta', 1), row('A', 'XNYS', 'drift', 1)],
      pooled: [row('', 'XNYS', 'drift', 1)],
    });
    expect(list.map((g) => g.key)).toEqual(['all XNYS', 'A']);
    expect(list[1]?.horizons.map((h) => [h.horizon, ...h.rows.map((r) => r.model)])).toEqual([
      [1, 'drift', 'theta'],
      [5, 'drift', 'theta'],
    ]);
  });
});

describe('what is said', () => {
  it('is that none is better, unless the gate serves one', () => {
    const rows = [row('A', 'XNYS', 'drift', 1, true), row('A', 'XNYS', 'theta', 1), row('A', 'XNYS', 'drift', 5), row('A', 'XNYS', 'theta', 5, true)];
    expect(words({ results: rows, pooled: [] })).toEqual(['A 1 none', 'A 5 theta']);
  });
  it('is what the exchange’s gate says, not that of one of its ETFs', () => {
    const results = [row('A', 'XNYS', 'drift', 1), row('A', 'XNYS', 'theta', 1, true), row('B', 'XNYS', 'drift', 1, true), row('B', 'XNYS', 'theta', 1)];
    expect(words({ results, pooled: [row('', 'XNYS', 'drift', 1, true), row('', 'XNYS', 'theta', 1)] })).toEqual(['all XNYS 1 none']);
  });
  it('is nothing where only the benchmark was measured', () => {
    expect(words({ results: [row('A', 'XNYS', 'drift', 1, true)], pooled: [] })).toEqual([]);
  });
});

describe('an event', () => {
  const b = { id: 'x', status: 'running', counts: { etfs: 8, measured: 3, failed: 0, origins: 900 } } as Backtest;
  const event = (subject: string, counts: object) => ({ id: 1, at: '', kind: 'backtest.progress', subject, data: { counts } });
  it('moves the progress on', () => {
    expect(applied(b, event('x', { etfs: 8, measured: 4, failed: 1, origins: 1200 })).counts).toEqual({ etfs: 8, measured: 4, failed: 1, origins: 1200 });
  });
  it('of another backtest, a late one, or one after the end changes nothing', () => {
    expect(applied(b, event('y', { etfs: 8, measured: 4 }))).toBe(b);
    expect(applied(b, event('x', { etfs: 8, measured: 2 }))).toBe(b);
    const done = { ...b, status: 'completed' } as Backtest;
    expect(applied(done, event('x', { etfs: 8, measured: 4 }))).toBe(done);
  });
});

describe('wholes', () => {
  it('reads numbers, and marks what is none', () => {
    expect(wholes('1, 5,21')).toEqual([1, 5, 21]);
    expect(wholes(' ')).toEqual([]);
    expect(wholes('1 five -2 1.5')).toEqual([1, null, null, null]);
  });
});
