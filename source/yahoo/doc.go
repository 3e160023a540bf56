// Package yahoo reads daily bars and corporate actions of one ETF from Yahoo Finance's v8 chart endpoint. It
// needs no key.
//
// Yahoo states prices, volumes and dividends on today's shares and rewrites them after every split. The
// adapter therefore always asks through to the present, so that every later split is in the same answer, and
// turns the numbers back into what was traded: as_traded is the only basis it gives. It also knows the
// provider's habits: null cells, the live last row, stamps of the session's open, rows of whoever had the
// ticker before, success statuses on failures.
//
// It refuses to own: judging prices (package quality), retrying over time and failover between providers
// (workflows), rate limits across processes (task queues). It reads no clock: the instant of asking comes with
// the query. docs/sources-yahoo.md has the rules in full.
package yahoo
