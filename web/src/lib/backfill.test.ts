import { describe, expect, it } from 'vitest';
import { applied, byAttention, condition, fillPath, formOf, gapsPath, percentDone, repeatOf, requestOf, timeLeft, toAsk, tone, waits, type Backfill, type FilledETF, type Form, type Gap } from './backfill.ts';

const b: Backfill = {
  id: 'x', workflow_id: 'backfill/x', run: 'backfill:x', exchange: 'XLON', symbols: ['ISF', 'VUSA'], from: '2005-01-04', to: '2025-09-26', source: null, refetch: false,
  attempt: 1, status: 'running', paused: false,
  counts: { etfs: 2, etfs_done: 1, etfs_failed: 0, sessions: 1000, sessions_done: 600, rows_new: 598, rows_unchanged: 0, rows_revised: 0, rows_quarantined: 0, requests: 5, still_missing: 0 },
  pace: { percent: 60, sessions_per_s: 20, left_s: 20, sessions_to_come: 400 },
  waits_for: null, waits_until: null, error: null, started_at: '2026-11-27T14:51:54Z', finished_at: null, links: { self: '', run: '', temporal: null },
}; // prettier-ignore

describe('the state', () => {
  it('of a running backfill says whether it is paused or waits', () => {
    expect(condition(b)).toBe('running');
    expect(condition({ ...b, waits_for: 'the daily quota of tiingo' })).toBe('waiting');
    expect(condition({ ...b, waits_for: 'the daily quota of tiingo', paused: true })).toBe('paused');
  });
  it('of an ended one is how it ended, whatever is left of the rest', () => {
    expect(condition({ ...b, status: 'cancelled', paused: true, waits_for: 'something' })).toBe('cancelled');
  });
  it('is good only if no ETF failed', () => {
    expect(tone({ ...b, status: 'completed' })).toBe('good');
    expect(tone({ ...b, status: 'completed', counts: { ...b.counts, etfs_failed: 1 } })).toBe('warn');
    for (const status of ['failed', 'terminated', 'timed_out'] as const) expect(tone({ ...b, status })).toBe('bad');
  });
});

describe('what it waits for', () => {
  it('is read from the reasons that the workflow gives', () => {
    expect(waits('the daily quota of tiingo; yahoo, which fails')).toEqual([{ kind: 'quota', source: 'tiingo' }, { kind: 'failing', source: 'yahoo' }]);
    expect(waits('a source that has not answered')).toEqual([{ kind: 'none' }]);
  });
  it('is shown as it is if it is none of them', () => {
    expect(waits('rain, which falls; snow')).toEqual([{ kind: 'text', text: 'rain, which falls' }, { kind: 'text', text: 'snow' }]);
  });
});

describe('the progress', () => {
  const with_ = (sessions: number, done: number, etfs = 2, status: Backfill['status'] = 'running') =>
    percentDone({ status, counts: { ...b.counts, etfs, sessions, sessions_done: done } });
  it('is 100 % only when everything is done', () => {
    expect(with_(100_000, 99_999)).toBe(99);
    expect(with_(100_000, 100_000)).toBe(100);
    expect(with_(10, 11)).toBe(100);
  });
  it('is not known before it is planned, and is complete where nothing was missing', () => {
    expect(with_(0, 0, 0)).toBeUndefined();
    expect(with_(0, 0, 2)).toBe(100);
    expect(with_(0, 0, 0, 'completed')).toBe(100);
    expect(with_(0, 0, 0, 'failed')).toBeUndefined();
  });
  it('has a time left only while it goes on', () => {
    expect(timeLeft(b)).toBe(20_000);
    expect(timeLeft({ ...b, paused: true })).toBeUndefined();
    expect(timeLeft({ ...b, waits_for: 'a quota' })).toBeUndefined();
    expect(timeLeft({ ...b, status: 'completed' })).toBeUndefined();
    expect(timeLeft({ ...b, pace: { ...b.pace, left_s: 0 } })).toBeUndefined();
  });
});

describe('an event', () => {
  const event = (data: object, subject = 'x', kind = 'backfill.progress') => ({ id: 1, at: '', kind, subject, data: data as Record<string, unknown> });
  it('moves the counts on', () => {
    const counts = { ...b.counts, sessions_done: 700, requests: 6 };
    expect(applied(b, event({ counts })).counts).toEqual(counts);
  });
  it('about one ETF that failed is not the backfill’s own error', () => {
    const after = applied(b, event({ counts: { ...b.counts, etfs_done: 2, etfs_failed: 1 }, status: 'failed', error: 'no such symbol' }));
    expect([after.status, after.error, after.counts.etfs_failed]).toEqual(['running', null, 1]);
  });
  it('tells that it waits or is paused, and that this is over', () => {
    const waits = applied(b, event({ paused: false, waits_for: 'the daily quota of tiingo' }));
    expect([waits.waits_for, waits.waits_until, waits.paused]).toEqual(['the daily quota of tiingo', null, false]);
    expect(applied({ ...waits, waits_until: '2026-11-28T00:00:00Z' }, event({ paused: true, waits_for: 'the daily quota of tiingo' })).waits_until).toBe('2026-11-28T00:00:00Z');
    expect(applied({ ...waits, waits_until: '2026-11-28T00:00:00Z' }, event({ paused: false, waits_for: '' }))).toMatchObject({ waits_for: null, waits_until: null });
  });
  it('of another backfill, a late one, one of another kind, or one after the end changes nothing', () => {
    expect(applied(b, event({ counts: { ...b.counts, sessions_done: 900 } }, 'y'))).toBe(b);
    expect(applied(b, event({ counts: { ...b.counts, sessions_done: 500 } }))).toBe(b);
    expect(applied(b, event({ counts: { ...b.counts, sessions_done: 900 } }, 'x', 'backfill.ended'))).toBe(b);
    expect(applied(b, event({}))).toBe(b);
    const done = { ...b, status: 'completed' } as Backfill;
    expect(applied(done, event({ counts: { ...b.counts, sessions_done: 900 } }))).toBe(done);
  });
});

it('the ETFs begin with those that failed', () => {
  const e = (symbol: string, status: string) => ({ symbol, status }) as FilledETF;
  expect(byAttention([e('A', 'completed'), e('B', 'running'), e('D', 'failed'), e('C', 'failed')]).map((x) => x.symbol)).toEqual(['C', 'D', 'B', 'A']);
});

describe('a request', () => {
  const form: Form = { exchange: 'XTKS', symbols: ' 1306, 1321 ', from: '2015-01-05', to: '', source: '', refetch: false, again: false };
  it('leaves out what the form leaves empty', () => {
    expect(requestOf(form)).toEqual({ exchange: 'XTKS', symbols: ['1306', '1321'], from: '2015-01-05', refetch: false, again: false });
    expect(requestOf({ ...form, symbols: '  ' })).not.toHaveProperty('symbols');
    expect(requestOf({ ...form, symbols: 'spy', source: ' yahoo ' })).toMatchObject({ symbols: ['SPY'], source: 'yahoo' });
  });
  it('to refetch has no window', () => {
    expect(requestOf({ ...form, to: '2016-01-04', refetch: true })).toEqual({ exchange: 'XTKS', symbols: ['1306', '1321'], refetch: true, again: false });
  });
  it('for the same again asks anew only after one that completed', () => {
    expect(repeatOf({ ...b, status: 'cancelled' })).toEqual({ exchange: 'XLON', symbols: ['ISF', 'VUSA'], from: '2005-01-04', to: '2025-09-26', refetch: false, again: false });
    expect(repeatOf({ ...b, status: 'completed', source: 'eodhd', symbols: [], refetch: true })).toEqual({ exchange: 'XLON', source: 'eodhd', refetch: true, again: true });
  });
});

describe('a gap', () => {
  const gap: Gap = { symbol: '069500', exchange: 'XKRX', from: '2015-03-02', to: '2015-03-06', sessions: 5, place: 'between', asked: null, unreachable: false };
  const filled = (path: string) => {
    const url = new URL(path, 'http://host');
    return { path: url.pathname, request: requestOf(formOf((name) => url.searchParams.get(name))) };
  };
  it('leads to a backfill of exactly itself', () => {
    expect(filled(fillPath(gap))).toEqual({ path: '/backfills', request: { exchange: 'XKRX', symbols: ['069500'], from: '2015-03-02', to: '2015-03-06', refetch: false, again: false } });
  });
  it('that was asked for in vain is asked for again', () => {
    const vain = { ...gap, asked: '2026-11-27T14:51:54Z' };
    expect(filled(fillPath(vain)).request.again).toBe(true);
  });
  it('has a source left to ask unless one was asked in vain or none goes back so far', () => {
    expect(toAsk(gap)).toBe(true);
    expect(toAsk({ ...gap, asked: '2026-11-27T14:51:54Z' })).toBe(false);
    expect(toAsk({ ...gap, unreachable: true })).toBe(false);
  });
  it('is looked for where the backfill was', () => {
    expect(gapsPath({ ...b, symbols: ['ISF'] })).toBe('/gaps?exchange=XLON&symbol=ISF&from=2005-01-04&to=2025-09-26');
    expect(gapsPath({ ...b, refetch: true })).toBe('/gaps?exchange=XLON');
  });
  it('does not take an exchange that is none from an address', () => {
    expect(formOf((name) => (name === 'exchange' ? 'XXXX' : null)).exchange).toBe('XNYS');
  });
});
