import { describe, expect, it } from 'vitest';
import { place, range, ticks } from './candles.ts';

const bar = (low: number, high: number) => ({ open: low, high, low, close: high });

describe('the range of a chart', () => {
  it('is linear for usual moves', () => {
    const r = range([bar(100, 101), bar(99, 102)]);
    expect(r.log).toBe(false);
    expect(r.low).toBeLessThan(99);
    expect(r.high).toBeGreaterThan(102);
    expect(place(r.low, r)).toBe(1);
    expect(place(r.high, r)).toBe(0);
  });
  it('is logarithmic when a price is ten times another', () => {
    const r = range([bar(120, 121), bar(119, 1199)]);
    expect(r.log).toBe(true);
    // the geometric mean of the ends is half way up
    expect(place(Math.sqrt(r.low * r.high), r)).toBeCloseTo(0.5, 12);
  });
  it('leaves zeros and negative prices out and draws them at the bottom', () => {
    const r = range([bar(100, 101), bar(0, 0), bar(-5, -5)]);
    expect(r.low).toBeGreaterThan(90);
    expect(place(0, r)).toBe(1);
    expect(place(-5, r)).toBe(1);
  });
  it('exists without any price', () => {
    expect(range([])).toEqual({ low: 0, high: 1, log: false });
  });
});

describe('ticks', () => {
  it('are round and inside', () => {
    expect(ticks({ low: 98.7, high: 102.2, log: false })).toEqual([99, 100, 101, 102]);
    expect(ticks({ low: 103, high: 1380, log: true })).toEqual([200, 500, 1000]);
  });
  it('are few', () => {
    expect(ticks({ low: 0.01, high: 10000, log: true }).length).toBeLessThanOrEqual(4);
  });
});
