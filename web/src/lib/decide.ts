// Decisions on findings and on statements about corporate actions.
import { api, data, type Schema } from './api/client.ts';
import { newKey, type Action, type Decision, type Finding, type FindingDetail } from './findings.ts';

export type Ruling = { decision: Decision; by: string; why: string; values?: Schema<'NewBar'>[] };

/** What became of a decision: pending means that it is recorded and will be applied by a worker. */
export type Decided<T> = { item: T; pending: boolean };

/** Decides on a finding. The request has an idempotency key, so that sending it again after a lost connection does no harm. */
export async function decideFinding(id: string, ruling: Ruling): Promise<Decided<Finding>> {
  let status = 0;
  const request = api.POST('/v1/findings/{id}/decision', { params: { path: { id } }, body: { ...ruling, key: newKey() } });
  const item = await data(request.then((a) => ((status = a.response.status), a)));
  return { item, pending: status === 202 };
}

/** Decides on a statement about a corporate action. */
export async function decideAction(id: string, ruling: { decision: 'accept' | 'reject' | 'cancel'; by: string; why: string }): Promise<{ pending: boolean }> {
  let status = 0;
  const request = api.POST('/v1/actions/{id}/decision', { params: { path: { id } }, body: { ...ruling, key: newKey() } });
  await data<unknown>(request.then((a) => ((status = a.response.status), a)));
  return { pending: status === 202 };
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
 * The corporate actions that would explain a finding, or were proposed by it. Two findings may propose the same, since the newest session has
 * one of its own: the action is offered in both, although it names only one of them.
 */
export function proposalsOf(detail: { finding: Pick<Schema<'Finding'>, 'id'>; proposal: FindingDetail['proposal'] }, actions: readonly Action[]): Action[] {
  const proposal = detail.proposal;
  const same = (a: Action) => proposal !== null && a.kind === proposal.kind && a.ex === proposal.ex && (a.status === 'proposed' || (a.ratio === proposal.ratio && a.amount === proposal.amount));
  return actions.filter((a) => a.superseded_by === null && (a.finding === detail.finding.id || same(a)));
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
