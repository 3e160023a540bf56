// What a dropped file tells about the ETF, and what its check means for registering it.
import type { Schema } from './api/client.ts';
import type { Exchange } from './exchanges.ts';

export type FileCheck = Schema<'FileCheck'>;
export type FileFinding = Schema<'FileFinding'>;

/** The most that POST /v1/check takes, in bytes. */
export const mostBytes = 8 << 20;

/** The symbol that a file's name suggests, such as SPY for "spy (1).csv"; empty if it suggests none. */
export function symbolFromName(name: string): string {
  const stem = name.replace(/\.[^.]*$/, '').replace(/\s*\(\d+\)$/, '').toUpperCase();
  return /^[A-Z0-9][A-Z0-9._-]{0,31}$/.test(stem) ? stem : '';
}

/** The exchange that a symbol suggests: six digits or letters that begin with a digit are the Korea Exchange's form. */
export function exchangeOf(symbol: string): 'XNYS' | 'XKRX' {
  return /^\d[0-9A-Z]{5}$/.test(symbol) ? 'XKRX' : 'XNYS';
}

const yahooSuffixes: Partial<Record<Exchange, string>> = { XKRX: '.KS', XLON: '.L', XETR: '.DE', XTKS: '.T' };
const eodhdSuffixes: Partial<Record<Exchange, string>> = { XNYS: '.US', XKRX: '.KO', XLON: '.LSE', XETR: '.XETRA' };

/** What a source calls an ETF if nothing else is said, as `etfcast etf add` makes it (DefaultRef in etf/source.go). */
export function defaultRef(source: string, symbol: string, exchange: Exchange): string {
  const hyphens = symbol.replaceAll('.', '-');
  switch (source) {
    case 'yahoo':
      return yahooSuffixes[exchange] ? symbol + yahooSuffixes[exchange] : hyphens;
    case 'tiingo':
      return hyphens;
    case 'eodhd':
      return hyphens + (eodhdSuffixes[exchange] ?? '');
    case 'file':
      return `${symbol}.csv`;
    default:
      return symbol;
  }
}

/** Where a mistake in an imported file is, from the field that the API names: "line 7, isin" is line 7, column isin. */
export function placeOf(field: string | undefined): { line: number | undefined; column: string } {
  const found = /^line (\d+)(?:, (.+))?$/.exec(field ?? '');
  return found ? { line: Number(found[1]), column: found[2] ?? '' } : { line: undefined, column: '' };
}

/** Whether any row is left to use; what the server refuses otherwise. */
export function usable(check: FileCheck): boolean {
  return check.rows > 0 && !check.findings.some((f) => f.rule === 'unreadable_file');
}

/** The worst that is said of each session. */
export function marks(findings: readonly FileFinding[]): Map<string, FileFinding['severity']> {
  const rank = { info: 0, warning: 1, error: 2 };
  const worst = new Map<string, FileFinding['severity']>();
  for (const f of findings) {
    for (const s of f.sessions) {
      const before = worst.get(s);
      if (before === undefined || rank[f.severity] > rank[before]) worst.set(s, f.severity);
    }
  }
  return worst;
}

/** A reference with options: SPY.csv and basis=as_traded give SPY.csv?basis=as_traded. */
export function withOptions(ref: string, options: string): string {
  const text = options.trim().replace(/^\?/, '');
  return text ? `${ref}?${text}` : ref;
}
