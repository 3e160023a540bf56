// Package naver reads daily bars of one ETF of the Korea Exchange from Naver Finance. It needs no key.
//
// Naver's chart prices are restated for splits and distributions, back to the first row, whenever there is one: total_adjusted is
// the only basis this package returns, and rows of two days don't belong together. It asks the JSON endpoint first, and the older
// EUC-KR XML endpoint if that one is down, gone or has changed. A session without a trade comes as KRX has it: open, high and low
// are 0, and the close is carried over.
//
// It does not own judging prices (package quality), retries over time and failover (workflows), or rate limits across processes
// (task queues). It reads no clock: the as-of time comes with the query. docs/sources-naver.md has the rules in full.
package naver
