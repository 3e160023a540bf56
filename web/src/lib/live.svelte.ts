// The page's one stream of events. Pages say which events they care about; the connection is shared.

export interface LiveEvent {
  id: number;
  at: string;
  kind: string;
  exchange?: string;
  session?: string;
  symbol?: string;
  run?: string;
  subject?: string;
  data: Record<string, unknown>;
}

export type Connection = 'connecting' | 'open' | 'lost';

const kinds = [
  'run.started', 'run.progress', 'run.ended',
  'etf.fetched', 'etf.validated', 'etf.stored', 'etf.forecast', 'etf.registered', 'etf.changed',
  'bar.released', 'finding.reported', 'finding.decided', 'action.stated', 'action.decided',
  'source.changed', 'entry.appended', 'ledger.anchored', 'deadline.missed', 'deadline.met', 'backtest.started', 'backtest.progress', 'backtest.ended',
  'backfill.started', 'backfill.progress', 'backfill.ended',
]; // prettier-ignore

type Listener = { event: (e: LiveEvent) => void; reset: () => void };

const listeners = new Set<Listener>();
let source: EventSource | undefined;
let path = '';
let state = $state<Connection>('connecting');
let heard = $state.raw<Date>(new Date());

/** Whether events arrive. */
export function connection(): Connection {
  return state;
}

/** When the server was last heard of. */
export function lastHeard(): Date {
  return heard;
}

/**
 * Follows events until the returned function is called. `reset` is called when events may have been missed: load the data again.
 * All followers of a page share one connection; `url` is the stream of a run, or all events.
 */
export function follow(event: (e: LiveEvent) => void, reset: () => void, url = '/v1/events'): () => void {
  const listener = { event, reset };
  listeners.add(listener);
  if (!source || path !== url) open(url);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) close();
  };
}

let wait = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let newest = ''; // ID of the last event received
let ended = false;
let lost = false; // since the connection was last open

function open(url: string): void {
  close();
  path = url;
  ended = false;
  state = 'connecting';
  const from = newest && url === '/v1/events' ? `?after=${newest}` : '';
  source = new EventSource(url + from);
  source.onopen = () => {
    heard = new Date();
    wait = 0;
    if (state === 'open') return;
    const back = lost;
    lost = false;
    state = 'open';
    // What a page could not load meanwhile is no event.
    if (back) for (const l of [...listeners]) l.reset();
  };
  source.onerror = () => {
    if (ended) {
      close();
      state = 'open';
      return;
    }
    state = 'lost';
    lost = true;
    // The browser tries again by itself, unless the server refused the request.
    if (source?.readyState === EventSource.CLOSED) {
      wait = Math.min(wait * 2 + 1000, 30_000);
      timer = setTimeout(() => open(url), wait);
    }
  };
  source.addEventListener('hello', (e) => note(e as MessageEvent<string>));
  source.addEventListener('reset', (e) => {
    note(e as MessageEvent<string>);
    for (const l of [...listeners]) l.reset();
  });
  source.addEventListener('end', (e) => {
    ended = (JSON.parse((e as MessageEvent<string>).data) as { ended?: boolean }).ended === true;
  });
  for (const kind of kinds) {
    source.addEventListener(kind, (e) => {
      const message = e as MessageEvent<string>;
      note(message);
      const event = JSON.parse(message.data) as LiveEvent;
      for (const l of [...listeners]) l.event(event);
    });
  }
}

function note(e: MessageEvent<string>): void {
  heard = new Date();
  if (path === '/v1/events' && e.lastEventId) newest = e.lastEventId;
}

function close(): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
  path = '';
}
