import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { refresher } from './refresh.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('follows the first event at once and many by one load a second', async () => {
  const load = vi.fn(async () => undefined);
  const refresh = refresher(load);
  refresh.soon();
  expect(load).toHaveBeenCalledTimes(1);
  for (let i = 0; i < 100; i++) refresh.soon();
  expect(load).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(999);
  expect(load).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(load).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(5000);
  expect(load).toHaveBeenCalledTimes(2); // nothing has happened since
  refresh.soon();
  expect(load).toHaveBeenCalledTimes(3);
});

it('waits for a load that takes long, and loads again if something happened meanwhile', async () => {
  let done: () => void = () => undefined;
  const load = vi.fn(() => new Promise<void>((ended) => (done = ended)));
  const refresh = refresher(load);
  refresh.soon();
  await vi.advanceTimersByTimeAsync(5000);
  refresh.soon();
  expect(load).toHaveBeenCalledTimes(1);
  done();
  await vi.advanceTimersByTimeAsync(1000);
  expect(load).toHaveBeenCalledTimes(2);
});

it('stops', async () => {
  const load = vi.fn(async () => undefined);
  const refresh = refresher(load);
  refresh.soon();
  refresh.soon();
  refresh.stop();
  await vi.advanceTimersByTimeAsync(5000);
  refresh.soon();
  expect(load).toHaveBeenCalledTimes(1);
});
