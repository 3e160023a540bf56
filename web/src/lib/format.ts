// Numbers, dates and times as the reader's language writes them.
import { language, named } from './i18n.svelte.ts';

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(name: string, make: (locale: string) => T): T {
  const key = `${language()} ${name}`;
  let found = cache.get(key);
  if (!found) {
    found = make(language());
    cache.set(key, found);
  }
  return found as T;
}

/** A whole or decimal number with a fixed number of decimals. */
export function number(value: number, decimals = 0): string {
  return kept(`n${decimals}`, (l) => new Intl.NumberFormat(l, { minimumFractionDigits: decimals, maximumFractionDigits: decimals })).format(value);
}

/** A price in its currency's usual decimals: 661.82 for USD, 36,120 for KRW, 2,894.5 or 2,894 for JPY (ticks of 0.1 yen). */
export function price(value: number, currency: string): string {
  if (currency === 'JPY') return kept('jpy', (l) => new Intl.NumberFormat(l, { minimumFractionDigits: 0, maximumFractionDigits: 1 })).format(value);
  return number(value, currency === 'KRW' ? 0 : 2);
}

/** A ratio as a percentage: 0.0123 is 1.23 %. */
export function percent(ratio: number, decimals = 2): string {
  return kept(`p${decimals}`, (l) => new Intl.NumberFormat(l, { style: 'percent', minimumFractionDigits: decimals, maximumFractionDigits: decimals })).format(ratio);
}

/** A percentage with its sign: +1.23 %. */
export function change(ratio: number, decimals = 2): string {
  return kept(
    `c${decimals}`,
    (l) => new Intl.NumberFormat(l, { style: 'percent', minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: 'exceptZero' }),
  ).format(ratio);
}

/** A large number in few digits: 1.2M. */
export function compact(value: number): string {
  return kept('k', (l) => new Intl.NumberFormat(l, { notation: 'compact', maximumFractionDigits: 1 })).format(value);
}

/** A session (a civil date such as 2025-09-26, in the exchange's time zone). */
export function session(date: string): string {
  return kept('session', (l) => new Intl.DateTimeFormat(l, { dateStyle: 'medium', timeZone: 'UTC' })).format(new Date(`${date}T00:00:00Z`));
}

/** A session in few characters: month and day, and of one longer ago than about ten months, month and year. */
export function shortSession(date: string, now: Date): string {
  const at = new Date(`${date}T00:00:00Z`);
  const old = now.getTime() - at.getTime() > 300 * 86_400_000;
  const parts: Intl.DateTimeFormatOptions = old ? { year: 'numeric', month: 'short' } : { month: 'short', day: 'numeric' };
  return kept(old ? 'month' : 'day', (l) => new Intl.DateTimeFormat(l, { ...parts, timeZone: 'UTC' })).format(at);
}

/** An instant in the reader's own time zone. */
export function instant(at: string | Date): string {
  return kept('instant', (l) => new Intl.DateTimeFormat(l, { dateStyle: 'medium', timeStyle: 'short' })).format(new Date(at));
}

/** An instant's time of day, in the reader's own time zone or the given one. */
export function time(at: string | Date, zone?: string): string {
  return kept(`time${zone ?? ''}`, (l) => new Intl.DateTimeFormat(l, { timeStyle: 'short', ...(zone ? { timeZone: zone } : {}) })).format(new Date(at));
}

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** How long ago an instant was, or how far ahead it is: "3 hours ago". */
export function ago(at: string | Date, now: Date): string {
  const seconds = Math.round((new Date(at).getTime() - now.getTime()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return kept('ago', (l) => new Intl.RelativeTimeFormat(l, { numeric: 'auto' })).format(Math.trunc(seconds / size), unit);
}

/** A duration in its two greatest units: "1 min 12 s", "0 s". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts: [string, number][] = [
    ['day', Math.floor(seconds / 86_400)],
    ['hour', Math.floor(seconds / 3_600) % 24],
    ['minute', Math.floor(seconds / 60) % 60],
    ['second', seconds % 60],
  ];
  const first = parts.findIndex(([, n]) => n > 0);
  const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2).filter(([, n], i) => i === 0 || n > 0);
  return shown.map(([unit, n]) => kept(`d${unit}`, (l) => new Intl.NumberFormat(l, { style: 'unit', unit, unitDisplay: 'short' })).format(n)).join(' ');
}

/** How long ago an instant was, in few characters: "3h ago". */
export function shortAgo(at: string | Date, now: Date): string {
  const seconds = Math.min(0, Math.round((new Date(at).getTime() - now.getTime()) / 1000));
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return kept('shortAgo', (l) => new Intl.RelativeTimeFormat(l, { numeric: 'auto', style: 'narrow' })).format(Math.trunc(seconds / size), unit);
}

/** The city that names a time zone: America/New_York is New York. */
export function city(zone: string): string {
  const name = named('city', zone);
  return name !== zone ? name : (zone.split('/').at(-1) ?? zone).replaceAll('_', ' ');
}

/** The reader's own time zone. */
export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
