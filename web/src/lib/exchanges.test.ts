import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exchangeNamed, exchanges, usualCurrency } from './exchanges.ts';
import en from '../messages/en/index.ts';
import ko from '../messages/ko/index.ts';

describe('the exchanges', () => {
  it('are those of the API, in its order', () => {
    const document = readFileSync(new URL('../../../api/openapi.yaml', import.meta.url), 'utf8');
    const listed = /^ {4}Exchange:\n {6}type: string\n {6}enum: \[(.*)\]/m.exec(document)?.[1]?.split(', ');
    expect(listed?.length).toBeGreaterThan(0);
    expect(exchanges).toEqual(listed);
  });
  it.each(exchanges)('%s has a name in both languages and a usual currency', (x) => {
    for (const texts of [en, ko] as Record<string, string>[]) expect(texts[`exchangeName.${x}`]).toBeTruthy();
    expect(usualCurrency(x)).toMatch(/^[A-Z]{3}$/);
  });
  it('are found by their code alone', () => {
    expect(exchangeNamed('XTKS')).toBe('XTKS');
    for (const other of ['XNAS', 'xnys', '', null, undefined, 'constructor']) expect(exchangeNamed(other)).toBeUndefined();
  });
});
