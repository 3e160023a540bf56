package api

import (
	"context"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// Store reads what the workflows stored and keeps the registry; db.Store implements it. Its errors are of the kinds
// of package etf; an unknown symbol, run or forecast is KindNotFound, a database that can't be reached is
// KindUnavailable. It is safe for concurrent use.
type Store interface {
	// CreateETF registers an ETF, or finds it registered exactly so (created is false). The same symbol with another
	// exchange, currency or list of sources is KindConflict.
	CreateETF(ctx context.Context, e etf.ETF) (stored etf.ETF, created bool, err error)
	// ETFs returns up to limit ETFs of the exchange ("" = all) after the given symbol, ascending.
	ETFs(ctx context.Context, exchange etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error)
	ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error)
	// BarsPage returns up to limit bars of the window after the given session, ascending.
	BarsPage(ctx context.Context, symbol etf.Symbol, window etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error)
	// EachBar calls f with every bar of the window, ascending, until f returns an error, which it returns.
	EachBar(ctx context.Context, symbol etf.Symbol, window etf.Window, f func(etf.StoredBar) error) error
	// LatestForecasts returns the newest forecast of the model; of every model where model is "".
	LatestForecasts(ctx context.Context, symbol etf.Symbol, model string) ([]etf.Forecast, error)
	Forecast(ctx context.Context, id string) (etf.Forecast, error)
	// ForecastFit returns the fit stored with a forecast, byte for byte as its FitHash has it; KindNotFound where none is.
	ForecastFit(ctx context.Context, id string) ([]byte, error)
	// Runs returns up to limit recorded runs after the given position, the newest first, and the position to read on
	// from: zero after the last.
	Runs(ctx context.Context, filter etf.RunFilter, after etf.Cursor, limit int) (page []etf.Run, next etf.Cursor, err error)
	Run(ctx context.Context, id etf.RunID) (etf.Run, error)
	// RunETFs returns up to limit of what a run did for its ETFs, after the given symbol, ascending.
	RunETFs(ctx context.Context, run etf.RunID, after etf.Symbol, limit int) ([]etf.RunETF, error)
	// RerunCount returns the highest attempt recorded of a run identity, given the ID of its first attempt: 0 when none
	// is, 1 when only the first.
	RerunCount(ctx context.Context, base etf.RunID) (int, error)
	Ping(ctx context.Context) error
	// SchemaVersion returns the version of the database's schema and the one this code wants.
	SchemaVersion(ctx context.Context) (current, wanted int64, err error)
	// Ungranted returns the tables this code uses and its user may not read.
	Ungranted(ctx context.Context) ([]string, error)
}

// Temporal is what the API asks of Temporal; NewTemporal makes it from an SDK client. An unknown workflow or
// schedule is KindNotFound, a server that can't be reached is KindUnavailable. It is safe for concurrent use.
type Temporal interface {
	// StartDaily starts a daily run under its business ID. With again, a failed, cancelled, terminated or timed-out
	// run of the same ID is started again; without, any earlier one stands. started is false when one stood.
	StartDaily(ctx context.Context, in workflows.DailyInput, again bool) (started bool, err error)
	// Execution returns the newest execution of a workflow ID.
	Execution(ctx context.Context, workflowID string) (Execution, error)
	// DailyStatus asks a daily run where it stands. It needs a worker: without one it is KindUnavailable.
	DailyStatus(ctx context.Context, workflowID string) (workflows.DailyStatus, error)
	// Cancel asks a running workflow to stop. Of one that has ended the server may say nothing or KindNotFound.
	Cancel(ctx context.Context, workflowID string) error

	Schedule(ctx context.Context, id string) (Schedule, error)
	PauseSchedule(ctx context.Context, id, note string) error
	ResumeSchedule(ctx context.Context, id, note string) error
	TriggerSchedule(ctx context.Context, id string) error
	// ApplySchedule creates the exchange's schedule or brings it up to date; a paused one stays paused.
	ApplySchedule(ctx context.Context, exchange etf.Exchange) (created bool, err error)

	// Pollers returns how many workers poll a task queue.
	Pollers(ctx context.Context, queue string) (int, error)
	// Check returns nil when the server answers and has the namespace.
	Check(ctx context.Context) error
}

// Execution is what Temporal knows of one workflow.
type Execution struct {
	Status     etf.RunStatus
	Symbols    []etf.Symbol // as asked for when it was started; nil when it was not recorded
	StartedAt  time.Time
	FinishedAt time.Time // zero while it runs
	Failure    string    // why it failed; empty unless Status is failed
	Pending    []PendingActivity
}

// PendingActivity is an activity a workflow waits for.
type PendingActivity struct {
	Type    string
	Attempt int // 1-based
	// Failure is the last attempt's error message and FailureType its type; empty before the first failure.
	Failure, FailureType string
}

// Schedule is the state of one exchange's schedule.
type Schedule struct {
	ID       string       `json:"id"`
	Exchange etf.Exchange `json:"exchange"`
	Fires    string       `json:"fires"` // in words
	TimeZone string       `json:"time_zone"`
	Paused   bool         `json:"paused"`
	Note     string       `json:"note"`
	Next     []time.Time  `json:"next_at"` // UTC, ascending; empty while paused
	Recent   []Firing     `json:"recent"`  // the newest last
}

// Firing is one time a schedule fired.
type Firing struct {
	ScheduledAt time.Time `json:"scheduled_at"`
	StartedAt   time.Time `json:"started_at"`
	WorkflowID  string    `json:"workflow_id"`
}
