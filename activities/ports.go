package activities

import (
	"context"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// The ports: what the activities need from outside, in domain terms. cmd/etfcast passes in the adapters (db.Store,
// source/...), which know nothing of Temporal. Every method returns errors of the kinds in package etf, is safe for
// concurrent use, and may be called again after a crash at any point: a write that already happened is recognised, not
// repeated.

// Source fetches one ETF's bars and actions over a window. Implemented by source/....
type Source interface {
	Name() string
	Fetch(ctx context.Context, q etf.Query) (etf.Response, error)
}

// Requesting is implemented by a source whose fetch does not always make one request: it returns how many requests the query takes now,
// zero if the response is at hand.
type Requesting interface {
	Requests(q etf.Query) int
}

// Registry reads the registered ETFs.
type Registry interface {
	// ETF returns one ETF; KindNotFound for an unknown symbol.
	ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error)
	// Due returns up to limit ETFs of the exchange in ascending order of symbol, after the given one ("" = from the
	// first), without those that were delisted before the session. If symbols is not empty it returns only those; an unknown one among them is
	// a KindNotFound that names it, and a former one stands for the ETF that had it, which is returned under it.
	Due(ctx context.Context, exchange etf.Exchange, session etf.Session, symbols []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error)
}

// Fetches keeps the providers' responses.
type Fetches interface {
	// Stored summarises what is stored for the ETF; it is zero without bars.
	Stored(ctx context.Context, symbol etf.Symbol) (etf.Stored, error)
	// SaveFetch stores the record, the raw response (compressed) and the staged bars, actions and defects in one
	// transaction. f.ID is the idempotency key: a repeat with the same ID changes nothing. The bars' order in the
	// response is kept.
	SaveFetch(ctx context.Context, f etf.Fetch, a etf.Response) error
	// SaveCheck records what a second source's staged rows say about a fetch up to the session (etf.SecondOpinion), which Staged then
	// returns. The first one recorded for a fetch stands.
	SaveCheck(ctx context.Context, fetch, second string, session etf.Session) error
	// Staged returns what a fetch staged. KindNotFound if there is no such fetch, KindConflict if it has already been
	// persisted and its staged rows are gone.
	Staged(ctx context.Context, fetch string) (etf.Staged, error)
}

// SourceStates keeps what all workers share about the sources: circuit breakers and daily quotas.
type SourceStates interface {
	// Breaker returns a source's circuit breaker, closed if nothing is recorded.
	Breaker(ctx context.Context, source string) (etf.Breaker, error)
	// ChangeBreaker replaces it by what change makes of it, by compare-and-set, and returns that; a new state is recorded with an
	// event. change may be called several times.
	ChangeBreaker(ctx context.Context, source string, change func(etf.Breaker) etf.Breaker) (etf.Breaker, error)
	// TakeQuota counts requests as used before they are made. KindRateLimited with Until if not enough of the day's quota is left:
	// then none is counted. The limit is never exceeded, however many callers there are. A crash after it loses what was taken.
	TakeQuota(ctx context.Context, r etf.QuotaRequest) (etf.QuotaUse, error)
	// RefuseQuota records that the source itself says that its quota of the day is used up.
	RefuseQuota(ctx context.Context, source string, day etf.Session) error
	// QuotaUse returns what is used of the day's quota, and whether it is refused; limits are left zero.
	QuotaUse(ctx context.Context, source string, day etf.Session) (etf.QuotaUse, error)
	// SourceETFs returns, by source, the ETFs that name it and are not retired.
	SourceETFs(ctx context.Context) (map[string][]etf.SourceETF, error)
}

// Findings keeps findings.
type Findings interface {
	// SaveFindings stores the findings of a fetch and the verdict on each staged bar, one per bar, in one transaction, and
	// returns what it reports: the findings, with IDs, and earlier ones that name the same rows with the same prices. A row
	// that an earlier finding of the same rule names is not named by another; the decision on it decides the row's verdict.
	// The findings' IDs are deterministic: a repeat changes nothing and returns the same. A judgement on other grounds than an
	// earlier one takes its place: findings that only that one had, and that nobody has decided on, are settled. KindConflict with
	// etf.ErrOutdated if the grounds have changed: read what is staged again.
	SaveFindings(ctx context.Context, j etf.Judgement) ([]etf.Reported, error)
	// Decide records a person's decision on a finding and changes the stored bars accordingly, in one transaction that
	// advances the data version if a bar changed. The decision in force stands until it is taken back (etf.Undo): a repeat of
	// it changes nothing, a different one is KindConflict. So does a repeat of the request with the same key.
	Decide(ctx context.Context, r etf.Ruling) (etf.Finding, error)
	// Finding returns one finding; KindNotFound for an unknown ID.
	Finding(ctx context.Context, id string) (etf.Finding, error)
}

// Bars keeps prices.
type Bars interface {
	// Replace moves a fetch's validated rows into the ETF's bars in one transaction that distinguishes new, unchanged
	// and revised rows; a revision keeps the previous values. The data version advances by
	// compare-and-set, and only if something changed. The fetch is the idempotency key: a repeat returns the first
	// result. Staged rows are deleted in the same transaction. A basis other than the stored series' is KindConflict, and so, with
	// etf.ErrOutdated, are verdicts whose grounds have changed: the rows have to be judged again.
	//
	// A replacement that is not zero also takes stored bars out, in the same transaction: all that a whole history
	// replaces, or those before the ETF's listing. They stay among the revisions, and count as revised. Undecided findings
	// that no longer keep anything out are settled; settled names them, at most a hundred.
	Replace(ctx context.Context, fetch string, r etf.Replacement) (p etf.Persisted, settled []string, err error)
}

// Forecasts keeps forecasts, which are append-only.
type Forecasts interface {
	// History returns the bars up to and including session `to` that are neither quarantined nor held, ascending, at most the
	// newest limit of them, with the data version they belong to, and whether the bar of that session is held. Models fit closes: only a bar's session, close and basis have
	// to be set.
	History(ctx context.Context, symbol etf.Symbol, to etf.Session, limit int) (etf.History, error)
	// AppendForecasts appends an ETF's forecasts, all made from the same data version, each with its components and its
	// fit, to the hash chains of (symbol, model), in one transaction. A forecast whose ID is stored already is left as it
	// is. One that can't be stored is left out (Refused) and does not affect the others. The results are in the order of
	// the list. It sets Chain, PrevHash, Hash and FitHash, and IssuedAt to that of the chain's last forecast if it is
	// earlier. KindConflict if the ETF's data version is no longer the forecasts': read the history again.
	AppendForecasts(ctx context.Context, list []etf.Forecast) ([]etf.Appended, error)
	// AssessmentHash returns the hash of a session's assessment, "" if there is none, and AssessmentByHash the assessment with its state.
	AssessmentHash(ctx context.Context, exchange etf.Exchange, session etf.Session) (string, error)
	AssessmentByHash(ctx context.Context, hash string) (etf.Assessment, error)
}

// HeldBars reads and releases the bars that are held.
type HeldBars interface {
	// SessionBars returns the bars of a session of every ETF of the exchange, ascending by symbol, without the quarantined ones.
	SessionBars(ctx context.Context, exchange etf.Exchange, session etf.Session) ([]etf.SessionBar, error)
	// ReleaseHeld believes the ETF's held bar of the session from now on, in a new data version caused by the run. A bar that
	// is not held any more is left as it is (released is false).
	ReleaseHeld(ctx context.Context, symbol etf.Symbol, session etf.Session, run etf.RunID) (released bool, err error)
	// RunETFs returns up to limit of a run's ETFs with their outcomes, ascending by symbol, after the given one.
	RunETFs(ctx context.Context, run etf.RunID, after etf.Symbol, limit int) ([]etf.RunETF, error)
}

// Ledger keeps the transparency log over the chains of forecasts.
type Ledger interface {
	// Anchor appends a leaf for each chain of the scope whose head has moved since it was last anchored, and the checkpoint of
	// the log then, in one transaction. If none has moved it changes nothing and returns the newest checkpoint. Concurrent
	// calls append one after another. KindNotFound for an unknown symbol.
	Anchor(ctx context.Context, scope etf.AnchorScope, note etf.CheckpointNote) (etf.Anchored, error)
}

// Checkpoints keeps the ledger's checkpoints outside the database.
type Checkpoints interface {
	// Keep keeps the checkpoint's note. A repeat changes nothing. KindConflict if another checkpoint of the same size is kept
	// already, which stays.
	Keep(ctx context.Context, c etf.Checkpoint) error
}

// Scores keeps how forecasts fared, and their sums.
type Scores interface {
	// Unscored returns what has changed since the ETF's scores were complete: sessions, splits and entrants' forecasts. Everything
	// counts as changed if it is asked for or nothing has been scored. What it reads may change meanwhile; then SaveScores says
	// so. KindNotFound for an unknown symbol.
	Unscored(ctx context.Context, symbol etf.Symbol, q etf.UnscoredQuery) (etf.Unscored, error)
	// ScoringInput returns the forecasts from the origins with their points at the horizons, and their scores.
	ScoringInput(ctx context.Context, u etf.Unscored, origins []etf.Session, horizons []int) (etf.ScoringInput, error)
	// BarStates returns the states of an ETF's bars from a session on, ascending by session and data version.
	BarStates(ctx context.Context, number uint32, from etf.Session) ([]etf.BarState, error)
	// SaveScores stores new versions of scores, what they change in the sums of their sessions, and the new mark, in one
	// transaction. KindConflict if the ETF's data or its mark have changed since they were read: read them again.
	SaveScores(ctx context.Context, c etf.ScoreChanges) error
}

// Assessments keeps what the record says before the forecasts of a session are made. Each exchange and session has at most one.
type Assessments interface {
	// SaveAssessment stores an assessment and its verdicts in one transaction, unless its exchange and session have one, and returns the
	// stored one, with its state.
	SaveAssessment(ctx context.Context, a etf.Assessment, gate []etf.GateVerdict) (etf.Assessment, error)
	// AssessmentOf returns that of a session, AssessmentByHash the one with the hash, and AssessmentBefore the newest of an earlier session,
	// each with its state. KindNotFound if there is none.
	AssessmentOf(ctx context.Context, exchange etf.Exchange, session etf.Session) (etf.Assessment, error)
	AssessmentByHash(ctx context.Context, hash string) (etf.Assessment, error)
	AssessmentBefore(ctx context.Context, exchange etf.Exchange, session etf.Session) (etf.Assessment, error)
	// AssessmentHash returns the hash of a session's assessment; "" if there is none.
	AssessmentHash(ctx context.Context, exchange etf.Exchange, session etf.Session) (string, error)
	// Matured returns what came of forecasts of record, in no order. corrupt says which are left out because what is stored of them can't be
	// read.
	Matured(ctx context.Context, q etf.OutcomeQuery) (list []etf.MaturedForecast, corrupt []error, err error)
	// SessionLosses returns the scores that count, summed over ETFs.
	SessionLosses(ctx context.Context, filter etf.ScoreFilter) ([]etf.SessionLosses, error)
	// BacktestWeights returns the combination's weights in the newest completed backtest of the whole exchange that is not suspected of a leak,
	// and its ID. KindNotFound if there is none.
	BacktestWeights(ctx context.Context, exchange etf.Exchange) (id string, weights []etf.BacktestWeights, err error)
}

// Runs keeps the record of runs beyond Temporal's retention.
type Runs interface {
	// StartRun records that a run has started (again). r.ID is the idempotency key.
	StartRun(ctx context.Context, r etf.Run) error
	// RecordOutcomes adds or replaces the run's rows for these ETFs, and sets the run's counts. Forecasts (of these models),
	// findings, and new and revised rows are counted in what is stored for the run, not in the rows given: the result of a
	// step may be lost.
	RecordOutcomes(ctx context.Context, run etf.RunID, models []string, counts etf.RunCounts, etfs []etf.RunETF) error
	// FinishRun records how a run ended and returns its counts: those of rows and forecasts are sums over its ETFs' rows.
	FinishRun(ctx context.Context, end etf.RunEnd) (etf.RunCounts, error)
	// DiscardStaged deletes the staged rows that no update will store, because their run is the given one or has been
	// recorded as ended, and returns how many fetches had any. The fetches' records and responses stay.
	DiscardStaged(ctx context.Context, ended etf.RunID) (fetches int, err error)
	// LastCompleted returns the newest session whose run over the whole exchange completed; zero if there is none.
	LastCompleted(ctx context.Context, exchange etf.Exchange) (etf.Session, error)
	// Run returns the record of a run; KindNotFound for a run that was never started.
	Run(ctx context.Context, id etf.RunID) (etf.Run, error)
}

// Model is a forecasting model with its parameters chosen. Implemented in forecast/....
type Model = forecast.Model

// Watcher waits for workflows. Implemented in package worker on top of a Temporal client.
type Watcher interface {
	// AwaitEnd waits until the newest run of the workflow has ended and returns how; at once if it already has.
	// A workflow Temporal no longer knows is KindNotFound.
	AwaitEnd(ctx context.Context, workflowID string) (etf.RunStatus, error)
}

// Store combines the ports that the database implements; db.Store implements it.
type Store interface {
	Registry
	Fetches
	SourceStates
	Findings
	Actions
	Bars
	Forecasts
	HeldBars
	Ledger
	Scores
	Runs
	Backtests
	BacktestHistory
	Backfills
	Assessments
}
