// Package krx reads daily bars, NAVs and numbers of shares of ETFs from the Korea Exchange's Open API (openapi.krx.co.kr), which
// needs a key. Prices are as traded.
//
// The API has no history of one ETF: one call returns every ETF of one day. So a Source asks for each day once, and the response serves
// the Fetch of every ETF, concurrent ones too; its body is shared by the fetches (etf.SharedBody), and each fetch has a list of the bodies that it
// was read from. A response from before the exchange has published the final figures is asked for again after that.
//
// It does not own judging prices (package quality), retries over time and failover (workflows), quotas, or history beyond the window
// (backfills ask for it day by day). It reads no clock but to pace its calls: the as-of time comes with the query. docs/sources-krx.md has the rules in full.
package krx
