import { describe, expect, it } from 'vitest';
import { inSight, linePoints, listed, orderText, parseOrder, stateOf, turned, type Item } from './overview.ts';

const base: Item = {
  symbol: 'SPY', name: 'S&P 500', exchange: 'XNYS', currency: 'USD', source: 'yahoo', session: '2025-09-26', close: 100, previous_close: 99, change: 0.01,
  closes: [99, 100], known_from: '2025-09-26T22:00:00Z', state: 'ok', freshness: 'ok', late_seconds: 0, findings: 0, data_version: 1,
  forecasts: [{ horizon: 1, target: '2025-09-29', model: 'drift', forecast: 'a', mean: 101, low: 98, high: 103, level: 0.9 }],
}; // prettier-ignore
const empty: Item = { ...base, symbol: 'NEW', name: null, session: null, close: null, previous_close: null, change: null, closes: [], known_from: null, state: 'missing', forecasts: [] };
const korean: Item = { ...base, symbol: '069500', exchange: 'XKRX', name: null, change: -0.02, known_from: '2025-09-26T08:00:00Z', findings: 2, freshness: 'stale' };
const all = [base, empty, korean];
const none = { text: '', exchange: '', state: '' };
const symbols = (items: Item[]): string[] => items.map((i) => i.symbol);

describe('listed', () => {
  it('orders by symbol unless told otherwise', () => {
    expect(symbols(listed(all, none, parseOrder(null)))).toEqual(['069500', 'NEW', 'SPY']);
  });
  it.each(['change', '-change', 'age', '-age', 'close', '-next'])('puts what has no value last: %s', (order) => {
    expect(symbols(listed(all, none, parseOrder(order))).at(-1)).toBe('NEW');
  });
  it('orders by change, both ways', () => {
    expect(symbols(listed(all, none, parseOrder('change')))).toEqual(['069500', 'SPY', 'NEW']);
    expect(symbols(listed(all, none, parseOrder('-change')))).toEqual(['SPY', '069500', 'NEW']);
  });
  it('puts the worst state first', () => {
    expect(symbols(listed(all, none, parseOrder('-state')))).toEqual(['NEW', '069500', 'SPY']);
  });
  it('searches symbols and names, whatever the case', () => {
    expect(symbols(listed(all, { ...none, text: ' spy' }, parseOrder(null)))).toEqual(['SPY']);
    expect(symbols(listed(all, { ...none, text: 'p 500' }, parseOrder(null)))).toEqual(['SPY']);
    expect(listed(all, { ...none, text: 'QQQ' }, parseOrder(null))).toEqual([]);
  });
  it('filters by exchange, state, lateness and what waits', () => {
    expect(symbols(listed(all, { ...none, exchange: 'XKRX' }, parseOrder(null)))).toEqual(['069500']);
    expect(symbols(listed(all, { ...none, state: 'missing' }, parseOrder(null)))).toEqual(['NEW']);
    expect(symbols(listed(all, { ...none, state: 'stale' }, parseOrder(null)))).toEqual(['069500']);
    expect(symbols(listed(all, { ...none, state: 'waiting' }, parseOrder(null)))).toEqual(['069500']);
  });
});

describe('order', () => {
  it('is the same in the address and back', () => {
    for (const text of [null, '-symbol', 'change', '-state']) expect(orderText(parseOrder(text))).toBe(text);
    expect(parseOrder('nonsense')).toEqual({ column: 'symbol', descending: false });
  });
  it('is turned round by a second click', () => {
    const once = turned(parseOrder(null), 'change');
    expect(once).toEqual({ column: 'change', descending: true });
    expect(turned(once, 'change')).toEqual({ column: 'change', descending: false });
    expect(turned(once, 'symbol')).toEqual({ column: 'symbol', descending: false });
  });
});

it('a late ETF is stale, unless its newest bar has something worse', () => {
  expect(stateOf(korean)).toBe('stale');
  expect(stateOf({ ...korean, state: 'held' })).toBe('held');
});

describe('inSight', () => {
  it('draws the rows in sight and some around them', () => {
    expect(inSight(2000, 40, 4000, 4400, -1, 2)).toEqual([98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111]);
    expect(inSight(3, 40, -500, 400)).toEqual([0, 1, 2]);
    expect(inSight(0, 40, 0, 400)).toEqual([]);
  });
  it('keeps one row wherever it is', () => {
    expect(inSight(2000, 40, 4000, 4040, 3, 0)).toEqual([3, 100]);
    expect(inSight(2000, 40, 4000, 4040, 1999, 0)).toEqual([100, 1999]);
    expect(inSight(2000, 40, 4000, 4040, 2000, 0)).toEqual([100]);
  });
});

it('a line fills its box', () => {
  expect(linePoints([1, 3, 2], 103, 23)).toBe('1.5,21.5 51.5,1.5 101.5,11.5');
  expect(linePoints([5, 5], 103, 23)).toBe('1.5,21.5 101.5,21.5');
  expect(linePoints([5], 103, 23)).toBe('');
});
