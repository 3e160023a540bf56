package workflows

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// TickInput says which exchange's due sessions to start.
type TickInput struct {
	Exchange etf.Exchange `json:"exchange"`

	// The rest is carried over when a Tick continues as new; starters leave it empty.

	// Nominal is the time the schedule meant, whenever it really ran.
	Nominal time.Time `json:"nominal,omitzero"`
	// After is the last session already dealt with.
	After etf.Session `json:"after,omitzero"`
	// Started are the sessions dealt with before, oldest first, at most the newest 60.
	Started []TickSession `json:"started,omitempty"`
}

// TickResult says what a Tick did.
type TickResult struct {
	Nominal time.Time `json:"nominal"`
	// Sessions are the sessions that were due, oldest first; empty when nothing was (a holiday, or all done).
	Sessions []TickSession `json:"sessions,omitempty"`
}

// TickSession is one session a Tick took care of.
type TickSession struct {
	Session etf.Session `json:"session"`
	Run     etf.RunID   `json:"run"`
	// Elsewhere is true when that run was already there: started by a person, or completed.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Status is how the run ended.
	Status etf.RunStatus `json:"status"`
}

// DailyInput asks for one session of an exchange.
type DailyInput struct {
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	// Symbols restricts the run; empty means every ETF of the exchange. Order and repeats don't matter.
	Symbols []etf.Symbol `json:"symbols,omitempty"`
	// Attempt is 1 (or 0) for the first run of this request, n for the n-th, asked for by name.
	Attempt int `json:"attempt,omitempty"`

	// Progress is carried over when a run continues as new; starters leave it empty.
	Progress *DailyProgress `json:"progress,omitempty"`
}

// Run returns the ID of the run asked for.
func (in DailyInput) Run() etf.RunID {
	return etf.DailyRunID(in.Exchange, in.Session, in.Symbols, in.Attempt)
}

// DailyProgress is what a Daily remembers across continue-as-new. No update is open then.
type DailyProgress struct {
	After     etf.Symbol    `json:"after"` // every ETF up to here has ended
	Counts    etf.RunCounts `json:"counts"`
	StartedAt time.Time     `json:"started_at"`
	// Problems are the newest ETFs that did not end well, oldest first, at most 20.
	Problems []etf.RunETF `json:"problems,omitempty"`
}

// DailyResult sums a daily run up. A run with failed or quarantined ETFs completes all the same.
type DailyResult struct {
	Run    etf.RunID     `json:"run"`
	Closed bool          `json:"closed,omitempty"` // not a trading session: nothing was due
	Counts etf.RunCounts `json:"counts"`
}

// DailyStatus answers the status query of a Daily. It is bounded whatever the number of ETFs: what has ended is
// in the table of runs, in batches; Recent closes the gap.
type DailyStatus struct {
	// Run has the state and the counts as of now. Its StartedAt is that of the first run of the chain.
	Run etf.Run `json:"run"`
	// Active are the ETFs being updated now, in the order they were started, at most FanOut. Their stage is empty:
	// only the update itself knows it (the same query to workflow UpdateID).
	Active []etf.RunETF `json:"active"`
	// Recent are the ETFs that have ended and may not be in the table of runs yet, oldest first.
	Recent []etf.RunETF `json:"recent"`
	// Problems are the newest ETFs that failed, are quarantined, run elsewhere or lack a model's forecast, oldest first, at
	// most 20.
	Problems []etf.RunETF `json:"problems"`
}

// UpdateETFInput asks for the chain of one ETF. Daily fills it from the registry, so that the chain does not
// have to ask again.
type UpdateETFInput struct {
	Symbol   etf.Symbol      `json:"symbol"`
	Exchange etf.Exchange    `json:"exchange"`
	Currency etf.Currency    `json:"currency"`
	Session  etf.Session     `json:"session"`
	Sources  []etf.SourceRef `json:"sources"` // in order of preference
	Run      etf.RunID       `json:"run"`     // the daily run it belongs to
}

// ResolveFindingInput asks to wait for a person's decision on a finding.
type ResolveFindingInput struct {
	Finding  string       `json:"finding"`
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	Rule     string       `json:"rule"`
	Evidence string       `json:"evidence"`      // clipped to 1,000 characters
	Run      etf.RunID    `json:"run,omitempty"` // the run that met it
}

// Decision is a person's decision on a finding. All three are needed.
type Decision struct {
	Decision etf.Decision `json:"decision"` // "accept" or "reject"
	By       string       `json:"by"`
	Why      string       `json:"why"`
}

// FindingStatus answers the status query of a ResolveFinding.
type FindingStatus struct {
	Finding  string       `json:"finding"`
	Decision etf.Decision `json:"decision"` // empty while it waits
	By       string       `json:"by,omitempty"`
	Why      string       `json:"why,omitempty"`
}
