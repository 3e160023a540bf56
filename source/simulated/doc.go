// Package simulated is a market that does not exist: deterministic ETF prices for demonstrations, tests and
// benchmarks, without a network, day after day. It owns the market, and the faults real providers have, each of
// them switchable. It refuses to own judgement: what it breaks on purpose is for package quality to find.
//
// # The market
//
// A bar is a pure function of (seed, exchange, session): it is the same whatever window it is asked in, whenever
// it is asked, on every machine; a switched-on fault is the only exception. Prices follow a random walk over all
// weekdays since 1999-01-04 in fixed-point logarithms (so a corrected closure in a calendar moves no price): a
// factor common to the exchange, with a Markov chain of three volatility regimes, times the ETF's beta, plus the
// ETF's own noise, with regimes of its own. Dividends are quarterly; a split (or reverse split) comes when the
// price has left a usual range at a quarterly check. Prices are as traded: actions come beside them, in
// Answer.Actions. XNYS trades in whole cents and USD, XKRX in steps of 5 KRW. Volumes are whole shares.
//
// Symbols begin with SIM, so nobody takes them for real ones; others are refused with KindNotFound. Bars begin at
// the inception, 2015-01-02 unless the reference says otherwise, and end at the last session closed at Query.AsOf.
//
// # The reference
//
//	[seed][?inception=2005-01-03][&split=2025-06-02:4:1][&faults=LIST]
//
// Without a seed the symbol is the seed. split adds one split of 4 new shares for 1 old one.
//
// # Faults
//
// LIST is comma-separated faults, NAME[:ARG[:ARG]][@WHICH]. The same syntax in Options.Faults switches faults on
// for every ETF; a reference's fault replaces the global one of the same name, and "none" drops all global ones.
//
//	rate_limit[:N[:WAIT]]  the first N fetches (1) are refused with KindRateLimited, RetryAfter WAIT (2s)
//	server_error[:N]       the first N fetches (1) get a 503: KindUnavailable
//	slow:WAIT[:N]          every fetch (or the first N) takes WAIT longer, at most 60s, less if the context ends
//	truncated[:N]          the first N bodies (1) are cut off in the middle: KindUnavailable
//	missing[:N]            the last session asked for is missing from the first N answers (1)
//	late[:K]               a session is missing until K later ones (1) have closed
//	revised[:K]            a session's bar differs until K later ones (1) have closed
//	unsplit[:K]            a split is not in the actions until K sessions after its own (2) have closed
//	bad_tick               the close and high of the last closed session are ten times too high
//	duplicate              the row of the last closed session comes twice
//	garbled                the row of the last closed session can't be read: an etf.Defect
//
// WHICH picks sessions: a date ("bad_tick@2025-09-26"), or one in n by date and seed ("late:2@1/20"). For the
// faults of a whole fetch it is the last session asked for that is picked, so "rate_limit:1@1/20" meets about one
// ETF in twenty each session.
//
// Faults that count fetches count per ETF and last session asked for, in memory: a restarted process counts from
// the start, which a caller sees as a few more refusals. The others depend on Query.AsOf alone.
package simulated
