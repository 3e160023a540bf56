// Package yahoo reads daily bars and corporate actions of one ETF from Yahoo Finance's v8 chart endpoint. It
// needs no key.
//
// Yahoo states prices, volumes and dividends in terms of today's shares and rewrites them after every split. So the
// adapter always fetches up to the present, to have every later split in the same response, and restates the numbers
// as they were traded: as_traded is the only basis it returns. It also handles the provider's quirks: null cells, the
// live last row, rows stamped with the session's open, rows of a ticker's previous holder, failures with a success
// status.
//
// It does not own judging prices (package quality), retries over time and failover between providers (workflows), or
// rate limits across processes (task queues). It reads no clock: the as-of time comes with the query. The rules in full
// are in docs/sources-yahoo.md.
package yahoo
