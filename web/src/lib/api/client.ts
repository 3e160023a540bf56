// The API, with the types of its OpenAPI document (`npm run generate`).
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.d.ts';

let turn: Promise<unknown> = Promise.resolve();

/** Whether the server lets in few such reads at once (api/load.go): what reads all ETFs or scores, and pages of many items. */
function large(url: URL): boolean {
  return /\/(bars|scores|scoreboard|freshness|gaps)$/.test(url.pathname) || Number(url.searchParams.get('limit')) > 200;
}

/** Sends a request. Large reads go one after another: a page that sent several at once would be refused some of them. */
export function send(request: Request): Promise<Response> {
  if (request.method !== 'GET') return fetch(request);
  if (!large(new URL(request.url))) return patient(request);
  const sent = turn.then(() => patient(request));
  turn = sent.catch(() => undefined);
  return sent;
}

/** Sends a read, and sends it again if the server is too busy for it now (429), after the seconds that it names. */
async function patient(request: Request): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await fetch(request);
    if (response.status !== 429 || tries === 5) return response;
    const seconds = Number(response.headers.get('Retry-After'));
    await pause(1000 * Math.min(seconds > 0 ? seconds : 1, 10), request.signal);
  }
}

/** Waits, or until the signal says that nobody waits any more. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}

export const api = createClient<paths>({ baseUrl: '/', fetch: send });

/** A type of the API's document: `Schema<'Run'>`. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

/** What went wrong with a request: the API's problem document, or a status of 0 if the server did not respond. */
export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly remedy: string | undefined;
  readonly errors: readonly { field?: string; message: string; remedy?: string }[];

  constructor(status: number, body: unknown) {
    const b = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    super(String(b['detail'] ?? b['title'] ?? ''));
    this.name = 'Problem';
    this.status = status;
    this.type = String(b['type'] ?? '');
    this.remedy = typeof b['remedy'] === 'string' ? b['remedy'] : undefined;
    this.errors = Array.isArray(b['errors']) ? (b['errors'] as { field?: string; message: string; remedy?: string }[]) : [];
  }
}

/** Waits for a response of the client and returns its data, or throws a Problem. */
export async function data<T>(request: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer;
  try {
    answer = await request;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Problem(0, {});
  }
  if (answer.error !== undefined || !answer.response.ok) throw new Problem(answer.response.status, answer.error);
  return answer.data as T;
}
