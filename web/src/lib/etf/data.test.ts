import { beforeEach, expect, test, vi } from 'vitest';
import { BarWindow, type BarsQuery } from './data.svelte.ts';

const asked: string[] = [];
let refuse = false;
let hold: Promise<void> | undefined;

vi.mock('../api/client.ts', async (original) => ({
  ...(await original<object>()),
  api: {
    GET: async (_path: string, { params: { query } }: { params: { query: { adjust: string; from?: string; to?: string } } }) => {
      asked.push([query.adjust, query.from, query.to].filter(Boolean).join(' '));
      const refused = refuse;
      await hold;
      if (refused) return { error: { title: 'no' }, response: new Response('', { status: 503 }) };
      return { data: { items: [{ session: query.from ?? '2015-01-02' }], next_cursor: null }, response: new Response('') };
    },
  },
}));

beforeEach(() => {
  asked.length = 0;
  refuse = false;
  hold = undefined;
});

const query = (adjust: BarsQuery['adjust']): BarsQuery => ({ symbol: 'SPY', adjust, asOf: null });

test('what was asked for last is loaded again, also if it did not come', async () => {
  const bars = new BarWindow();
  await bars.load(query('none'), '2025-01-02');
  refuse = true;
  await bars.load(query('total'), '2025-01-02');
  expect([bars.problem?.status, bars.query?.adjust]).toEqual([503, 'none']);
  refuse = false;
  await bars.reload();
  expect(asked).toEqual(['none 2025-01-02', 'total 2025-01-02', 'total 2025-01-02']);
  expect([bars.problem, bars.query?.adjust]).toEqual([undefined, 'total']);
});

test('a load that another one takes the place of is asked for again, as far back', async () => {
  const bars = new BarWindow();
  await bars.load(query('none'), '2025-01-02');
  let go: () => void = () => undefined;
  hold = new Promise((done) => (go = done));
  const older = bars.older('2020-01-02');
  const again = bars.reload();
  go();
  await Promise.all([older, again]);
  expect(asked).toEqual(['none 2025-01-02', 'none 2020-01-02 2025-01-01', 'none 2020-01-02']);
  expect([bars.from('SPY'), bars.items.length]).toEqual(['2020-01-02', 1]);
  await bars.older('2020-01-02'); // it is there
  expect(asked).toHaveLength(3);
});

test('earlier bars that are wanted while others load are loaded with them', async () => {
  const bars = new BarWindow();
  const first = bars.load(query('none'), '2025-01-02');
  await Promise.all([first, bars.older('2020-01-02')]);
  expect([bars.from('SPY'), bars.items[0]?.session]).toEqual(['2020-01-02', '2020-01-02']);
});

test('earlier bars that did not come can be wanted again', async () => {
  const bars = new BarWindow();
  await bars.load(query('none'), '2025-01-02');
  refuse = true;
  await bars.older('2020-01-02');
  expect([bars.problem?.status, bars.from('SPY'), bars.from('QQQ')]).toEqual([503, '2025-01-02', undefined]);
  refuse = false;
  await bars.older('2020-01-02');
  expect([bars.problem, bars.from('SPY'), bars.items.length]).toEqual([undefined, '2020-01-02', 2]);
});
