// Package source defines the interface of a price provider: given a query, it returns one ETF's bars and corporate
// actions over a window of sessions, with the basis of the prices and the raw response. Each provider's adapter has
// its own subfolder. This package also holds the two things every adapter needs: parsing a reference
// ("SPY.csv?basis=as_traded"), and limiting the window to sessions that have closed.
//
// It does not own judging bars (package quality), storing them (db), or retries, failover and rate limits, which
// belong to the workflow that fetches. Adapters know nothing of Temporal or SQL.
package source
