// What the page of an ETF loads.
import { api, data, Problem, type Schema } from '../api/client.ts';
import type { Action, Adjust, Bar, Finding, Forecast } from '../chart/model.ts';

export type ETF = Schema<'ETF'>;
export type Version = Schema<'DataVersionChange'>;
export type Score = Schema<'Score'>;

/** The most bars of one response. */
const page = 10_000;

export interface BarsQuery {
  symbol: string;
  adjust: Adjust;
  asOf: number | null;
}

async function bars(q: BarsQuery, window: { from?: string; to?: string }, signal: AbortSignal): Promise<Bar[]> {
  const items: Bar[] = [];
  let cursor: string | null = null;
  do {
    const query = { ...window, limit: page, include: 'nav' as const, adjust: q.adjust, ...(q.asOf === null ? {} : { as_of: String(q.asOf) }), ...(cursor ? { cursor } : {}) };
    const list = (await data(api.GET('/v1/etfs/{symbol}/bars', { params: { path: { symbol: q.symbol }, query }, signal }))) as Schema<'BarList'>; // not CSV: that has to be asked for
    items.push(...list.items);
    cursor = list.next_cursor;
  } while (cursor);
  return items;
}

/** Bars as stored (not adjusted): of all sessions, or of some. */
export function rawBars(symbol: string, asOf: number | null, signal: AbortSignal, window: { from?: string; to?: string } = {}): Promise<Bar[]> {
  return bars({ symbol, adjust: 'none', asOf }, window, signal);
}

/** The bars that the chart shows, from some session on. Earlier ones are loaded when they are asked for. */
export class BarWindow {
  items = $state.raw<readonly Bar[]>([]);
  /** What the items are of. */
  query = $state.raw<BarsQuery | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);
  loading = $state(false);
  at = $state.raw<Date | undefined>(undefined);
  #asked: { query: BarsQuery; from: string | null } | undefined;

  /** The first session asked for of an ETF; null for the first stored one, undefined if its bars were not asked for last. */
  from(symbol: string): string | null | undefined {
    return this.#asked?.query.symbol === symbol ? this.#asked.from : undefined;
  }
  #abort: AbortController | undefined;

  /** Loads the bars from a session on, and keeps the old ones visible meanwhile. If there are none that late, it loads all. */
  async load(query: BarsQuery, from: string | null): Promise<void> {
    const asked = { query, from };
    this.#asked = asked;
    await this.#run(async (signal) => {
      let items = await bars(query, from === null ? {} : { from }, signal);
      if (items.length === 0 && from !== null) {
        items = await bars(query, {}, signal);
        if (!signal.aborted) asked.from = null;
      }
      if (signal.aborted) return;
      this.items = items;
      this.query = query;
    });
  }

  /** Loads again what was asked for last, whether it came or not. */
  async reload(): Promise<void> {
    if (this.#asked) await this.load(this.#asked.query, this.#asked.from);
  }

  /** Loads the bars before those loaded, back to a session; null for all. */
  async older(to: string | null): Promise<void> {
    const asked = this.#asked;
    if (!asked || asked.from === null || (to !== null && to >= asked.from)) return;
    const first = this.items[0]?.session;
    if (this.loading || this.query !== asked.query || !first) return this.load(asked.query, to); // there is nothing to add to
    const back = { query: asked.query, from: to };
    this.#asked = back;
    await this.#run(async (signal) => {
      const day = new Date(`${first}T00:00:00Z`);
      day.setUTCDate(day.getUTCDate() - 1);
      const before = await bars(back.query, { to: day.toISOString().slice(0, 10), ...(to === null ? {} : { from: to }) }, signal);
      if (signal.aborted) return;
      this.items = [...before, ...this.items];
      if (before.length === 0 && to !== null) back.from = null;
    });
    if (this.problem && this.#asked === back) this.#asked = asked; // it can be wanted again
  }

  async #run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    try {
      await work(abort.signal);
      if (abort.signal.aborted) return;
      this.problem = undefined;
      this.at = new Date();
    } catch (cause) {
      if (abort.signal.aborted) return;
      if (!(cause instanceof Problem)) throw cause;
      this.problem = cause;
    } finally {
      if (this.#abort === abort) this.loading = false;
    }
  }

  stop(): void {
    this.#abort?.abort();
  }
}

export function loadETF(symbol: string, signal: AbortSignal): Promise<ETF> {
  return data(api.GET('/v1/etfs/{symbol}', { params: { path: { symbol } }, signal }));
}

/** The ETF's data versions, oldest first. */
export async function loadVersions(symbol: string, signal: AbortSignal): Promise<Version[]> {
  const items: Version[] = [];
  let cursor: string | null = null;
  do {
    const list: Schema<'DataVersionList'> = await data(
      api.GET('/v1/etfs/{symbol}/versions', { params: { path: { symbol }, query: { limit: 1000, ...(cursor ? { cursor } : {}) } }, signal }),
    );
    items.push(...list.items);
    cursor = list.next_cursor;
  } while (cursor);
  return items.reverse();
}

export async function loadActions(symbol: string, asOf: number | null, signal: AbortSignal): Promise<Action[]> {
  const query = asOf === null ? {} : { as_of: String(asOf) };
  return (await data(api.GET('/v1/etfs/{symbol}/actions', { params: { path: { symbol }, query }, signal }))).items;
}

/** The ETF's newest findings: as many as the server reads at once without making others wait. */
export async function loadFindings(symbol: string, asOf: number | null, signal: AbortSignal): Promise<Finding[]> {
  const query = { symbol, limit: 199, ...(asOf === null ? {} : { as_of: String(asOf) }) };
  return (await data(api.GET('/v1/findings', { params: { query }, signal }))).items;
}

/** etfcast's own models, the benchmark first, with where each is served instead of it. */
export async function loadModels(signal: AbortSignal): Promise<Schema<'Model'>[]> {
  return (await data(api.GET('/v1/models', { signal }))).items;
}

/** The models that others enter forecasts of the ETF for, if any of them is scored. */
export async function loadEntrants(symbol: string, signal: AbortSignal): Promise<string[]> {
  const found = new Set<string>();
  for (const late of ['false', 'true'] as const) {
    const board = await data(api.GET('/v1/scoreboard', { params: { query: { symbol, late } }, signal }));
    for (const i of board.items) if (i.entry) found.add(i.model);
  }
  return [...found].sort();
}

/** The latest forecast by a model, or by the one that is served at a horizon; null if there is none. */
export async function loadLatest(symbol: string, of: { model: string } | { horizon: number }, signal: AbortSignal): Promise<Forecast | null> {
  const query = 'model' in of ? { model: of.model } : { horizon: of.horizon };
  try {
    return await data(api.GET('/v1/etfs/{symbol}/forecasts/latest', { params: { path: { symbol }, query }, signal }));
  } catch (cause) {
    if (cause instanceof Problem && cause.status === 404) return null;
    throw cause;
  }
}

export function loadForecast(id: string, signal: AbortSignal): Promise<Forecast> {
  return data(api.GET('/v1/forecasts/{id}', { params: { path: { id } }, signal }));
}

/** The scores of one forecast by horizon. A repeated forecast has none; of unknown standing, both kinds are looked through. */
export async function loadScores(
  forecast: Pick<Forecast, 'id' | 'symbol' | 'model' | 'origin'>,
  standing: 'record' | 'late' | 'repeated' | undefined,
  signal: AbortSignal,
): Promise<Score[]> {
  const { symbol, model, origin } = forecast;
  const kinds = standing === undefined ? (['false', 'true'] as const) : standing === 'record' ? (['false'] as const) : standing === 'late' ? (['true'] as const) : [];
  const found: Score[] = [];
  for (const late of kinds) {
    const list = await data(api.GET('/v1/etfs/{symbol}/scores', { params: { path: { symbol }, query: { model, from: origin, to: origin, late } }, signal }));
    found.push(...list.items.filter((s) => s.forecast === forecast.id));
  }
  return found.sort((a, b) => a.horizon - b.horizon);
}
