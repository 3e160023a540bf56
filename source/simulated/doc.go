// Package simulated is an artificial market: deterministic ETF prices for demonstrations, tests and benchmarks, new
// every day and without a network. It owns the market and the faults of real providers, each of which can be switched
// on. It does not own judging bars: what it breaks on purpose is for package quality to find.
//
// # The market
//
// A bar is a pure function of (seed, exchange, session): it is the same for every window, at any time and on every
// machine, unless a fault is switched on. Prices follow a random walk over all weekdays since 1999-01-04 in
// fixed-point logarithms, so correcting a closure in a calendar moves no price: a factor common to the exchange, with a
// Markov chain of three volatility regimes, times the ETF's beta, plus noise specific to the ETF, with its own regimes.
// Dividends are quarterly; a split or reverse split happens if the price has left its usual range at a quarterly check.
// Prices are as traded, with the actions in Response.Actions. XNYS trades in USD and whole cents, XKRX in steps of
// 5 KRW. Volumes are whole shares.
//
// Symbols begin with SIM, so that nobody takes them for real ones; others give KindNotFound. Bars begin at the
// inception, 2015-01-02 unless the reference says otherwise, and end at the last session closed at Query.AsOf.
//
// # The reference
//
//	[seed][?inception=2005-01-03][&split=2025-06-02:4:1][&faults=LIST]
//
// The default seed is the symbol. split adds one split, here of 4 new shares for 1 old one.
//
// # Faults
//
// LIST is a comma-separated list of faults, NAME[:ARG[:ARG]][@WHICH]. The same syntax in Options.Faults switches faults
// on for every ETF; a fault in a reference replaces the global one of the same name, and "none" drops all global ones.
// Defaults are in parentheses.
//
//	rate_limit[:N[:WAIT]]  the first N fetches (1) are refused with KindRateLimited, RetryAfter WAIT (2s)
//	server_error[:N]       the first N fetches (1) get a 503: KindUnavailable
//	slow:WAIT[:N]          every fetch (or the first N) takes WAIT longer, at most 60s, less if the context ends
//	truncated[:N]          the first N bodies (1) are cut off in the middle: KindUnavailable
//	missing[:N]            the last requested session is missing from the first N responses (1)
//	late[:K]               a session is missing until K later ones (1) have closed
//	revised[:K]            a session's bar differs until K later ones (1) have closed
//	unsplit[:K]            a split is missing from the actions until K sessions after its own (2) have closed
//	bad_tick               the close and high of the last closed session are ten times too high
//	duplicate              the row of the last closed session appears twice
//	garbled                the row of the last closed session can't be read: an etf.Defect
//	tenth                  the close of the last closed session is a tenth, and so is the low
//	unit                   its prices are a hundred times too high, as in another unit
//	zero, negative         its prices are zero, or have the wrong sign
//	ohlc                   its high is below its low
//	wrong_date             its row is dated the next day without trading
//	stale                  its row repeats that of the session before
//	partial                its row is of the first minutes: little volume, and no price but the open
//	crash[:K]              its prices are 40 % lower; with a date, so are those of the K-1 sessions after it (1)
//	false_split            a split of 4:1 in it is stated, which its prices don't show
//	shifted                every row is dated one day later
//
// WHICH picks sessions: a date ("bad_tick@2025-09-26"), or one in n by date and seed ("late:2@1/20"). Faults of a whole
// fetch go by the last requested session, so "rate_limit:1@1/20" affects about one ETF in twenty each session.
//
// Faults that count fetches count them in memory per ETF and last requested session: after a restart the count begins
// again, which a caller sees as a few more refusals. The others depend on Query.AsOf alone.
package simulated
