// What the pages say about sources, without any markup.
import type { Schema } from './api/client.ts';

export type Source = Schema<'Source'>;
export type BreakerState = Source['breaker']['state'];

/** How the badge of a breaker's state is coloured. */
export const breakerTones: Record<BreakerState, 'good' | 'warn' | 'bad'> = { closed: 'good', half_open: 'warn', open: 'bad' };

/** What is wrong with a source that ETFs name, the worst first: it is not asked, has no key, has no requests left, or its key expires soon. */
export type Trouble = 'open' | 'key' | 'half_open' | 'quota' | 'expires';
const urgency: readonly Trouble[] = ['open', 'key', 'half_open', 'quota', 'expires'];

/** What is wrong with a source; undefined if nothing is. */
export function trouble(source: Source): Trouble | undefined {
  const { breaker, key, quota } = source;
  const found: Trouble[] = [];
  if (breaker.state !== 'closed') found.push(breaker.state);
  if (key && !key.present) found.push('key');
  if (quota && usedUp(quota)) found.push('quota');
  if (key?.present && key.problem !== null) found.push('expires');
  return urgency.find((t) => found.includes(t));
}

/** The sources in trouble that some ETF names, the worst first. A source that no ETF names troubles nobody. */
export function troubled(sources: readonly Source[]): { source: Source; trouble: Trouble }[] {
  return sources
    .flatMap((source) => {
      const found = source.etfs > 0 ? trouble(source) : undefined;
      return found ? [{ source, trouble: found }] : [];
    })
    .sort((a, b) => urgency.indexOf(a.trouble) - urgency.indexOf(b.trouble) || (a.source.name < b.source.name ? -1 : 1));
}

/** Whether no request is left today, by the count or by what the source itself says. */
export function usedUp(quota: Schema<'SourceQuota'>): boolean {
  return quota.refused || quota.used >= quota.limit;
}

/** How much of a quota is used, from 0 to 1. */
export function usedShare(quota: Schema<'SourceQuota'>): number {
  return quota.limit > 0 ? Math.min(1, quota.used / quota.limit) : 1;
}

/** How many requests of today backfills may still make. */
export function leftForBackfills(quota: Schema<'SourceQuota'>): number {
  const kept = Math.max(0, quota.reserved - (quota.used - quota.behind));
  return usedUp(quota) ? 0 : Math.max(0, quota.limit - quota.used - kept);
}

/** The command that tries a source out, as it asks for an ETF that names it, if there is one. */
export function testCommand(source: Pick<Source, 'name' | 'exchanges'>, etf?: Schema<'SourceETF'>): string {
  const ref = etf?.ref ? ` --ref '${etf.ref.replaceAll("'", "'\\''")}'` : '';
  return `etfcast source test ${source.name} ${etf?.symbol ?? 'SYMBOL'} --exchange ${etf?.exchange ?? source.exchanges?.[0] ?? 'XNYS'}${ref}`;
}

/** Whether a source has ETFs of an exchange. */
export function offers(source: Pick<Source, 'exchanges'>, exchange: string): boolean {
  return source.exchanges === null || source.exchanges.includes(exchange);
}

/** The sources in the order of the table: those that ETFs name first, then by name. */
export function ordered(sources: readonly Source[]): Source[] {
  return [...sources].sort((a, b) => Number(b.etfs > 0) - Number(a.etfs > 0) || (a.name < b.name ? -1 : 1));
}
