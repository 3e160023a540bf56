// The schedules: what they say, and what their buttons do.
import type { components } from '../src/lib/api/schema.d.ts';
import { eventually, expect, test, type Server } from './harness.ts';

type Schedule = components['schemas']['Schedule'];

async function state(server: Server, id: string): Promise<Schedule> {
  const found = (await server.get<{ items: Schedule[] }>('/v1/schedules')).items.find((s) => s.id === id);
  if (!found) throw new Error(`there is no schedule ${id}`);
  return found;
}

test('they show when they fire in both time zones, how far they catch up, and the runs they lead to', async ({ open, shots }) => {
  const page = await open('/schedules');
  const card = page.getByRole('region', { name: 'daily-XNYS' });
  await card.getByText('America/New_York').waitFor();
  await card.getByText(/^7 days:/).waitFor(); // dispatch.ScheduleOptions
  // 17:30 in New York (the demo's setting), up to two minutes later; the browser is in Berlin, six hours ahead, but for the weeks between two changes of the clocks.
  expect(await card.getByRole('cell').first().textContent()).toMatch(/5:3[0-2] PM/);
  expect(await card.getByRole('cell').nth(1).textContent()).toMatch(/1[01]:3[0-2] PM/);
  await shots(page, 'schedules');
  await card.getByRole('link', { name: 'All runs of XNYS' }).waitFor();
  await card.locator('tbody a').first().click();
  await page.waitForURL('**/runs/daily*');
});

test('pausing asks first, keeps the reason, and is undone by resuming', async ({ open, server }) => {
  const page = await open('/schedules');
  const card = page.getByRole('region', { name: 'daily-XKRX' });
  await card.getByRole('button', { name: 'Pause' }).click();
  await page.keyboard.press('Escape');
  await card.getByRole('form').waitFor({ state: 'detached' });
  expect((await state(server, 'daily-XKRX')).paused).toBe(false);

  await card.getByRole('button', { name: 'Pause' }).click();
  await page.keyboard.type('the provider is being changed'); // the field has the focus
  await page.keyboard.press('Enter');
  await page.getByText('Paused: daily-XKRX.').waitFor();
  await card.getByText('paused by the API: the provider is being changed').waitFor();
  await card.getByText('None while it is paused.').waitFor();
  expect(await state(server, 'daily-XKRX')).toMatchObject({ paused: true, next_at: [] });

  await card.getByRole('button', { name: 'Resume' }).click();
  await card.getByRole('form').getByRole('button', { name: 'Resume' }).click();
  await page.getByText('Resumed: daily-XKRX.').waitFor();
  expect((await state(server, 'daily-XKRX')).paused).toBe(false);
});

test('all are paused and resumed at once', async ({ open, server }) => {
  const page = await open('/schedules');
  await page.getByRole('button', { name: 'Pause all' }).click();
  await page.getByRole('form').getByRole('button', { name: 'Pause all' }).click();
  await page.getByText('Paused: all schedules.').waitFor();
  for (const id of ['daily-XNYS', 'daily-XKRX']) expect((await state(server, id)).paused, id).toBe(true);
  await page.getByRole('button', { name: 'Resume all' }).click();
  await page.getByRole('form').getByRole('button', { name: 'Resume all' }).click();
  await page.getByText('Resumed: all schedules.').waitFor();
  for (const id of ['daily-XNYS', 'daily-XKRX']) expect((await state(server, id)).paused, id).toBe(false);
});

test('one fires when it is triggered', async ({ open, server }) => {
  const fired = async () => (await state(server, 'daily-XKRX')).recent.at(-1)?.started_at; // only the last few are listed
  const before = await fired();
  const page = await open('/schedules');
  const card = page.getByRole('region', { name: 'daily-XKRX' });
  await card.getByRole('button', { name: 'Trigger now' }).click();
  await card.getByRole('form').getByRole('button', { name: 'Trigger now' }).click();
  await page.getByText('Triggered: daily-XKRX.').waitFor();
  await eventually('the firing to be recorded', async () => ((await fired()) !== before ? true : undefined));
  await card.getByText(/^Last fired/).waitFor();
});

test('without schedules it says which command makes them', async ({ open }) => {
  const page = await open('/schedules', {
    before: async (p) => {
      await p.route('**/v1/schedules', (route) => route.fulfill({ json: { items: [], next_cursor: null } }));
    },
  });
  await page.getByText('etfcast schedule apply').waitFor();
});

test('a session is closed after its announcement, and reopened', async ({ open, shots }) => {
  type Calendar = components['schemas']['Calendar'];
  const calendar: Calendar = { exchange: 'XKRX', name: 'Korea Exchange', time_zone: 'Asia/Seoul', from: '1990-01-01', to: '2030-12-31', version: 0, changes: [] };
  const london: Calendar = { ...calendar, exchange: 'XLON', name: 'London Stock Exchange', time_zone: 'Europe/London', changes: [] };
  const asked: unknown[] = [];
  const page = await open('/calendars', {
    allow: [/409/],
    before: async (p) => {
      await p.route('**/v1/calendars', (route) => route.fulfill({ json: { items: [calendar, london], next_cursor: null } }));
      await p.route('**/v1/calendars/XKRX/closures', (route) => {
        const body = route.request().postDataJSON() as { session: string; reason: string; reopen: boolean; by?: string };
        asked.push(body);
        if (body.session === '2026-12-28') {
          return route.fulfill({ status: 409, contentType: 'application/problem+json', json: { type: '/problems/conflict', title: 'Conflict', status: 409, detail: 'XKRX has bars of 2026-12-28', errors: [] } });
        }
        const change = { exchange: 'XKRX' as const, number: calendar.changes.length + 1, session: body.session, closed: !body.reopen, reason: body.reason, by: body.by ?? 'the API', at: '2026-05-30T09:00:00Z' };
        calendar.changes.push(change);
        calendar.version = change.number;
        return route.fulfill({ status: 201, json: { ...change, moved: 8400, changed: true } });
      });
    },
  });
  const region = page.getByRole('table');
  await region.getByRole('row', { name: /XLON/ }).getByText('none: as released').waitFor();
  await region.getByRole('button', { name: 'Close a session of XKRX' }).click();
  const form = page.getByRole('form', { name: 'Close a session of XKRX' });
  await form.getByLabel('Session').fill('2026-12-28');
  await form.getByLabel('Reason').fill('a storm');
  await form.getByLabel('Your name (optional)').fill('Kim');
  await form.getByRole('button', { name: 'Close a session' }).click();
  await form.getByText('XKRX has bars of 2026-12-28').waitFor();
  await form.getByLabel('Session').fill('2026-12-29');
  await form.getByRole('button', { name: 'Close a session' }).click();
  await page.getByText('XKRX is closed on Dec 29, 2026 (version 1). 8,400 points of forecasts have new targets.').waitFor();
  expect(asked.at(-1)).toEqual({ session: '2026-12-29', reason: 'a storm', reopen: false, by: 'Kim' });
  await region.getByText(/Dec 29, 2026: a storm/).waitFor();
  await shots(page, 'calendars');

  await region.getByRole('button', { name: 'Reopen XKRX on Dec 29, 2026' }).click();
  const again = page.getByRole('form', { name: 'Reopen a session of XKRX' });
  await again.getByLabel('Reason').fill('it trades after all');
  await again.getByRole('button', { name: 'Reopen' }).click();
  await page.getByText(/XKRX trades on Dec 29, 2026 again \(version 2\)/).waitFor();
  expect(asked.at(-1)).toEqual({ session: '2026-12-29', reason: 'it trades after all', reopen: true, by: 'Kim' });
  await region.getByRole('row', { name: /XKRX/ }).getByText('none: as released').waitFor();
  await region.getByText('2 changes').waitFor();
});
