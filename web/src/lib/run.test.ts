import { describe, expect, it } from 'vitest';
import type { LiveEvent } from './live.svelte.ts';
import { applied, byAttention, ended, failedOnes, findingIn, steps, type Counts, type RunDetail, type RunETF } from './run.ts';

const none: Counts = { due: 0, updated: 0, unchanged: 0, quarantined: 0, failed: 0, elsewhere: 0, cancelled: 0, rows_new: 0, rows_unchanged: 0, rows_revised: 0, forecasts: 0 };

function one(symbol: string, outcome: RunETF['outcome'], stage: RunETF['stage'] = 'done'): RunETF {
  return {
    symbol, session: '2025-09-26', stage, outcome, source: null, rows_new: 0, rows_unchanged: 0, rows_revised: 0, rows_quarantined: 0, findings: 0, forecasts: 0,
    attempts: 1, error_type: null, error_message: null, held: false, provisional: false,
  }; // prettier-ignore
}

function run(items: RunETF[] = [], status: RunDetail['status'] = 'running'): RunDetail {
  return {
    id: 'daily:XNYS:2025-09-26', workflow: 'daily', workflow_id: 'daily/XNYS/2025-09-26', exchange: 'XNYS', session: '2025-09-26', symbols: [], status, closed: false,
    counts: { ...none, due: 2 }, error: null, started_at: '2025-09-26T21:00:00Z', finished_at: null, links: { self: '' }, etfs: { items, next_cursor: null },
  }; // prettier-ignore
}

const event = (kind: string, symbol: string | undefined, data: Record<string, unknown>): LiveEvent => ({
  id: 1, at: '2025-09-26T21:00:05Z', kind, run: 'daily:XNYS:2025-09-26', data, ...(symbol ? { symbol } : {}),
}); // prettier-ignore

describe('steps', () => {
  it('show what is done, what goes on, and where it stopped', () => {
    expect(steps(one('A', 'running', null))).toEqual(['open', 'open', 'open', 'open']);
    expect(steps(one('A', 'running', 'fetch'))).toEqual(['now', 'open', 'open', 'open']);
    expect(steps(one('A', 'running', 'forecast'))).toEqual(['done', 'done', 'done', 'now']);
    expect(steps(one('A', 'failed', 'fetch'))).toEqual(['failed', 'open', 'open', 'open']);
    expect(steps(one('A', 'quarantined', 'persist'))).toEqual(['done', 'done', 'stopped', 'open']);
    expect(steps(one('A', 'updated'))).toEqual(['done', 'done', 'done', 'done']);
  });
});

describe('a run’s events', () => {
  it('move an ETF on, and never back', () => {
    let r = applied(run(), event('etf.fetched', 'SPY', { source: 'yahoo', rows: 16, stage: 'fetch' }));
    expect(r.etfs.items).toMatchObject([{ symbol: 'SPY', stage: 'validate', source: 'yahoo', outcome: 'running' }]);
    r = applied(r, event('etf.stored', 'SPY', { new: 1, unchanged: 15, revised: 0, quarantined: 0, stage: 'persist' }));
    expect(r.etfs.items).toMatchObject([{ stage: 'forecast', rows_new: 1, rows_unchanged: 15 }]);
    r = applied(r, event('etf.validated', 'SPY', { findings: 3, errors: 0, stage: 'validate' }));
    expect(r.etfs.items).toMatchObject([{ stage: 'forecast', findings: 0 }]);
  });
  it('do not change an ETF that has its outcome', () => {
    const before = run([one('SPY', 'updated')]);
    expect(applied(before, event('etf.fetched', 'SPY', { source: 'file' }))).toBe(before);
  });
  it('count outcomes', () => {
    const r = applied(
      run([one('QQQ', 'running', 'forecast')]),
      event('run.progress', undefined, { counts: { ...none, due: 2, updated: 1, failed: 1 }, etfs: [{ symbol: 'QQQ', stage: 'done', outcome: 'updated' }, { symbol: 'ZZZ', stage: 'fetch', outcome: 'failed', error_type: 'SourceDenied', error_message: 'no key' }] }),
    );
    expect(ended(r.counts)).toBe(2);
    expect(r.etfs.items.map((e) => [e.symbol, e.outcome, e.error_type])).toEqual([['QQQ', 'updated', null], ['ZZZ', 'failed', 'SourceDenied']]);
    expect(failedOnes(r.etfs.items)).toEqual(['ZZZ']);
  });
  it('end it', () => {
    const r = applied(run(), event('run.ended', undefined, { status: 'completed', counts: { ...none, due: 2, updated: 2 }, error: '' }));
    expect([r.status, r.finished_at, r.error, r.counts.updated]).toEqual(['completed', '2025-09-26T21:00:05Z', null, 2]);
    // what comes after the end changes nothing
    expect(applied(r, event('etf.fetched', 'SPY', {}))).toBe(r);
    expect(applied(r, event('run.progress', undefined, { counts: none, etfs: [] }))).toBe(r);
  });
  it('of other runs are left out', () => {
    const before = run();
    expect(applied(before, { ...event('run.ended', undefined, { status: 'failed' }), run: 'daily:XKRX:2025-09-26' })).toBe(before);
  });
});

it('what needs attention comes first', () => {
  const list = [one('A', 'updated'), one('B', 'failed', 'fetch'), one('C', 'unchanged'), one('D', 'quarantined', 'persist'), { ...one('E', 'updated'), held: true }];
  expect(byAttention(list).map((e) => e.symbol)).toEqual(['B', 'D', 'E', 'A', 'C']);
});

it('a message’s finding is found', () => {
  expect(findingIn('ohlc_order, finding ddbb87c8586dd105c8b7a0d8fe967af2')).toBe('ddbb87c8586dd105c8b7a0d8fe967af2');
  expect(findingIn('no source has a price')).toBeUndefined();
  expect(findingIn(null)).toBeUndefined();
});
