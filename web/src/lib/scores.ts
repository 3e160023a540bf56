// What the scoreboard needs to know about scores, without any markup.
import type { Schema } from './api/client.ts';

export type Board = Schema<'Scoreboard'>;
export type BoardItem = Schema<'ScoreboardItem'>;

/** The comparisons of one exchange and horizon: the benchmark first, then the models. */
export interface Cells {
  exchange: string;
  horizon: number;
  items: BoardItem[];
}

export function cells(items: readonly BoardItem[]): Cells[] {
  const out: Cells[] = [];
  for (const item of items) {
    const last = out.at(-1);
    if (last && last.exchange === item.exchange && last.horizon === item.horizon) last.items.push(item);
    else out.push({ exchange: item.exchange, horizon: item.horizon, items: [item] });
  }
  return out;
}

/** What a confidence sequence says: which side is better, or that it can't be told. */
export type Side = 'better' | 'worse' | 'open';

export function side(item: BoardItem): Side {
  const d = item.difference;
  if (!d) return 'open';
  return d.high < 0 ? 'better' : d.low > 0 ? 'worse' : 'open';
}

/**
 * What may be said of a board in words. An edge is claimed only if a confidence sequence of forecasts of record leaves out 0; of late
 * forecasts nothing is claimed, whatever their numbers.
 */
export interface Verdict {
  kind: 'late' | 'nothing' | 'none' | 'some';
  benchmark: string;
  better: BoardItem[];
  worse: BoardItem[];
  comparisons: number;
  sessions: number; // of the longest sequence
  alpha: number; // error probability of one sequence
}

export function verdict(board: Board): Verdict {
  const compared = board.items.filter((i) => i.difference !== null);
  const of = (s: Side): BoardItem[] => (board.late ? [] : compared.filter((i) => side(i) === s));
  const better = of('better');
  return {
    kind: board.late ? 'late' : compared.length === 0 ? 'nothing' : better.length > 0 ? 'some' : 'none',
    benchmark: board.items.find((i) => i.difference === null)?.model ?? '',
    better,
    worse: of('worse'),
    comparisons: compared.length,
    sessions: Math.max(0, ...compared.map((i) => i.difference?.n ?? 0)),
    alpha: compared[0]?.difference?.alpha ?? 0.05,
  };
}

/** The greatest distance from 0 that the sequences of a group reach, for the axis that they share. */
export function reach(items: readonly BoardItem[]): number {
  return Math.max(0.001, ...items.flatMap((i) => (i.difference ? [Math.abs(i.difference.low), Math.abs(i.difference.high)] : [])));
}

export const levels = [50, 80, 90, 95] as const;

/** Coverage of one interval: the share inside, and how far from nominal it may be by chance (two standard errors to each side). */
export interface Covered {
  level: number;
  share: number;
  low: number | null;
  high: number | null;
}

export function coverage(item: BoardItem): Covered[] {
  return levels.flatMap((level) => {
    const share = item[`coverage_${level}`];
    const se = item[`coverage_${level}_se`];
    if (share === null) return [];
    return [{ level, share, low: se === null ? null : Math.max(0, share - 1.96 * se), high: se === null ? null : Math.min(1, share + 1.96 * se) }];
  });
}
