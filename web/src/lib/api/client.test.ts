import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { send } from './client.ts';

const get = (path: string, signal?: AbortSignal): Request => new Request(`http://etfcast.test${path}`, signal ? { signal } : {});
const busy = (seconds: string): Response => new Response('', { status: 429, headers: { 'Retry-After': seconds } });

describe('send', () => {
  let asked: string[];
  let answers: ((request: Request) => Response | Promise<Response>)[];
  beforeEach(() => {
    asked = [];
    answers = [];
    vi.useFakeTimers();
    vi.stubGlobal('fetch', async (request: Request) => {
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      request.signal.throwIfAborted();
      return (answers.shift() ?? (() => new Response('{}')))(request);
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test('large reads go one after another, and one that fails does not stop the next', async () => {
    let release!: (response: Response) => void;
    answers = [() => new Promise((go) => (release = go)), () => new Response('{}'), () => Promise.reject(new TypeError('no connection'))];
    const first = send(get('/v1/gaps?symbol=SPY'));
    await vi.advanceTimersByTimeAsync(0);
    const second = send(get('/v1/etfs?limit=1000'));
    const third = send(get('/v1/etfs/SPY/bars'));
    const small = send(get('/v1/etfs?limit=200'));
    expect((await small).status).toBe(200);
    expect(asked).toEqual(['GET /v1/gaps', 'GET /v1/etfs']);
    release(new Response('{}', { status: 404 }));
    expect((await first).status).toBe(404);
    await expect(second).rejects.toThrow('no connection');
    expect((await third).status).toBe(200);
    expect(asked).toEqual(['GET /v1/gaps', 'GET /v1/etfs', 'GET /v1/etfs', 'GET /v1/etfs/SPY/bars']);
  });

  test('a read that the server is too busy for is sent again when it says, and the last refusal is shown', async () => {
    answers = [() => busy('2')];
    const sent = send(get('/v1/scoreboard'));
    await vi.advanceTimersByTimeAsync(1999);
    expect(asked.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect((await sent).status).toBe(200);
    expect(asked.length).toBe(2);

    answers = Array.from({ length: 9 }, () => () => busy('3600'));
    const refused = send(get('/v1/runs'));
    await vi.advanceTimersByTimeAsync(40_000);
    expect((await refused).status).toBe(429);
    expect(asked.length).toBe(2 + 5);
  });

  test('what changes something is never sent twice', async () => {
    answers = [() => busy('1')];
    expect((await send(new Request('http://etfcast.test/v1/runs', { method: 'POST' }))).status).toBe(429);
    expect(asked).toEqual(['POST /v1/runs']);
  });

  test('a read that nobody waits for any more ends its wait', async () => {
    answers = [() => busy('5')];
    const gone = new AbortController();
    const sent = send(get('/v1/gaps', gone.signal));
    const failed = expect(sent).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(100);
    gone.abort();
    await failed;
    expect((await send(get('/v1/gaps'))).status).toBe(200);
  });
});
