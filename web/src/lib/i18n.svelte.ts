// Texts in the reader's language. Every text is in src/messages, in ICU's message format.
import { IntlMessageFormat } from 'intl-messageformat';
import type { Messages } from '../messages/en/index.ts';

export const languages = ['en', 'ko'] as const;
export type Language = (typeof languages)[number];
export type Key = keyof Messages;
type Values = Record<string, string | number | boolean | Date | null | undefined>;

const load: Record<Language, () => Promise<{ default: Messages }>> = {
  en: () => import('../messages/en/index.ts'),
  ko: () => import('../messages/ko/index.ts'),
};

let current = $state<Language>('en');
let messages = $state.raw<Messages | undefined>(undefined);
let formats = new Map<Key, IntlMessageFormat>();

/** The language in use, for Intl and for `lang` attributes. */
export function language(): Language {
  return current;
}

/** Loads the language that boot.js has chosen, or the given one, and keeps it for the next visit. */
export async function loadLanguage(to?: Language): Promise<void> {
  const chosen = to ?? (document.documentElement.lang === 'ko' ? 'ko' : 'en');
  const loaded = (await load[chosen]()).default;
  formats = new Map();
  messages = loaded;
  current = chosen;
  document.documentElement.lang = chosen;
  if (to) {
    try {
      localStorage.setItem('etfcast.language', to);
    } catch {
      // storage is switched off: the choice lasts until the page is closed
    }
  }
}

/** The text of a message with its values filled in. */
export function t(key: Key, values?: Values): string {
  const text = messages?.[key];
  if (text === undefined) return key;
  let format = formats.get(key);
  if (!format) {
    format = new IntlMessageFormat(text, current, undefined, { ignoreTag: true });
    formats.set(key, format);
  }
  return String(format.format(values));
}

/** The text of a code that the API returns, such as a rule or a state; without a message for it, the API's own text or the code itself. */
export function named(group: string, code: string, otherwise = code): string {
  const key = `${group}.${code}`;
  return messages && key in messages ? t(key as Key) : otherwise;
}
