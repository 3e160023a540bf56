// The exchanges that etfcast knows, for every choice and filter of the pages.
import type { Schema } from './api/client.ts';

export type Exchange = Schema<'Exchange'>;

// The currency that most ETFs of the exchange are quoted in. The type holds the list to the API's: a new exchange there is an error here.
const usual: Record<Exchange, string> = { XNYS: 'USD', XKRX: 'KRW', XLON: 'GBX', XETR: 'EUR', XTKS: 'JPY' };

/** The exchanges' codes, in the API's order. */
export const exchanges = Object.keys(usual) as Exchange[];

/** The exchange that a text such as a parameter of the address names. */
export function exchangeNamed(code: string | null | undefined): Exchange | undefined {
  return exchanges.find((x) => x === code);
}

/** The currency to offer for an ETF of an exchange (GBX are pence), or to write prices of it in where the ETF's own is not known. */
export function usualCurrency(exchange: Exchange): string {
  return usual[exchange];
}
