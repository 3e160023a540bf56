import { describe, expect, it } from 'vitest';
import { decidable, drafts, evidenceParts, following, group, newKey, ordered, reasons, rowState, values, type Finding, type FindingRow } from './findings.ts';

function finding(id: string, severity: Finding['severity'], rule: string, decision: Finding['decision'] = null): Finding {
  return {
    id, symbol: 'SPY', severity, rule, decision, sessions: ['2025-09-26'], evidence: '', remedy: '', decided_by: null, decided_why: null,
    found_at: '2025-09-26T21:00:00Z', links: { self: '', decision: '', etf: '' },
  }; // prettier-ignore
}

describe('findings', () => {
  it('are grouped as the API asks for decisions: errors, rows held, warnings, information', () => {
    expect(group(finding('a', 'error', 'price_jump'))).toBe('error');
    expect(group(finding('a', 'warning', 'held_close'))).toBe('held');
    expect(group(finding('a', 'warning', 'unfinished_row'))).toBe('held');
    expect(group(finding('a', 'warning', 'price_jump'))).toBe('warning');
    expect(group(finding('a', 'info', 'held_close'))).toBe('info');
    const list = [finding('1', 'warning', 'price_jump'), finding('2', 'error', 'ohlc_order'), finding('3', 'warning', 'held_close'), finding('4', 'error', 'unit_change')];
    expect(ordered(list).map((f) => f.id)).toEqual(['2', '4', '3', '1']);
  });
  // The cases of quality.Decidable's test.
  it('can be decided on as the API allows', () => {
    const all = ['accept', 'reject', 'replace', 'refetch', 'retract'];
    expect(decidable(finding('a', 'error', 'price_jump'))).toEqual(all);
    expect(decidable(finding('a', 'warning', 'held_close'))).toEqual(all);
    expect(decidable(finding('a', 'warning', 'price_jump'))).toEqual(['retract', 'replace']);
    expect(decidable(finding('a', 'info', 'held_close'))).toEqual(['retract', 'replace']);
    expect(decidable({ ...finding('a', 'error', 'price_jump'), sessions: [] })).toEqual([]);
    expect(decidable(finding('a', 'error', 'price_jump', 'reject'))).toEqual(['undo']);
    expect(decidable(finding('a', 'error', 'price_jump', 'superseded'))).toEqual([]);
  });
  it('are followed by the next one, at the end by the one before', () => {
    const list = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
    expect(following(list, 'a')).toBe('b');
    expect(following(list, 'c')).toBe('b');
    expect(following(list, 'gone')).toBe('a');
    expect(following([{ id: 'a' }], 'a')).toBeUndefined();
    expect(following([], 'a')).toBeUndefined();
  });
  it('offer a reason for every decision', () => {
    for (const d of ['accept', 'reject', 'replace', 'refetch', 'retract', 'undo'] as const) expect(reasons('price_jump', d).length).toBeGreaterThan(0);
    expect(reasons('unit_change', 'reject')).toContain('unit');
    // the one that is recorded if none is chosen claims no comparison that nobody has made
    expect([reasons('price_jump', 'accept')[0], reasons('price_jump', 'reject')[0]]).toEqual(['looksRight', 'looksWrong']);
  });
});

describe('evidence', () => {
  it('is split at semicolons, but not inside brackets', () => {
    expect(evidenceParts('2025-09-26: close 1 (up; far); near the split 4:1; ')).toEqual(['2025-09-26: close 1 (up; far)', 'near the split 4:1']);
    expect(evidenceParts('a) ; b')).toEqual(['a)', 'b']);
  });
});

describe('typed rows', () => {
  const row: FindingRow = { session: '2025-09-26', named: true, found: { session: '2025-09-26', open: 1, high: 2, low: 0.5, close: 1.25, volume: null }, stored: null, second: null };
  it('begin with the numbers found', () => {
    expect(drafts([row, { ...row, session: '2025-09-29', named: false }])).toEqual([{ session: '2025-09-26', open: '1', high: '2', low: '0.5', close: '1.25', volume: '' }]);
  });
  it('become the values of a decision, without what is left out', () => {
    expect(values([{ session: '2025-09-26', open: '', high: '', low: '', close: '1,199.3', volume: '' }])).toEqual([{ session: '2025-09-26', close: 1199.3 }]);
  });
  it('are refused without a close, or with something that is not a number', () => {
    expect(values([{ session: '2025-09-26', open: '', high: '', low: '', close: '', volume: '' }])).toBeUndefined();
    expect(values([{ session: '2025-09-26', open: 'x', high: '', low: '', close: '1', volume: '' }])).toBeUndefined();
    expect(values([{ session: '2025-09-26', open: '-1', high: '', low: '', close: '1', volume: '' }])).toBeUndefined();
    expect(values([])).toBeUndefined();
  });
});

it('a row without a stored bar is absent', () => {
  expect(rowState({ session: '2025-09-26', named: true, found: null, stored: null, second: null })).toBe('absent');
});

it('keys are 32 hex digits, each another', () => {
  const keys = new Set(Array.from({ length: 100 }, newKey));
  expect(keys.size).toBe(100);
  for (const k of keys) expect(k).toMatch(/^[0-9a-f]{32}$/);
});
