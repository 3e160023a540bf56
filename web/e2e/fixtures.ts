// Answers in the server's place, for what no demo has: thousands of ETFs, and every state at once.
import type { components } from '../src/lib/api/schema.d.ts';

type Overview = components['schemas']['Overview'];
type Item = Overview['items'][number];

/** An overview of some ETFs on both exchanges, in all states, as of now. The same number gives the same ETFs. */
export function overview(count: number): Overview {
  const now = Date.now();
  const at = (hours: number): string => new Date(now + hours * 3_600_000).toISOString();
  const exchange = (code: 'XNYS' | 'XKRX', name: string, zone: string, more: Partial<Overview['exchanges'][number]>): Overview['exchanges'][number] => ({
    exchange: code, name, time_zone: zone, session: '2026-11-26', closed_at: at(-5), due_at: at(-2), next_session: '2026-11-27', next_open: at(12.5), next_close: at(19),
    open_now: false, state: 'complete', late_seconds: 0, etfs: Math.ceil(count / 2), counted: Math.ceil(count / 2), stored: Math.ceil(count / 2), forecast: Math.ceil(count / 2), stale: 0, failed: 0,
    run: { id: `daily:${code}:2026-11-26`, status: 'completed', done: count, due: count }, ...more,
  }); // prettier-ignore
  return {
    as_of: at(0),
    event: 1,
    served_model: 'drift',
    waiting: { findings: 3, warnings: 12, actions: 1, stale: 2, failed: 1 },
    exchanges: [
      exchange('XNYS', 'New York Stock Exchange', 'America/New_York', { state: 'running', stored: Math.floor(count / 3), forecast: Math.floor(count / 4), run: { id: 'daily:XNYS:2026-11-26', status: 'running', done: Math.floor(count / 4), due: Math.ceil(count / 2) } }),
      exchange('XKRX', 'Korea Exchange', 'Asia/Seoul', { state: 'late', late_seconds: 5400, stale: 2, failed: 1, open_now: true }),
    ],
    items: Array.from({ length: count }, (_, i) => item(i, at)).sort((a, b) => (a.symbol < b.symbol ? -1 : 1)),
  };
}

const states: Item['state'][] = ['ok', 'ok', 'ok', 'ok', 'ok', 'held', 'ok', 'quarantined', 'ok', 'provisional', 'missing'];

function item(i: number, at: (hours: number) => string): Item {
  const korean = i % 2 === 1;
  const level = (korean ? 12_000 : 40) * (1 + (i % 17) / 4);
  const exact = (v: number): number => (korean ? Math.round(v / 5) * 5 : Math.round(v * 100) / 100);
  const closes = Array.from({ length: 30 }, (_, d) => exact(level * (1 + 0.03 * Math.sin(i + d / 3) + 0.002 * d * ((i % 3) - 1))));
  const [previous, close] = closes.slice(-2) as [number, number];
  const state = states[i % states.length] ?? 'ok';
  return {
    symbol: korean ? String(100_000 + i * 37).padStart(6, '0') : `T${letters(i)}`,
    name: i % 5 === 0 ? `A fund with a long name, number ${i}` : null,
    exchange: korean ? 'XKRX' : 'XNYS',
    currency: korean ? 'KRW' : 'USD',
    source: 'file',
    session: '2026-11-26',
    close,
    previous_close: previous,
    change: close / previous - 1,
    closes,
    known_from: at(-1 - (i % 50)),
    state,
    freshness: i % 97 === 5 ? 'stale' : 'ok',
    late_seconds: i % 97 === 5 ? 5400 : 0,
    findings: state === 'quarantined' || state === 'held' ? 1 : 0,
    data_version: 1 + (i % 9),
    forecasts: i % 23 === 4 ? [] : [1, 21].map((horizon) => ({
      horizon, target: horizon === 1 ? '2026-11-27' : '2026-12-28', model: 'drift', forecast: i.toString(16).padStart(32, '0'),
      mean: close * (1 + 0.0003 * horizon), low: close * (1 - 0.018 * Math.sqrt(horizon)), high: close * (1 + 0.019 * Math.sqrt(horizon)), level: 0.9,
    })), // prettier-ignore
  };
}

function letters(i: number): string {
  return [...i.toString(26).padStart(3, '0')].map((c) => String.fromCharCode(65 + parseInt(c, 26))).join('');
}
