// Which exchange each ETF is on, and its currency. Loaded once, when a page first needs it, and again when it meets a symbol that it does not know.
import { untrack } from 'svelte';
import { api, data, Problem } from './api/client.ts';

let exchanges = $state.raw<ReadonlyMap<string, { exchange: string; currency: string }>>(new Map());
let loading: Promise<void> | undefined;

export function exchangeOf(symbol: string): string | undefined {
  return exchanges.get(symbol)?.exchange;
}

export function currencyOf(symbol: string): string | undefined {
  return exchanges.get(symbol)?.currency;
}

/** The symbols known, ascending. */
export function symbols(exchange?: string): string[] {
  return [...exchanges].filter(([, e]) => !exchange || e.exchange === exchange).map(([s]) => s);
}

/** Loads the map if a symbol is missing in it, or if it is empty. An effect that calls it does not run again when the map is there. */
export async function needExchanges(of: readonly string[] = []): Promise<void> {
  const known = untrack(() => exchanges);
  if (known.size > 0 && of.every((s) => known.has(s))) return;
  loading ??= load().finally(() => (loading = undefined));
  await loading;
}

async function load(): Promise<void> {
  const found = new Map<string, { exchange: string; currency: string }>();
  let cursor: string | null = null;
  try {
    do {
      const page: { items: { symbol: string; exchange: string; currency: string }[]; next_cursor: string | null } = await data(
        api.GET('/v1/etfs', { params: { query: { limit: 1000, ...(cursor ? { cursor } : {}) } } }),
      );
      for (const e of page.items) found.set(e.symbol, { exchange: e.exchange, currency: e.currency });
      cursor = page.next_cursor;
    } while (cursor);
    exchanges = found;
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause; // the list shows no exchanges then
  }
}
