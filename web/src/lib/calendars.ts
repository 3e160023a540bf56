// What the pages say about trading calendars, without any markup.
import type { Schema } from './api/client.ts';

export type CalendarChange = Schema<'CalendarChange'>;

/** The closures that operators added and nobody took back, newest session first. A change counts for its session until a later one of the same session. */
export function inForce(calendar: { changes: readonly CalendarChange[] }): CalendarChange[] {
  const last = new Map<string, CalendarChange>();
  for (const c of [...calendar.changes].sort((a, b) => a.number - b.number)) last.set(c.session, c);
  return [...last.values()].filter((c) => c.closed).sort((a, b) => (a.session < b.session ? 1 : -1));
}
