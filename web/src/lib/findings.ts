// What the findings page needs to know about findings, without any markup.
import type { Schema } from './api/client.ts';

export type Finding = Schema<'Finding'>;
export type FindingDetail = Schema<'FindingDetail'>;
export type FindingRow = Schema<'FindingRow'>;
export type Action = Schema<'Action'>;
export type Decision = 'accept' | 'reject' | 'replace' | 'refetch' | 'retract' | 'undo';

/** Rules whose warnings hold the rows that they name, as the API does (quality.HoldingRules). */
const holding = ['held_close', 'unfinished_row'];

/** How urgent a finding is: an error keeps rows out, a held row waits, a warning or an info only tells. */
export type Group = 'error' | 'held' | 'warning' | 'info';
export const groups: readonly Group[] = ['error', 'held', 'warning', 'info'];

export function group(f: Finding): Group {
  if (f.severity === 'error') return 'error';
  if (f.severity === 'warning') return holding.includes(f.rule) && f.sessions.length > 0 ? 'held' : 'warning';
  return 'info';
}

/** The decisions that the API takes on the finding in its present state. */
export function decidable(f: Finding): Decision[] {
  if (f.sessions.length === 0 || f.decision === 'superseded') return [];
  if (f.decision !== null) return ['undo'];
  const g = group(f);
  if (g === 'error' || g === 'held') return ['accept', 'reject', 'replace', 'refetch', 'retract'];
  return ['retract', 'replace'];
}

/** The findings by urgency, each group the newest first; of those of one response, the one about the earliest session. */
export function ordered(list: readonly Finding[]): Finding[] {
  const newest = list.toSorted((a, b) => Date.parse(b.found_at) - Date.parse(a.found_at) || (a.sessions[0] ?? '').localeCompare(b.sessions[0] ?? ''));
  return groups.flatMap((g) => newest.filter((f) => group(f) === g));
}

/** The finding to show after one is dealt with: the next in the list, else the one before it. */
export function following(list: readonly { id: string }[], id: string): string | undefined {
  const at = list.findIndex((f) => f.id === id);
  return (at < 0 ? list[0] : (list[at + 1] ?? list[at - 1]))?.id;
}

/** The parts of the evidence, one to a line. A semicolon inside brackets does not end a part. */
export function evidenceParts(evidence: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const c of evidence) {
    if (c === '(') depth++;
    if (c === ')') depth = Math.max(0, depth - 1);
    if (c === ';' && depth === 0) {
      parts.push(part);
      part = '';
    } else part += c;
  }
  parts.push(part);
  return parts.map((p) => p.trim()).filter((p) => p !== '');
}

/**
 * The reasons offered for a decision, by the names of their messages. The first is recorded if none is chosen: it says no more than what
 * the page has shown.
 */
export function reasons(rule: string, decision: Decision): string[] {
  const price = ['price_jump', 'price_spike', 'held_close', 'price_range', 'nav_difference'].includes(rule);
  switch (decision) {
    case 'accept':
      if (rule === 'unfinished_row') return ['looksRight', 'final', 'checked'];
      return ['looksRight', 'checked', ...(price ? ['genuine', 'news'] : ['closeRight'])];
    case 'reject':
      return ['looksWrong', ...(rule === 'unit_change' ? ['unit'] : ['badTick']), 'otherSource'];
    case 'replace':
      return ['byHand', 'asPrinted', 'otherSourceValue'];
    case 'refetch':
      return ['again', 'corrected'];
    case 'retract':
      return ['wrongInUse', 'otherSource'];
    case 'undo':
      return ['mistake', 'newFacts'];
  }
}

/** A new idempotency key. crypto.randomUUID exists on secure origins only. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** A bar as it is typed in. */
export type Draft = { session: string; open: string; high: string; low: string; close: string; volume: string };

export const fields = ['open', 'high', 'low', 'close', 'volume'] as const;

/** The rows that a replacement begins with: the numbers found, at most as many as the API takes at once. */
export function drafts(rows: readonly FindingRow[]): Draft[] {
  const text = (n: number | null | undefined): string => (n === null || n === undefined ? '' : String(n));
  return rows
    .filter((r) => r.named)
    .slice(0, 100)
    .map((r) => {
      const b = r.found ?? r.stored;
      return { session: r.session, open: text(b?.open), high: text(b?.high), low: text(b?.low), close: text(b?.close), volume: text(b?.volume) };
    });
}

/** The typed rows as the API takes them; undefined if a close is missing or something is not a number. */
export function values(typed: readonly Draft[]): Schema<'NewBar'>[] | undefined {
  const out: Schema<'NewBar'>[] = [];
  for (const d of typed) {
    const bar: Schema<'NewBar'> = { session: d.session, close: 0 };
    for (const field of fields) {
      const text = d[field].trim().replaceAll(',', '');
      if (text === '') {
        if (field === 'close') return undefined;
        continue;
      }
      if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
      bar[field] = Number(text);
    }
    out.push(bar);
  }
  return out.length > 0 ? out : undefined;
}

/** How a row of the table is: what the pipeline does with it now. */
export type RowState = 'used' | 'held' | 'quarantined' | 'absent';

export function rowState(r: FindingRow): RowState {
  if (!r.stored) return 'absent';
  if (r.stored.quarantined) return 'quarantined';
  return r.stored.held ? 'held' : 'used';
}

/** Whether the numbers found are those stored. */
export function sameNumbers(r: FindingRow): boolean {
  const { found, stored } = r;
  return !!found && !!stored && found.open === stored.open && found.high === stored.high && found.low === stored.low && found.close === stored.close;
}

/** The sessions named, as one or two dates. */
export function span(sessions: readonly string[]): { first: string; last: string; count: number } | undefined {
  const [first] = sessions;
  const last = sessions.at(-1);
  return first && last ? { first, last, count: sessions.length } : undefined;
}
