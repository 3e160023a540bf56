// Lists about one ETF that its page shows below the chart.
import { Problem } from '../api/client.ts';

export interface ForecastItem {
  id: string;
  model: string;
  origin: string;
  issued_at: string;
  as_of: string;
  standing: 'record' | 'late';
  run: string;
  code_version: string;
  horizons: number[];
}
export interface FetchItem {
  id: string;
  source: string;
  request: string;
  sha256: string;
  fetched_at: string;
  run: string;
  rows: number;
  new: number;
  unchanged: number;
  revised: number;
  quarantined: number;
  stored: boolean;
}
export interface RunItem {
  run: string;
  started_at: string;
  session: string;
  stage: string | null;
  outcome: string;
  source: string | null;
  attempts: number;
  findings: number;
  forecasts: number;
  error_type: string | null;
  error_message: string | null;
  remedy: string | null;
}
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}
export interface FreshnessItem {
  symbol: string;
  session: string;
  due_at: string;
  stored_at: string | null;
  forecast_at: string | null;
  state: 'ok' | 'waiting' | 'stale';
  late_seconds: number;
}

async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { signal, headers: { Accept: 'application/json' } });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Problem(0, {});
  }
  const body: unknown = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body);
  return body as T;
}

const of = (symbol: string) => `/v1/etfs/${encodeURIComponent(symbol)}`;

export function loadForecasts(symbol: string, model: string, cursor: string | null, signal: AbortSignal): Promise<Page<ForecastItem>> {
  return get(`${of(symbol)}/forecasts?${new URLSearchParams({ model, limit: '200', ...(cursor ? { cursor } : {}) })}`, signal);
}

export function loadFetches(symbol: string, cursor: string | null, signal: AbortSignal): Promise<Page<FetchItem>> {
  return get(`${of(symbol)}/fetches?${new URLSearchParams({ limit: '20', ...(cursor ? { cursor } : {}) })}`, signal);
}

export async function loadRuns(symbol: string, signal: AbortSignal): Promise<RunItem[]> {
  return (await get<{ items: RunItem[] }>(`${of(symbol)}/runs?limit=20`, signal)).items;
}

export async function loadFreshness(symbol: string, signal: AbortSignal): Promise<FreshnessItem[]> {
  return (await get<{ items: FreshnessItem[] }>(`/v1/freshness?${new URLSearchParams({ symbol })}`, signal)).items;
}
