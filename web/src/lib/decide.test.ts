import { expect, test } from 'vitest';
import { proposalsOf } from './decide.ts';
import type { Action } from './findings.ts';

const action = (more: Partial<Action>): Action => ({
  id: 'a', symbol: 'FIRST', kind: 'split', ex: '2025-09-24', ratio: '2:1', amount: null, record: null, pay: null, announced: null, source: 'detection',
  status: 'proposed', decided_by: 'source:detection', why: '', evidence: '', fetch: null, finding: 'newest', replaces: null, data_version: 1, superseded_by: null,
  known_from: '2025-09-27T01:00:00Z', known_to: null, ...more,
}); // prettier-ignore

test('a proposed split is offered in every finding that proposes it, and nowhere else', () => {
  const split = action({});
  const proposal = { kind: 'split', ex: '2025-09-24', ratio: '2:1', amount: null } as const;
  const rows = { finding: { id: 'rows' }, proposal };
  const newest = { finding: { id: 'newest' }, proposal };
  expect([proposalsOf(rows, [split]), proposalsOf(newest, [split])]).toEqual([[split], [split]]);
  expect(proposalsOf({ ...rows, proposal: null }, [split])).toEqual([]);
  expect(proposalsOf({ ...rows, proposal: { ...proposal, ex: '2025-09-25' } }, [split])).toEqual([]);
  expect(proposalsOf({ ...rows, proposal: { ...proposal, kind: 'dividend' } }, [split])).toEqual([]);
  // Another ratio was inferred for the day, and fits better.
  const better = action({ ratio: '50:1' });
  expect(proposalsOf({ ...rows, proposal: { ...proposal, ratio: '49:1' } }, [better])).toEqual([better]);
  // What has been decided stays in both; a replaced statement, and another ratio that was decided on, are left out.
  const accepted = action({ status: 'accepted' });
  expect([proposalsOf(rows, [accepted]), proposalsOf(newest, [accepted])]).toEqual([[accepted], [accepted]]);
  expect(proposalsOf(rows, [action({ superseded_by: 2 }), action({ status: 'rejected', ratio: '3:1' })])).toEqual([]);
});
