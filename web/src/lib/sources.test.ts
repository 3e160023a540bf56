import { describe, expect, it } from 'vitest';
import { leftForBackfills, offers, ordered, trouble, troubled, usedShare, usedUp, testCommand, type Source } from './sources.ts';

const quota = (more: Partial<NonNullable<Source['quota']>> = {}): NonNullable<Source['quota']> => ({
  day: '2026-11-27', limit: 20, used: 12, behind: 8, reserved: 10, refused: false, renewed_at: '2026-11-28T00:00:00Z', ...more,
}); // prettier-ignore
const source = (name: string, more: Partial<Source> = {}): Source => ({
  name, description: '', ref: '', basis: 'as_traded', restated: false, exchanges: null, depth: { rows: null, days: null }, window_days: null, day_responses: false,
  rate: null, quota: null, key: null, cost: null, pitfalls: null, etfs: 1, preferred_by: 1, links: { self: '' },
  breaker: { state: 'closed', failures: 0, failing: [], reason: null, since: null, retry_at: null, last_success: null }, ...more,
}); // prettier-ignore
const broken = (state: Source['breaker']['state']): Partial<Source> => ({ breaker: { ...source('').breaker, state } });
const key = (present: boolean, problem: string | null): Partial<Source> => ({ key: { variable: 'ETFCAST_TIINGO_KEY', from: null, present, expires: null, problem } });

describe('trouble', () => {
  it('is the worst of what is wrong', () => {
    expect(trouble(source('a'))).toBeUndefined();
    expect(trouble(source('a', { ...broken('open'), ...key(false, 'there is no key') }))).toBe('open');
    expect(trouble(source('a', { ...broken('half_open'), ...key(false, 'there is no key') }))).toBe('key');
    expect(trouble(source('a', key(true, 'the key expires at the end of 2026-12-06')))).toBe('expires');
    expect(trouble(source('a', key(true, null)))).toBeUndefined();
    expect(trouble(source('a', { quota: quota({ used: 20 }) }))).toBe('quota');
    expect(trouble(source('a', { quota: quota() }))).toBeUndefined();
  });
  it('of a source that no ETF names troubles nobody, and the worst comes first', () => {
    const all = [source('z', key(true, 'expires')), source('b', broken('open')), source('a', broken('open')), source('unused', { ...broken('open'), etfs: 0 }), source('fine')];
    expect(troubled(all).map((x) => x.source.name)).toEqual(['a', 'b', 'z']);
  });
});

describe('a quota', () => {
  it('is used up by the count or when the source says so', () => {
    expect([usedUp(quota()), usedUp(quota({ used: 20 })), usedUp(quota({ refused: true }))]).toEqual([false, true, true]);
    expect([usedShare(quota()), usedShare(quota({ used: 30 })), usedShare(quota({ limit: 0, used: 0 }))]).toEqual([0.6, 1, 1]);
  });
  it('leaves to backfills what daily runs do not need any more', () => {
    // 8 are left; the daily runs have made 4 of their 10, and are kept the other 6
    expect(leftForBackfills(quota())).toBe(2);
    expect(leftForBackfills(quota({ used: 18, behind: 8 }))).toBe(2); // the daily runs have made theirs
    expect(leftForBackfills(quota({ used: 16, behind: 12 }))).toBe(0);
    expect(leftForBackfills(quota({ refused: true }))).toBe(0);
  });
});

it('a source is offered for its exchanges only', () => {
  expect([offers({ exchanges: null }, 'XTKS'), offers({ exchanges: ['XNYS'] }, 'XNYS'), offers({ exchanges: ['XNYS'] }, 'XKRX')]).toEqual([true, true, false]);
});

it('sources in use come first', () => {
  expect(ordered([source('c'), source('a', { etfs: 0 }), source('b')]).map((s) => s.name)).toEqual(['b', 'c', 'a']);
});

describe('the command that tries a source out', () => {
  it('names the exchange, and asks for the ETF as its reference says', () => {
    const etf = { symbol: 'VUSA', exchange: 'XLON', place: 1, ref: 'VUSA.LSE?currency=GBP&history=whole' } as const;
    expect(testCommand(source('eodhd'), etf)).toBe("etfcast source test eodhd VUSA --exchange XLON --ref 'VUSA.LSE?currency=GBP&history=whole'");
    expect(testCommand(source('krx', { exchanges: ['XKRX'] }))).toBe('etfcast source test krx SYMBOL --exchange XKRX');
    expect(testCommand(source('yahoo'))).toBe('etfcast source test yahoo SYMBOL --exchange XNYS');
  });
});
