import { expect, it } from 'vitest';
import { inForce, type CalendarChange } from './calendars.ts';

const change = (number: number, session: string, closed: boolean): CalendarChange => ({ exchange: 'XKRX', number, session, closed, reason: 'storm', by: 'Kim', at: '2026-05-30T09:00:00Z' });

it('a closure counts until it is taken back, and again if it is made again', () => {
  const numbers = (...changes: CalendarChange[]) => inForce({ changes }).map((c) => c.number);
  expect(numbers()).toEqual([]);
  expect(numbers(change(1, '2026-06-03', true))).toEqual([1]);
  expect(numbers(change(1, '2026-06-03', true), change(2, '2026-06-03', false))).toEqual([]);
  expect(numbers(change(3, '2026-06-03', true), change(1, '2026-06-03', true), change(2, '2026-06-03', false))).toEqual([3]);
});

it('the newest session comes first', () => {
  expect(inForce({ changes: [change(1, '2026-06-03', true), change(2, '2026-06-10', true)] }).map((c) => c.session)).toEqual(['2026-06-10', '2026-06-03']);
});
