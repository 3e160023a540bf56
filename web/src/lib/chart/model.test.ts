import { describe, expect, test } from 'vitest';
import { candle, changeOf, changes, earlier, fan, insideOf, lastChange, marks, restating, sharesPer, splitsOf, stateOf, type Action, type Bar, type Finding, type Forecast } from './model.ts';

const bar = (session: string, close: number, more: Partial<Bar> = {}): Bar => ({
  session, open: close, high: close, low: close, close, adj_close: null, volume: 1000, basis: 'as_traded', source: 'file',
  quarantined: false, data_version: 1, known_from: '2025-09-27T01:00:00Z', held: false, provisional: false, ...more,
}); // prettier-ignore

const action = (more: Partial<Action>): Action => ({
  id: 'a', symbol: 'SPY', kind: 'split', ex: '2025-09-24', ratio: '4:1', amount: null, record: null, pay: null, announced: null, source: 'file',
  status: 'accepted', decided_by: 'kim', why: '', evidence: '', fetch: null, finding: null, replaces: null, data_version: 1, superseded_by: null,
  known_from: '2025-09-27T01:00:00Z', known_to: null, ...more,
}); // prettier-ignore

const finding = (id: string, sessions: string[], more: Partial<Finding> = {}): Finding => ({
  id, symbol: 'SPY', rule: 'price_jump', severity: 'warning', sessions, evidence: '', remedy: '', decision: null, decided_by: null, decided_why: null,
  found_at: '2025-09-27T01:00:00Z', links: { self: '', decision: '', etf: '' }, ...more,
}); // prettier-ignore

const forecast = (origin: string, points: Forecast['points']): Forecast => ({ id: 'f', symbol: 'SPY', model: 'drift', origin, points }) as unknown as Forecast;

describe('bars', () => {
  test('quarantined comes before held, and held before provisional', () => {
    expect(stateOf(bar('2025-09-26', 1, { quarantined: true, held: true, provisional: true }))).toBe('quarantined');
    expect(stateOf(bar('2025-09-26', 1, { held: true, provisional: true }))).toBe('held');
    expect(stateOf(bar('2025-09-26', 1, { provisional: true }))).toBe('provisional');
    expect(stateOf(bar('2025-09-26', 1))).toBe('ok');
  });

  test('a session without trades is drawn at its close', () => {
    const c = candle(bar('2025-09-26', 9500, { open: 0, high: 0, low: 0, volume: 0 }));
    expect(c).toMatchObject({ open: 9500, high: 9500, low: 9500, close: 9500, traded: false });
  });

  test('the change is that of the last two believed closes', () => {
    const { last, change } = lastChange([bar('2025-09-24', 100), bar('2025-09-25', 102), bar('2025-09-26', 1020, { held: true })]);
    expect(last?.session).toBe('2025-09-25');
    expect(change).toBeCloseTo(0.02, 12);
    expect(lastChange([]).last).toBeUndefined();
    expect(lastChange([bar('2025-09-24', 100)]).change).toBeUndefined();
  });

  test('a split is no loss: prices as stored are compared per share of the later session', () => {
    const bars = [bar('2025-09-23', 100), bar('2025-09-24', 25.5)]; // 4:1 on the second session: 4 × 25.5 = 102
    expect(lastChange(bars, [{ ex: '2025-09-24', ratio: 4 }]).change).toBeCloseTo(0.02, 12);
    expect(lastChange(bars, [{ ex: '2025-09-23', ratio: 4 }]).change).toBeCloseTo(-0.745, 12); // before both
    expect(changeOf(bar('2025-09-23', 0), bars[1])).toBeUndefined();
  });
});

test('dates are taken back by the calendar, to the last day of a shorter month', () => {
  expect(earlier('2025-09-26', { days: 26 })).toBe('2025-08-31');
  expect(earlier('2025-05-31', { months: 3 })).toBe('2025-02-28');
  expect(earlier('2024-02-29', { years: 1 })).toBe('2023-02-28');
  expect(earlier('2025-01-15', { months: 2 })).toBe('2024-11-15');
});

describe('splits', () => {
  test('only accepted ones count, and one that two sources state counts once', () => {
    const split = { ex: '2025-09-24', ratio: 4 };
    const other = action({ id: 'b', source: 'yahoo' });
    expect(splitsOf([action({}), other, action({ status: 'proposed', ex: '2025-09-25' }), action({ kind: 'dividend', ratio: null, amount: 1 })])).toEqual([split]);
  });

  test('shares are counted over the ex-date, in both directions', () => {
    const splits = [{ ex: '2025-09-24', ratio: 4 }];
    expect(sharesPer(splits, '2025-09-23', '2025-09-24')).toBe(4); // the ex-date trades in new shares
    expect(sharesPer(splits, '2025-09-24', '2025-09-25')).toBe(1);
    expect(sharesPer(splits, '2025-09-25', '2025-09-22')).toBe(0.25);
  });
});

describe('fans', () => {
  // 4:1 on the 24th: a fund at 100 before it trades at 25 from then on. The forecast of the 22nd is in shares of the 22nd.
  const splits = [{ ex: '2025-09-24', ratio: 4 }];
  const points = [
    { horizon: 1, target: '2025-09-23', mean: 101, quantiles: { '0.25': 99, '0.5': 100, '0.75': 102, '0.05': 95, '0.95': 105 }, raw: null },
    { horizon: 2, target: '2025-09-24', mean: 102, quantiles: { '0.25': 98, '0.5': 100, '0.75': 104, '0.05': 92, '0.95': 108 }, raw: null },
  ];

  test('as stored, each target is in the shares of its own session', () => {
    const at = restating('none', splits, '2025-09-22', '2025-09-24', new Map(), new Map());
    const f = fan(forecast('2025-09-22', points), 100, at);
    expect(f.map((p) => p.session)).toEqual(['2025-09-22', '2025-09-23', '2025-09-24']);
    expect(f.map((p) => p.median)).toEqual([100, 100, 25]);
    expect(f[2]?.bands).toEqual([null, [23, 27], null, [24.5, 26]]); // without tails and 80 %: those bands are not there
  });

  test('adjusted for splits, all targets are in the shares of the last session', () => {
    const at = restating('split', splits, '2025-09-22', '2025-09-24', new Map(), new Map());
    expect(fan(forecast('2025-09-22', points), 25, at).map((p) => p.median)).toEqual([25, 25, 25]);
  });

  test('adjusted for distributions, a close is as far from the median as it was', () => {
    // A distribution of 1 % lowers the adjusted close of the 23rd from 100/4 to 24.75; as stored it is 100, the median.
    const drawn = new Map([['2025-09-23', 24.75], ['2025-09-24', 25]]); // prettier-ignore
    const raw = new Map([['2025-09-23', 100], ['2025-09-24', 25]]); // prettier-ignore
    const at = restating('total', splits, '2025-09-22', '2025-09-24', drawn, raw);
    const f = fan(forecast('2025-09-22', points), undefined, at);
    expect(f.map((p) => p.median)).toEqual([24.75, 25]);
  });

  test('a price is inside the narrowest interval that has it', () => {
    const f = fan(forecast('2025-09-22', points), undefined, () => 1);
    expect(insideOf(f[0]!, 101)).toBe(50);
    expect(insideOf(f[0]!, 104)).toBe(90);
    expect(insideOf(f[0]!, 106)).toBeNull();
  });
});

describe('what has changed since', () => {
  test('closes, use, other numbers, removals and insertions; what comes after is added', () => {
    const then = [bar('2025-09-19', 90), bar('2025-09-22', 100), bar('2025-09-23', 101), bar('2025-09-24', 102, { quarantined: true }), bar('2025-09-25', 103)];
    const now = [bar('2025-09-18', 89), bar('2025-09-22', 100.5), bar('2025-09-23', 101, { volume: 2000 }), bar('2025-09-24', 102), bar('2025-09-25', 103), bar('2025-09-26', 104)];
    const { changed, added } = changes(then, now);
    expect(added).toBe(1);
    expect(changed.map((c) => [c.session, c.close, c.state, c.then === null, c.now === null])).toEqual([
      ['2025-09-24', false, true, false, false], // used now
      ['2025-09-23', false, false, false, false], // its volume
      ['2025-09-22', true, false, false, false],
      ['2025-09-19', true, false, false, true], // removed
      ['2025-09-18', true, false, true, false], // inserted
    ]);
  });

  test('nothing, if both are the same', () => {
    const both = [bar('2025-09-22', 100)];
    expect(changes(both, both)).toEqual({ changed: [], added: 0 });
  });
});

describe('marks', () => {
  const text = (n: number) => n.toFixed(2);

  test('a finding about many sessions has one mark, with how many; one that is decided is not pressing', () => {
    const many = Array.from({ length: 13 }, (_, i) => `2025-09-${String(i + 1).padStart(2, '0')}`);
    const found = marks([], [finding('a', many), finding('b', ['2025-09-26'], { decision: 'accept' }), finding('c', ['2025-09-25'], { severity: 'error' })], [], false, text);
    expect(found.map((m) => [m.id, m.session, m.kind, m.text])).toEqual([
      ['finding:a', '2025-09-13', 'undecided', '×13'],
      ['finding:c', '2025-09-25', 'undecided', '!'],
      ['finding:b', '2025-09-26', 'decided', ''],
    ]);
  });

  test('actions: what two sources state is marked once, what is rejected not at all, and amounts only where there is room', () => {
    const list = [
      action({ id: '1' }),
      action({ id: '2', source: 'yahoo' }),
      action({ id: '3', status: 'rejected', ex: '2025-09-23' }),
      action({ id: '4', status: 'proposed', ex: '2025-09-25', ratio: '2:1' }),
      action({ id: '5', kind: 'dividend', ex: '2025-09-22', ratio: null, amount: 0.71 }),
    ];
    expect(marks(list, [], [], false, text).map((m) => [m.id, m.kind, m.text])).toEqual([
      ['action:5', 'distribution', '0.71'],
      ['action:1', 'split', '4:1'],
      ['action:4', 'proposed', '2:1?'],
    ]);
    expect(marks(list, [], [], true, text)[0]?.text).toBe('');
  });
});
