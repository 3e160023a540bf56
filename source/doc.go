// Package source says what a provider of prices is: something that answers a query for one ETF's bars and
// corporate actions over a window of sessions, with the basis of the prices and the answer as received. The
// adapters are in the folders below, one a provider; here is only the interface and the two things every adapter
// needs: the reading of a reference ("SPY.csv?basis=as_traded") and the window that may be answered.
//
// It refuses to own: judging bars (package quality), storing them (db), and retrying, failover or rates, which
// belong to the workflow that asks. Adapters know nothing of Temporal or SQL.
package source
