import { parse, type MessageFormatElement, TYPE } from '@formatjs/icu-messageformat-parser';
import { describe, expect, it } from 'vitest';
import en from './en/index.ts';
import ko from './ko/index.ts';

/** The names of a message's arguments. */
function args(text: string): string[] {
  const names = new Set<string>();
  const visit = (list: MessageFormatElement[]): void => {
    for (const e of list) {
      if (e.type === TYPE.literal || e.type === TYPE.pound) continue;
      if ('value' in e) names.add(e.value);
      if (e.type === TYPE.select || e.type === TYPE.plural) for (const o of Object.values(e.options)) visit(o.value);
    }
  };
  visit(parse(text, { ignoreTag: true }));
  return [...names].sort();
}

describe('messages', () => {
  it('exist in both languages', () => {
    expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
  });
  it.each(Object.entries(en))('%s takes the same values in both languages', (key, text) => {
    const korean = (ko as Record<string, string>)[key] ?? '';
    expect(text).not.toBe('');
    expect(korean).not.toBe('');
    expect(args(korean)).toEqual(args(text));
  });
});
