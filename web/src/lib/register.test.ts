import { expect, it } from 'vitest';
import { exchangeOf, marks, symbolFromName, usable, withOptions, type FileCheck, type FileFinding } from './register.ts';

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
