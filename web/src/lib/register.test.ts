import { expect, it } from 'vitest';
import { defaultRef, exchangeOf, marks, placeOf, symbolFromName, usable, withOptions, type FileCheck, type FileFinding } from './register.ts';

const finding = (severity: FileFinding['severity'], sessions: string[], rule = 'price_jump'): FileFinding => ({
  rule, severity, from: sessions[0] ?? null, to: sessions.at(-1) ?? null, count: sessions.length, sessions, line: null, evidence: '', remedy: null, proposal: null,
}); // prettier-ignore
const check: FileCheck = { ok: true, rows: 3, from: null, to: null, currency: null, exchange: null, session: null, basis: null, findings: [], findings_left_out: 0, bars: [] };

it.each([
  ['SPY.csv', 'SPY'], ['spy (1).csv', 'SPY'], ['069500.csv', '069500'], ['BRK.B.csv', 'BRK.B'], ['my prices.csv', ''], ['.csv', ''],
])('%s suggests %s', (name, symbol) => expect(symbolFromName(name)).toBe(symbol)); // prettier-ignore

it.each([['069500', 'XKRX'], ['0000D0', 'XKRX'], ['SPY', 'XNYS'], ['12345', 'XNYS']] as const)('%s is on %s', (symbol, exchange) =>
  expect(exchangeOf(symbol)).toBe(exchange),
);

it('the worst that is said of a session marks it', () => {
  const all = marks([finding('warning', ['2025-01-02', '2025-01-03']), finding('error', ['2025-01-03']), finding('info', ['2025-01-03'])]);
  expect([...all]).toEqual([['2025-01-02', 'warning'], ['2025-01-03', 'error']]); // prettier-ignore
});

it('a file without rows, or that can’t be read, can’t be registered', () => {
  expect(usable(check)).toBe(true);
  expect(usable({ ...check, rows: 0 })).toBe(false);
  expect(usable({ ...check, findings: [finding('error', [], 'unreadable_file')] })).toBe(false);
});

it('options follow the name', () => {
  expect(withOptions('SPY.csv', '')).toBe('SPY.csv');
  expect(withOptions('SPY.csv', ' ?basis=as_traded ')).toBe('SPY.csv?basis=as_traded');
});

// As etfcast names them (etf/source.go).
it.each([
  ['yahoo', 'BRK.B', 'XNYS', 'BRK-B'], ['yahoo', '069500', 'XKRX', '069500.KS'], ['yahoo', 'ISF', 'XLON', 'ISF.L'], ['yahoo', 'EXS1', 'XETR', 'EXS1.DE'], ['yahoo', '1306', 'XTKS', '1306.T'],
  ['tiingo', 'BRK.B', 'XNYS', 'BRK-B'], ['eodhd', 'SPY', 'XNYS', 'SPY.US'], ['eodhd', '069500', 'XKRX', '069500.KO'], ['eodhd', 'ISF', 'XLON', 'ISF.LSE'], ['eodhd', 'EXS1', 'XETR', 'EXS1.XETRA'],
  ['krx', '069500', 'XKRX', '069500'], ['file', 'SPY', 'XNYS', 'SPY.csv'], ['simulated', 'SIMUS1', 'XNYS', 'SIMUS1'],
] as const)('%s calls %s on %s %s', (source, symbol, exchange, ref) => expect(defaultRef(source, symbol, exchange)).toBe(ref)); // prettier-ignore

it('a mistake in an imported file has a line and perhaps a column', () => {
  expect(placeOf('line 7, isin')).toEqual({ line: 7, column: 'isin' });
  expect(placeOf('line 12')).toEqual({ line: 12, column: '' });
  expect(placeOf('body')).toEqual({ line: undefined, column: '' });
  expect(placeOf(undefined)).toEqual({ line: undefined, column: '' });
});
