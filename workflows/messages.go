package workflows

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// TickInput says which exchange's due sessions to start.
type TickInput struct {
	Exchange etf.Exchange `json:"exchange"`

	// The rest is carried over when a Tick continues as new; starters leave it empty.

	// Nominal is the time the Tick was scheduled for, whenever it actually started.
	Nominal time.Time `json:"nominal,omitzero"`
	// After is the last session already handled.
	After etf.Session `json:"after,omitzero"`
	// Started are the sessions already handled, oldest first, at most the newest 60.
	Started []TickSession `json:"started,omitempty"`
}

// TickResult says what a Tick did.
type TickResult struct {
	Nominal time.Time `json:"nominal"`
	// Sessions are the sessions that were due, oldest first; empty if none were (a holiday, or all done).
	Sessions []TickSession `json:"sessions,omitempty"`
}

// TickSession is one session a Tick handled.
type TickSession struct {
	Session etf.Session `json:"session"`
	Run     etf.RunID   `json:"run"`
	// Elsewhere is true if the run already existed: started by somebody else, or completed.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Status is how the run ended.
	Status etf.RunStatus `json:"status"`
}

// DailyInput asks for one session of an exchange.
type DailyInput struct {
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	// Symbols restricts the run; empty means every ETF of the exchange. Order and duplicates don't matter.
	Symbols []etf.Symbol `json:"symbols,omitempty"`
	// Attempt is 1 (or 0) for the first run of this request, and n for the n-th, which is an explicit re-run.
	Attempt int `json:"attempt,omitempty"`
	// Whole fetches the whole history of each ETF and replaces what is stored.
	Whole bool `json:"whole,omitempty"`
	// Behind lets every other run go first. The updates inherit the priority with which the run is started.
	Behind bool `json:"behind,omitempty"`

	// Progress is carried over when a run continues as new; starters leave it empty.
	Progress *DailyProgress `json:"progress,omitempty"`
}

// Run returns the ID of the requested run.
func (in DailyInput) Run() etf.RunID {
	return etf.DailyRunID(in.Exchange, in.Session, in.Symbols, in.Attempt)
}

// DailyProgress is what a Daily remembers across continue-as-new. No update is open then.
type DailyProgress struct {
	After     etf.Symbol    `json:"after"` // every ETF up to here has ended
	Counts    etf.RunCounts `json:"counts"`
	StartedAt time.Time     `json:"started_at"`
	// Problems are the newest ETFs that need attention (see DailyStatus), oldest first, at most 20.
	Problems []etf.RunETF `json:"problems,omitempty"`
	// SourcesOpen and SourcesUsedUp are those of DailyStatus.
	SourcesOpen   []string  `json:"sources_open,omitempty"`
	SourcesUsedUp []string  `json:"sources_used_up,omitempty"`
	Until         time.Time `json:"until,omitzero"` // see UpdateETFInput
	// Held says that some ETF's close is held. Reviewing says that every update has ended and the held closes up to Reviewed
	// have been looked at again.
	Held      bool       `json:"held,omitempty"`
	Reviewing bool       `json:"reviewing,omitempty"`
	Reviewed  etf.Symbol `json:"reviewed,omitempty"`
	// Assessment is the hash of the session's assessment, NotAssessed why there is none.
	Assessment  string `json:"assessment,omitempty"`
	NotAssessed string `json:"not_assessed,omitempty"`
}

// DailyResult summarises a daily run. A run with failed or quarantined ETFs still completes.
type DailyResult struct {
	Run    etf.RunID     `json:"run"`
	Closed bool          `json:"closed,omitempty"` // not a trading session: nothing was due
	Counts etf.RunCounts `json:"counts"`
	// Checkpoint is that of the ledger once the run had anchored the heads of its ETFs' chains; nil if the ledger was empty.
	Checkpoint *etf.Checkpoint `json:"checkpoint,omitempty"`
	// NotAnchored says why the heads could not be anchored. The next run anchors them.
	NotAnchored string `json:"not_anchored,omitempty"`
	// Assessment is the hash of the assessment that the forecasts were made by; NotAssessed says why there is none: then they are not
	// calibrated.
	Assessment  string `json:"assessment,omitempty"`
	NotAssessed string `json:"not_assessed,omitempty"`
}

// DailyStatus is the result of a Daily's status query. Its size is bounded whatever the number of ETFs: finished ETFs are
// written to the runs table in batches, and Recent has those that may not have been written yet.
type DailyStatus struct {
	// Run has the current state and counts. Its StartedAt is when the first run of the continue-as-new chain started.
	Run etf.Run `json:"run"`
	// Active are the ETFs being updated now, in the order they were started, at most FanOut. Their stage is empty:
	// only the update itself knows it (the same query to workflow UpdateID).
	Active []etf.RunETF `json:"active"`
	// Recent are the ETFs that have ended but may not be in the runs table yet, oldest first.
	Recent []etf.RunETF `json:"recent"`
	// Problems are the newest ETFs that failed, are quarantined or held, are updated elsewhere or lack a model's forecast, oldest
	// first, at most 20.
	Problems []etf.RunETF `json:"problems"`
	// SourcesOpen are the sources that were not asked for some ETF, because their breakers were open, ascending.
	SourcesOpen []string `json:"sources_open,omitempty"`
	// SourcesUsedUp are the sources that were not asked, or refused, because their daily quota is used up, ascending.
	SourcesUsedUp []string `json:"sources_used_up,omitempty"`
	// Ledger says what anchoring the heads of the chains came to; empty before it.
	Ledger string `json:"ledger,omitempty"`
	// Record says what assessing the record came to; empty before it.
	Record string `json:"record,omitempty"`
}

// UpdateETFInput asks for the update of one ETF. Daily fills it from the registry, so that the update does not have to
// read it again.
type UpdateETFInput struct {
	Symbol   etf.Symbol      `json:"symbol"`
	Exchange etf.Exchange    `json:"exchange"`
	Currency etf.Currency    `json:"currency"`
	Session  etf.Session     `json:"session"`
	Sources  []etf.SourceRef `json:"sources"` // in order of preference
	Run      etf.RunID       `json:"run"`     // the daily run it belongs to
	// Until is when the update must not wait for a source any longer, so that it ends before the exchange's next close;
	// zero for no limit.
	Until time.Time `json:"until,omitzero"`
	// Whole fetches the whole history and replaces what is stored.
	Whole bool `json:"whole,omitempty"`
	// Assessment is the hash of the session's assessment.
	Assessment string `json:"assessment,omitempty"`
}

// ResolveFindingInput asks to wait for a person's decision on a finding.
type ResolveFindingInput struct {
	Finding  string       `json:"finding"`
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	Rule     string       `json:"rule"`
	Evidence string       `json:"evidence"`      // clipped to 1,000 characters
	Run      etf.RunID    `json:"run,omitempty"` // the run that found it
	// RemindAfter and DeadlineAfter replace the constants of the same meaning; 0 keeps them.
	RemindAfter   time.Duration `json:"remind_after,omitempty"`
	DeadlineAfter time.Duration `json:"deadline_after,omitempty"`
}

// Decision is a person's decision on a finding. The first three are needed.
type Decision struct {
	Decision etf.Decision  `json:"decision"` // one of etf.Decisions, or "undo"
	By       string        `json:"by"`
	Why      string        `json:"why"`
	Key      string        `json:"key,omitempty"`      // the idempotency key of the request
	Values   []etf.Bar     `json:"values,omitempty"`   // of replace, complete
	Sessions []etf.Session `json:"sessions,omitempty"` // of retract: only these
	Run      etf.RunID     `json:"run,omitempty"`      // of refetch: the run that fetches again
}

// FindingStatus is the result of a ResolveFinding's status query.
type FindingStatus struct {
	Finding  string       `json:"finding"`
	Decision etf.Decision `json:"decision"` // empty while waiting
	By       string       `json:"by,omitempty"`
	Why      string       `json:"why,omitempty"`
	Followed string       `json:"followed,omitempty"` // what followed from the decision
}
