// Lists about one ETF that its page shows around the chart.
import { api, data, type Schema } from '../api/client.ts';

/** A forecast in a list: etfcast's own, or an entry of others, of which no data version is known. */
export type ForecastItem = Pick<Schema<'ForecastHead'>, 'id' | 'model' | 'origin' | 'issued_at' | 'standing'> & { data_version: number | null };
export type FetchItem = Schema<'Fetch'>;
export type RunItem = Schema<'ETFRun'>;
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** A page of an ETF's forecasts by one of etfcast's models, newest origin first; all at once by an entrant. */
export async function loadForecasts(symbol: string, model: string, entrant: boolean, cursor: string | null, signal: AbortSignal): Promise<Page<ForecastItem>> {
  if (!entrant) {
    return data(api.GET('/v1/etfs/{symbol}/forecasts', { params: { path: { symbol }, query: { model, limit: 100, ...(cursor ? { cursor } : {}) } }, signal }));
  }
  const items: ForecastItem[] = []; // entries are listed oldest first
  let next: string | null = null;
  do {
    const list: Schema<'EntryList'> = await data(api.GET('/v1/entries', { params: { query: { model, symbol, limit: 199, ...(next ? { cursor: next } : {}) } }, signal }));
    items.push(...list.items.map((e) => ({ id: e.id, model: e.model, origin: e.origin, issued_at: e.issued_at, standing: e.standing, data_version: null })));
    next = list.next_cursor;
  } while (next);
  items.sort((a, b) => b.origin.localeCompare(a.origin) || b.issued_at.localeCompare(a.issued_at));
  return { items, next_cursor: null };
}

export function loadFetches(symbol: string, cursor: string | null, signal: AbortSignal): Promise<Page<FetchItem>> {
  return data(api.GET('/v1/etfs/{symbol}/fetches', { params: { path: { symbol }, query: { limit: 8, ...(cursor ? { cursor } : {}) } }, signal }));
}

export async function loadRuns(symbol: string, signal: AbortSignal): Promise<RunItem[]> {
  return (await data(api.GET('/v1/etfs/{symbol}/runs', { params: { path: { symbol }, query: { limit: 20 } }, signal }))).items;
}

export async function loadFreshness(symbol: string, signal: AbortSignal): Promise<Schema<'FreshnessItem'>[]> {
  return (await data(api.GET('/v1/freshness', { params: { query: { symbol } }, signal }))).items;
}
