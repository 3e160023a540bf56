import { describe, expect, test } from 'vitest';
import { proposalsOf } from './decide.ts';
import type { Action } from './findings.ts';

const action = (more: Partial<Action>): Action => ({
  id: 'a', symbol: 'FIRST', kind: 'split', ex: '2025-09-24', ratio: '2:1', amount: null, record: null, pay: null, announced: null, source: 'detection',
  status: 'proposed', decided_by: 'source:detection', why: '', evidence: '', fetch: null, finding: 'newest', replaces: null, data_version: 1, superseded_by: null,
  known_from: '2025-09-27T01:00:00Z', known_to: null, ...more,
}); // prettier-ignore

describe('a proposed split', () => {
  const split = action({});
  const proposal = { kind: 'split', ex: '2025-09-24', ratio: '2:1', amount: null } as const;
  const rows = { finding: { id: 'rows', rule: 'split_suspected', sessions: ['2025-09-24', '2025-09-25'] }, proposal };
  const newest = { finding: { id: 'newest', rule: 'split_suspected', sessions: ['2025-09-26'] }, proposal };

  test('is offered in every finding that proposes it, and nowhere else', () => {
    expect([proposalsOf(rows, [split]), proposalsOf(newest, [split])]).toEqual([[split], [split]]);
    const other = { finding: { ...rows.finding, rule: 'price_jump' }, proposal: null };
    expect(proposalsOf(other, [split])).toEqual([]); // the same session, another rule
    expect(proposalsOf({ finding: { ...newest.finding, id: 'later' }, proposal: null }, [split])).toEqual([]);
    expect(proposalsOf({ finding: { ...newest.finding, id: 'later' }, proposal: { ...proposal, ex: '2025-09-26' } }, [split])).toEqual([]);
  });

  test('by a source whose prices do not show it is offered too', () => {
    const stated = action({ source: 'yahoo', finding: null });
    expect(proposalsOf({ ...rows, proposal: null }, [stated])).toEqual([stated]);
  });

  test('of the ratio that the prices show comes first', () => {
    const stated = action({ source: 'yahoo', finding: null });
    const shown = action({ id: 'b', ratio: '4:1', finding: 'rows' });
    const detail = { ...newest, proposal: { ...proposal, ratio: '4:1' } };
    expect(proposalsOf(detail, [stated, shown]).map((a) => a.ratio)).toEqual(['4:1', '2:1']);
    const better = action({ ratio: '50:1' }); // another was inferred for the day, and fits better
    expect(proposalsOf({ ...rows, proposal: { ...proposal, ratio: '49:1' } }, [better])).toEqual([better]);
  });

  test('stays in both when it is accepted; what is replaced, or another one that was decided on, is left out', () => {
    const accepted = action({ status: 'accepted' });
    expect([proposalsOf(rows, [accepted]), proposalsOf(newest, [accepted])]).toEqual([[accepted], [accepted]]);
    expect(proposalsOf(rows, [action({ superseded_by: 2 }), action({ status: 'rejected', ratio: '3:1' })])).toEqual([]);
  });
});
