package service

import (
	"context"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// Store reads what the workflows have stored, and keeps the registry; db.Store implements it. Its errors are of the kinds
// of package etf: an unknown symbol, run or forecast is KindNotFound, a database that can't be reached is
// KindUnavailable. It is safe for concurrent use.
type Store interface {
	Believed
	Record
	Pasts
	Actions
	Entries
	Ledger
	Scores
	Events
	Lists
	States
	Assessments
	Backtests
	SourceStates
	Backfills
	Calendars
	// CreateETF registers an ETF, or finds it already registered identically (created is false). The same symbol with
	// another exchange, currency or list of sources is KindConflict.
	CreateETF(ctx context.Context, e etf.ETF) (stored etf.ETF, created bool, err error)
	// ChangeETF appends a change of the ETF, or finds it as requested already (changed is false). KindNotFound for an unknown
	// symbol; KindConflict with Field "changes" if c.Changes is outdated, and with Field "currency" for another currency
	// once bars are stored.
	ChangeETF(ctx context.Context, c etf.ETFEdit) (stored etf.ETF, changed bool, err error)
	// RenameETF gives an ETF another symbol, or finds that it has it (changed is false). KindNotFound for an unknown symbol; KindConflict with
	// Field "to" if the new one is taken or may still be at work for an ETF that had it; KindInvalid with Field "last" for a session that
	// can't have been the last one.
	RenameETF(ctx context.Context, r etf.Rename) (stored etf.ETF, changed bool, err error)
	// ImportETFs registers a list of ETFs, all or none, and returns what became of each. The error is that of every one that can't be, with
	// the Field "etfs[i].field".
	ImportETFs(ctx context.Context, list etf.Import) ([]etf.Change, error)
	// ETFChanges returns every change of the ETF, oldest first.
	ETFChanges(ctx context.Context, symbol etf.Symbol) ([]etf.ETFChange, error)
	// ETFs returns up to limit ETFs of the exchange ("" = all) after the given symbol, ascending.
	ETFs(ctx context.Context, exchange etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error)
	ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error)
	// BarsPage returns up to limit bars of the window after the given session, ascending.
	BarsPage(ctx context.Context, symbol etf.Symbol, window etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error)
	// Confirmations returns how far the fetches of each of the ETFs confirm its newest bars. ETFs that are unknown or have no
	// bars are not among them.
	Confirmations(ctx context.Context, symbols []etf.Symbol) (map[etf.Symbol]etf.Confirmation, error)
	// LatestForecasts returns the newest forecast of the model, or of every model if model is "".
	// A forecast that does not match its hash is KindCorrupt, here and in the next two methods.
	LatestForecasts(ctx context.Context, symbol etf.Symbol, model string) ([]etf.Forecast, error)
	Forecast(ctx context.Context, id string) (etf.Forecast, error)
	// NewestOrigin returns the newest origin of the forecasts by the model that were issued by the instant and made from the data
	// version or an earlier one; zero if there is none.
	NewestOrigin(ctx context.Context, symbol etf.Symbol, model string, issuedBy time.Time, version int64) (etf.Session, error)
	// ForecastsOf returns the forecasts by the model from the origin, in the order in which they were appended. One that does not
	// match its hash is KindCorrupt.
	ForecastsOf(ctx context.Context, symbol etf.Symbol, model string, origin etf.Session) ([]etf.Forecast, error)
	// Retracted returns, by forecast, the findings whose decision says that prices it was made from are wrong.
	Retracted(ctx context.Context, forecasts []string) (map[string][]string, error)
	// ForecastFit returns the fit stored with a forecast, byte for byte as hashed in its FitHash; KindNotFound if it has
	// none.
	ForecastFit(ctx context.Context, id string) ([]byte, error)
	// Runs returns up to limit recorded runs after the given position, newest first, and the position of the next page:
	// zero after the last.
	Runs(ctx context.Context, filter etf.RunFilter, after etf.Cursor, limit int) (page []etf.Run, next etf.Cursor, err error)
	Run(ctx context.Context, id etf.RunID) (etf.Run, error)
	// RunETFs returns what a run did for up to limit of its ETFs, after the given symbol, ascending.
	RunETFs(ctx context.Context, run etf.RunID, after etf.Symbol, limit int) ([]etf.RunETF, error)
	// RerunCount returns the highest recorded attempt of a run, given the ID of its first attempt: 0 if none is recorded,
	// 1 if only the first is.
	RerunCount(ctx context.Context, base etf.RunID) (int, error)
	// Findings returns up to limit findings after the given position, newest first, and the position of the next page:
	// zero after the last.
	Findings(ctx context.Context, filter etf.FindingFilter, after etf.Cursor, limit int) (page []etf.Finding, next etf.Cursor, err error)
	Finding(ctx context.Context, id string) (etf.Finding, error)
	// FindingRecord returns a finding with its rows and decisions; KindNotFound for an unknown ID.
	FindingRecord(ctx context.Context, id string) (etf.FindingRecord, error)
	// OldestUndecided returns the finding that has waited longest for a decision, of one ETF or ("") of all; KindNotFound if
	// none waits.
	OldestUndecided(ctx context.Context, symbol etf.Symbol) (etf.Finding, error)
	// ForecastModels lists the models that have forecasts of the ETF, those no longer run and entrants included.
	ForecastModels(ctx context.Context, symbol etf.Symbol) ([]string, error)
	// LastCompleted returns the newest session whose run over the whole exchange completed; zero when there is none.
	LastCompleted(ctx context.Context, exchange etf.Exchange) (etf.Session, error)
	Contents(ctx context.Context) (etf.Contents, error)
	// PruneFetches deletes the bodies of responses stored before the instant and returns how many; their records stay.
	PruneFetches(ctx context.Context, olderThan time.Time) (int, error)
	Ping(ctx context.Context) error
	// SchemaVersion returns the version of the database's schema and the version this code needs; KindDenied if the user
	// may not read it.
	SchemaVersion(ctx context.Context) (current, wanted int64, err error)
	// MissingRights lists the rights that this code needs and its database user lacks ("INSERT on bars"). Its result may be
	// some seconds old.
	MissingRights(ctx context.Context) ([]string, error)
}

// States reads how the ETFs stand, and keeps the deadlines that were missed.
type States interface {
	// ETFStates returns how the selected ETFs stand, ascending by symbol; unknown symbols are left out. It takes no snapshot.
	ETFStates(ctx context.Context, q etf.StateQuery) ([]etf.ETFState, error)
	// SessionRun returns the newest recorded run of the whole exchange for the session; KindNotFound if there is none.
	SessionRun(ctx context.Context, exchange etf.Exchange, session etf.Session) (etf.Run, error)
	// NewestEvent returns the number of the newest event; zero if there is none.
	NewestEvent(ctx context.Context) (int64, error)
	// EventMarks returns up to limit events after the number, ascending; lower numbers can appear later (etf.EventGap).
	EventMarks(ctx context.Context, after int64, limit int) ([]etf.EventMark, error)
	// OpenDeadlines returns up to limit of the missed deadlines that are not recorded as met, newest session first.
	OpenDeadlines(ctx context.Context, model string, limit int) ([]etf.MissedDeadline, error)
	// RecordMissed and RecordMet record deadlines as missed, and missed ones as met, each with its event, and return those that
	// were not recorded before.
	RecordMissed(ctx context.Context, missed []etf.MissedDeadline) ([]etf.MissedDeadline, error)
	RecordMet(ctx context.Context, met []etf.MissedDeadline) ([]etf.MissedDeadline, error)
}

// Scores reads how forecasts have fared.
type Scores interface {
	// SessionLosses returns the scores that count, summed over ETFs, ascending by exchange, model, horizon, standing and origin.
	// The filter has no symbol.
	SessionLosses(ctx context.Context, filter etf.ScoreFilter) ([]etf.SessionLosses, error)
	// Scores returns the scores of one ETF that count, ascending by model, horizon, origin and forecast.
	Scores(ctx context.Context, filter etf.ScoreFilter) ([]etf.Score, error)
}

// Lists reads what belongs to one ETF, or to one origin, for lists.
type Lists interface {
	// ForecastHeads returns forecasts of the models, of whole origins, in no order: all of those with the origin `through`, and of
	// those with earlier origins the newest n at least, or all there are. KindNotFound for an unknown symbol.
	ForecastHeads(ctx context.Context, symbol etf.Symbol, models []string, through etf.Session, n int) ([]etf.ForecastHead, error)
	// ETFFetches returns up to limit fetches of the ETF after the given position, newest first, and the position of the next page:
	// zero after the last. KindNotFound for an unknown symbol.
	ETFFetches(ctx context.Context, symbol etf.Symbol, after etf.Cursor, limit int) (page []etf.StoredFetch, next etf.Cursor, err error)
	// RunsOfETF returns what each of the runs did for the ETF; runs that did nothing for it are not among them.
	RunsOfETF(ctx context.Context, e etf.ETF, runs []etf.RunID) (map[etf.RunID]etf.RunETF, error)
	// OriginScores returns the scores of every ETF of an exchange at one origin that count, ascending by symbol and forecast.
	OriginScores(ctx context.Context, exchange etf.Exchange, model string, horizon int, origin etf.Session) ([]etf.Score, error)
}

// Entries keeps the forecasts that others enter.
type Entries interface {
	// AppendEntries appends entries of one model, all or none; it sets DataVersion and then calls complete, which sets AsOf,
	// IssuedAt, ID and Run, or refuses the entry, and may be called again. The errors name entries[i] and are joined: KindConflict for
	// an ETF and origin that the model has entered before, and for the name of a model that has forecasts which are no entries.
	AppendEntries(ctx context.Context, list []etf.Forecast, complete func(*etf.Forecast) error) ([]etf.Forecast, error)
	// Entries returns up to limit entries of a model after the position, ascending by symbol and position in the chain, of one ETF
	// if symbol is not empty. KindNotFound for an unknown entrant or symbol.
	Entries(ctx context.Context, model string, symbol etf.Symbol, after etf.EntryPosition, limit int) ([]etf.Forecast, error)
	// Entrants lists the names under which others have entered forecasts, ascending.
	Entrants(ctx context.Context) ([]etf.Entrant, error)
	// History returns the believed bars up to and including session `to`, ascending, at most the newest limit of them.
	History(ctx context.Context, symbol etf.Symbol, to etf.Session, limit int) (etf.History, error)
}

// Anchorer anchors chains of forecasts in the transparency log; db.Store implements it.
type Anchorer interface {
	// Anchor appends a leaf for each chain of the scope whose head has moved, and a checkpoint with the text that note makes.
	Anchor(ctx context.Context, scope etf.AnchorScope, note etf.CheckpointNote) (etf.Anchored, error)
}

// Temporal starts, finds and cancels workflows and manages the schedules; dispatch.Client implements it. An unknown
// workflow or schedule is KindNotFound, a server that can't be reached is KindUnavailable. It is safe for concurrent use.
type Temporal interface {
	// StartDaily starts a daily run under its business ID. With restart, a failed, cancelled, terminated or timed-out
	// run with the same ID is started again; without, any earlier run stands. started is false if an earlier run stands.
	StartDaily(ctx context.Context, in workflows.DailyInput, restart bool) (started bool, err error)
	// StartBacktest starts the workflow of a backtest, unless it is running or completed (started is false).
	StartBacktest(ctx context.Context, in workflows.BacktestInput) (started bool, err error)
	// StartBackfill starts the workflow of a backfill, unless it is running (started is false).
	StartBackfill(ctx context.Context, in workflows.BackfillInput) (started bool, err error)
	// PauseBackfill and ResumeBackfill tell a backfill to start no further window, and to go on. KindNotFound if it is not running.
	PauseBackfill(ctx context.Context, id string) error
	ResumeBackfill(ctx context.Context, id string) error
	// Execution returns the newest execution of a workflow ID.
	Execution(ctx context.Context, workflowID string) (etf.Execution, error)
	// DailyStatus queries the status of a daily run. It needs a worker: without one the error is KindUnavailable.
	DailyStatus(ctx context.Context, workflowID string) (workflows.DailyStatus, error)
	// Cancel requests the cancellation of a running workflow. For one that has ended it returns nil or KindNotFound.
	Cancel(ctx context.Context, workflowID string) error

	// Decide sends a decision to the workflow that waits for it, and waits up to `wait` until it is applied; applied is false
	// if the workflow has it and will apply it. KindNotFound if none is waiting, KindConflict if a different decision was made
	// before.
	Decide(ctx context.Context, finding string, d workflows.Decision, wait time.Duration) (f etf.Finding, applied bool, err error)
	// StartAndDecide starts the workflow of a finding that has none waiting and sends it the decision.
	StartAndDecide(ctx context.Context, in workflows.ResolveFindingInput, d workflows.Decision, wait time.Duration) (f etf.Finding, applied bool, err error)

	// DecideAction sends a decision to the workflow of a corporate action. Once it returns nil, the decision is kept.
	DecideAction(ctx context.Context, in workflows.DecideActionInput, d etf.ActionDecision) error

	Schedule(ctx context.Context, id string) (etf.Schedule, error)
	PauseSchedule(ctx context.Context, id, note string) error
	ResumeSchedule(ctx context.Context, id, note string) error
	TriggerSchedule(ctx context.Context, id string) error
	// ApplySchedule creates the exchange's schedule or updates it; a paused one stays paused. It fires at that time, in the
	// exchange's own time zone; zero means the default.
	ApplySchedule(ctx context.Context, exchange etf.Exchange, at etf.TimeOfDay) (created bool, err error)

	// Served reports whether workers are polling a task queue, Polling whether this process's own are.
	Served(ctx context.Context, queue string) (bool, error)
	Polling(ctx context.Context, queue string) (bool, error)
	// Check returns nil if the server responds and has the namespace.
	Check(ctx context.Context) error
}
