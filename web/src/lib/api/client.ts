// The API, with the types of its OpenAPI document (`npm run generate`).
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.d.ts';

/** Reads that the server lets in one after another: a page that sent several at once would be refused some of them. */
const large = /\/(bars|scores|scoreboard)$/;
let turn: Promise<unknown> = Promise.resolve();

function send(request: Request): Promise<Response> {
  if (request.method !== 'GET' || !large.test(new URL(request.url).pathname)) return fetch(request);
  const sent = turn.then(() => fetch(request));
  turn = sent.catch(() => undefined);
  return sent;
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
