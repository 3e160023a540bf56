import { expect, test } from 'vitest';
import { proposalsOf } from './decide.ts';
import type { Action } from './findings.ts';

const action = (more: Partial<Action>): Action => ({
  id: 'a', symbol: 'FIRST', kind: 'split', ex: '2025-09-24', ratio: '2:1', amount: null, record: null, pay: null, announced: null, source: 'detection',
  status: 'proposed', decided_by: 'source:detection', why: '', evidence: '', fetch: null, finding: 'newest', replaces: null, data_version: 1, superseded_by: null,
  known_from: '2025-09-27T01:00:00Z', known_to: null, ...more,
}); // prettier-ignore

test('a proposed split is offered in every finding about its rows, and nowhere else', () => {
  const split = action({});
  const rows = { id: 'rows', rule: 'split_suspected', sessions: ['2025-09-24', '2025-09-25'] };
  const newest = { id: 'newest', rule: 'split_suspected', sessions: ['2025-09-26'] };
  expect([proposalsOf(rows, [split]), proposalsOf(newest, [split])]).toEqual([[split], [split]]);
  expect(proposalsOf({ ...rows, rule: 'price_jump' }, [split])).toEqual([]); // the same session, another rule
  expect(proposalsOf({ ...rows, sessions: ['2025-09-25'] }, [split])).toEqual([]); // not from the split's session on
  // What has been decided stays with the finding that proposed it; a replaced statement is left out.
  const accepted = action({ status: 'accepted' });
  expect([proposalsOf(rows, [accepted]), proposalsOf(newest, [accepted])]).toEqual([[], [accepted]]);
  expect(proposalsOf(newest, [action({ superseded_by: 2 })])).toEqual([]);
});
