// Decisions on findings and on statements about corporate actions.
import { api, data, Problem, type Schema } from './api/client.ts';
import { newKey, type Action, type Decision, type Finding, type FindingDetail } from './findings.ts';

export type Ruling = { decision: Decision; by: string; why: string; values?: Schema<'NewBar'>[] };

/** What was decided on: a finding, or an action without one, whose id it has then. */
export type Subject = { id: string; symbol: string; action?: string };

/** A decision that was made, in words; `again` if the subject waits for another one. */
export type Done = Subject & { text: string; undo: boolean; pending: boolean; again?: boolean };

/** What shows one subject and decides on it. */
export interface DecisionProps {
  id: string;
  ondecided: (done: Done) => void;
  /** A decision failed whose subject is not shown any more. */
  onfailed: (of: Subject, problem: Problem) => void;
}

/** What became of a decision: pending means that it is recorded and will be applied by a worker. */
export type Decided<T> = { item: T; pending: boolean };

// The last request about each finding or action whose response never came.
const unanswered = new Map<string, { what: string; key: string }>();

/** Sends a request with an idempotency key: the same again after a lost connection has the same key, and does no harm. */
async function once<T>(about: string, ruling: object, send: (key: string) => Promise<T>): Promise<T> {
  const what = JSON.stringify(ruling);
  const last = unanswered.get(about);
  const key = last?.what === what ? last.key : newKey();
  unanswered.set(about, { what, key });
  try {
    const answer = await send(key);
    unanswered.delete(about);
    return answer;
  } catch (cause) {
    if (!(cause instanceof Problem && cause.status === 0)) unanswered.delete(about);
    throw cause;
  }
}

/** Decides on a finding. */
export function decideFinding(id: string, ruling: Ruling): Promise<Decided<Finding>> {
  return once(id, ruling, async (key) => {
    let status = 0;
    const request = api.POST('/v1/findings/{id}/decision', { params: { path: { id } }, body: { ...ruling, key } });
    const item = await data(request.then((a) => ((status = a.response.status), a)));
    return { item, pending: status === 202 };
  });
}

/** Decides on a statement about a corporate action. */
export function decideAction(id: string, ruling: { decision: 'accept' | 'reject' | 'cancel'; by: string; why: string }): Promise<{ pending: boolean }> {
  return once(id, ruling, async (key) => {
    let status = 0;
    const request = api.POST('/v1/actions/{id}/decision', { params: { path: { id } }, body: { ...ruling, key } });
    await data<unknown>(request.then((a) => ((status = a.response.status), a)));
    return { pending: status === 202 };
  });
}

/** A finding with its rows, its decisions, the net asset values of the same sessions and the actions that it proposes. */
export interface Case {
  detail: FindingDetail;
  currency: string;
  exchange: string;
  sources: string[];
  /** Whether the prices say if they are as traded or adjusted: without that, no split can restate them. */
  basisKnown: boolean;
  navs: Map<string, { nav: number; premium: number | undefined }>;
  proposals: Action[];
}

/**
 * The corporate actions that would explain a finding, or were proposed by it, the likeliest first (as quality.Explaining): what the finding itself
 * proposes, then a split proposed for one of its sessions in another ratio, or by a source whose prices do not show it. An action names one
 * finding, and two of one response may propose the same, as the newest session gets a finding of its own.
 */
export function proposalsOf(detail: { finding: Pick<Schema<'Finding'>, 'id' | 'rule' | 'sessions'>; proposal: FindingDetail['proposal'] }, actions: readonly Action[]): Action[] {
  const { finding, proposal } = detail;
  const sameDay = (a: Action) => proposal !== null && a.kind === proposal.kind && a.ex === proposal.ex;
  const own = (a: Action) => a.finding === finding.id || (sameDay(a) && a.ratio === proposal?.ratio && a.amount === proposal?.amount && ['proposed', 'accepted'].includes(a.status));
  const other = (a: Action) => a.status === 'proposed' && a.kind === 'split' && finding.rule === 'split_suspected' && (sameDay(a) || finding.sessions.includes(a.ex));
  const current = actions.filter((a) => a.superseded_by === null);
  return [...current.filter(own), ...current.filter((a) => !own(a) && other(a))];
}

export async function loadCase(id: string, signal: AbortSignal): Promise<Case> {
  const detail = await data(api.GET('/v1/findings/{id}', { params: { path: { id } }, signal }));
  const symbol = detail.finding.symbol;
  const from = detail.rows[0]?.session;
  const to = detail.rows.at(-1)?.session;
  const [registered, bars, actions] = await Promise.all([
    data(api.GET('/v1/etfs/{symbol}', { params: { path: { symbol } }, signal })),
    from && to ? data(api.GET('/v1/etfs/{symbol}/bars', { params: { path: { symbol }, query: { from, to, include: 'nav' } }, signal })) : undefined,
    data(api.GET('/v1/etfs/{symbol}/actions', { params: { path: { symbol } }, signal })),
  ]);
  const list = typeof bars === 'object' ? bars.items : []; // JSON: CSV was not asked for
  return {
    detail,
    currency: registered.currency,
    exchange: registered.exchange,
    sources: registered.sources.map((s) => s.name),
    basisKnown: list.every((b) => b.basis !== 'unknown'),
    navs: new Map(list.flatMap((b) => (b.nav === undefined ? [] : [[b.session, { nav: b.nav, premium: b.premium }]]))),
    proposals: proposalsOf(detail, actions.items),
  };
}
