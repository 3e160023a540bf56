package etf

import "time"

// RunStatus is the state of a run, in the words the API uses.
type RunStatus string

// The states of a run.
const (
	RunRunning    RunStatus = "running"
	RunCompleted  RunStatus = "completed"
	RunFailed     RunStatus = "failed"
	RunCancelled  RunStatus = "cancelled"
	RunTerminated RunStatus = "terminated"
	RunTimedOut   RunStatus = "timed_out"
)

// Stage is a step of one ETF's update, in order.
type Stage string

// The stages of an update.
const (
	StageFetch    Stage = "fetch"
	StageValidate Stage = "validate"
	StagePersist  Stage = "persist"
	StageForecast Stage = "forecast"
	StageDone     Stage = "done"
)

// Outcome is how one ETF's update ended.
type Outcome string

// The outcomes of an update.
const (
	OutcomeRunning     Outcome = "running"
	OutcomeUpdated     Outcome = "updated"     // rows were new or revised
	OutcomeUnchanged   Outcome = "unchanged"   // no row changed; the forecast stands
	OutcomeQuarantined Outcome = "quarantined" // an error-level finding on the new session awaits a person's decision
	OutcomeFailed      Outcome = "failed"
	OutcomeElsewhere   Outcome = "elsewhere" // another run is updating this ETF and session
	OutcomeCancelled   Outcome = "cancelled"
)

// HeldClose is the error type of a RunETF whose session's price is held.
const HeldClose = "HeldClose"

// RunETF is what a run did for one ETF.
type RunETF struct {
	Symbol          Symbol  `json:"symbol"`
	Session         Session `json:"session"`
	Stage           Stage   `json:"stage"`
	Outcome         Outcome `json:"outcome"`
	Source          string  `json:"source,omitempty"`
	RowsNew         int     `json:"rows_new"`
	RowsUnchanged   int     `json:"rows_unchanged"`
	RowsRevised     int     `json:"rows_revised"`
	RowsQuarantined int     `json:"rows_quarantined"`
	Findings        int     `json:"findings"`
	Forecasts       int     `json:"forecasts"` // appended by this run
	Attempts        int     `json:"attempts"`  // of the stage reached
	ErrorType       string  `json:"error_type,omitempty"`
	ErrorMessage    string  `json:"error_message,omitempty"`
	// Held means that the session's price is held (error type HeldClose): the forecasts are made from the last believed one.
	Held bool `json:"held,omitempty"`
	// Provisional means that the session's price may still change before the day is over. It is derived, not recorded.
	Provisional bool `json:"provisional,omitempty"`
	// SourcesOpen names the sources that were not asked because their breakers are open, separated by commas. It is not recorded.
	SourcesOpen string `json:"sources_open,omitempty"`
	// SourcesUsedUp names those whose daily quota is used up, likewise.
	SourcesUsedUp string `json:"sources_used_up,omitempty"`
}

// RunCounts totals a run.
type RunCounts struct {
	Due           int `json:"due"` // ETFs found due so far
	Updated       int `json:"updated"`
	Unchanged     int `json:"unchanged"`
	Quarantined   int `json:"quarantined"`
	Failed        int `json:"failed"`
	Elsewhere     int `json:"elsewhere"`
	Cancelled     int `json:"cancelled"`
	RowsNew       int `json:"rows_new"`
	RowsUnchanged int `json:"rows_unchanged"`
	RowsRevised   int `json:"rows_revised"`
	Forecasts     int `json:"forecasts"`
}

// Add counts one finished ETF.
func (c *RunCounts) Add(r RunETF) {
	switch r.Outcome {
	case OutcomeUpdated:
		c.Updated++
	case OutcomeUnchanged:
		c.Unchanged++
	case OutcomeQuarantined:
		c.Quarantined++
	case OutcomeFailed:
		c.Failed++
	case OutcomeElsewhere:
		c.Elsewhere++
	case OutcomeCancelled:
		c.Cancelled++
	}
	c.RowsNew += r.RowsNew
	c.RowsUnchanged += r.RowsUnchanged
	c.RowsRevised += r.RowsRevised
	c.Forecasts += r.Forecasts
}

// Done returns how many ETFs are finished.
func (c RunCounts) Done() int {
	return c.Updated + c.Unchanged + c.Quarantined + c.Failed + c.Elsewhere + c.Cancelled
}

// Run is one execution of a daily update.
type Run struct {
	ID         RunID     `json:"id"`
	Workflow   string    `json:"workflow"` // DailyRun or BackfillRun
	Exchange   Exchange  `json:"exchange"`
	Session    Session   `json:"session"`
	Symbols    []Symbol  `json:"symbols,omitempty"` // empty = every ETF of the exchange
	Status     RunStatus `json:"status"`
	Closed     bool      `json:"closed,omitempty"` // the exchange was closed: nothing was due
	Counts     RunCounts `json:"counts"`
	Error      string    `json:"error,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// RunEnd is how a run ended.
type RunEnd struct {
	Run    RunID
	Status RunStatus
	Counts RunCounts
	Closed bool   // the exchange was closed: nothing was due
	Reason string // of a run that did not complete
}
