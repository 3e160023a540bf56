package activities

import (
	"context"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// The ports: what the activities need from the outside, in the words of the domain. The adapters (db.Store,
// source/...) are handed in by cmd/etfcast and know nothing of Temporal. Every method returns errors of the
// kinds in package etf, is safe for concurrent use, and may be called again after a crash at any point: a write
// that already happened is recognised, not repeated.

// Source gives one ETF's bars and actions over a window. Implemented by source/....
type Source interface {
	Name() string
	Fetch(ctx context.Context, q etf.Query) (etf.Response, error)
}

// Registry reads the registered ETFs.
type Registry interface {
	// ETF returns one ETF; KindNotFound for an unknown symbol.
	ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error)
	// Due returns up to limit ETFs of the exchange in ascending order of symbol, after the given one ("" = from
	// the first). Only those in symbols where symbols is not empty; an unknown one among them is KindNotFound
	// naming it.
	Due(ctx context.Context, exchange etf.Exchange, symbols []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error)
}

// Fetches keeps what providers said.
type Fetches interface {
	// Stored returns what is stored of the ETF; zero without bars.
	Stored(ctx context.Context, symbol etf.Symbol) (etf.Stored, error)
	// SaveFetch stores the record, the raw answer (compressed) and the staged bars, actions and defects in one
	// transaction. f.ID is the idempotency key: a repeat with the same ID changes nothing. Bars keep the
	// answer's order as ordinals.
	SaveFetch(ctx context.Context, f etf.Fetch, a etf.Response) error
	// Staged returns what a fetch staged. KindNotFound when there is no such fetch, KindConflict when it has been
	// persisted already and its staged rows are gone.
	Staged(ctx context.Context, fetch string) (etf.Staged, error)
}

// Judgements keeps findings.
type Judgements interface {
	// SaveFindings stores the findings of a fetch and the verdict on each staged row, in one transaction. The
	// findings' IDs are deterministic: a repeat changes nothing.
	SaveFindings(ctx context.Context, j etf.Judgement) error
	// Decide records a person's decision on a finding and frees (Accept) or keeps (Reject) the rows it names, in one
	// transaction that advances the data version if a row changed. The first decision stands: a repeat of it
	// changes nothing, a different one is KindConflict.
	Decide(ctx context.Context, r etf.Ruling) (etf.Finding, error)
}

// Bars keeps prices.
type Bars interface {
	// Persist moves a fetch's judged rows into the ETF's bars in one transaction that tells new, unchanged and
	// revised rows apart; a revision keeps what was believed before. The data version advances by
	// compare-and-set only when something changed. The fetch is the idempotency key: a repeat returns the first
	// result. Staged rows are deleted in the same transaction. A basis other than the stored series' is KindConflict.
	Persist(ctx context.Context, fetch string) (etf.Persisted, error)
}

// Forecasts keeps forecasts. They are only ever appended.
type Forecasts interface {
	// History returns the not quarantined bars up to and including session `to`, ascending, at most the newest
	// limit of them, with the data version they belong to. Models fit closes: of a bar only session, close and basis
	// need be filled in.
	History(ctx context.Context, symbol etf.Symbol, to etf.Session, limit int) (etf.History, error)
	// AppendForecast appends f with its components and its fit to the hash chain of (symbol, model), unless a forecast
	// with the same ID is stored; appended says which. It sets Chain, PrevHash, Hash and FitHash, and what it returns has
	// no Fit. KindConflict when the ETF's data version is no longer f.DataVersion: the caller reads the history again.
	// KindInvalid when f can't be stored as it is, whenever it is tried.
	AppendForecast(ctx context.Context, f etf.Forecast) (stored etf.Forecast, appended bool, err error)
}

// Runs keeps the record of runs beyond Temporal's retention.
type Runs interface {
	// StartRun records that a run has started (again). r.ID is the idempotency key.
	StartRun(ctx context.Context, r etf.Run) error
	// RecordOutcomes adds or replaces the run's rows of these ETFs, and sets the run's counts.
	RecordOutcomes(ctx context.Context, run etf.RunID, counts etf.RunCounts, etfs []etf.RunETF) error
	// FinishRun records how a run ended.
	FinishRun(ctx context.Context, end etf.RunEnd) error
	// LastCompleted returns the newest session whose run over the whole exchange completed; zero when there is none.
	LastCompleted(ctx context.Context, exchange etf.Exchange) (etf.Session, error)
	// Run returns what is recorded of a run; KindNotFound for one that was never begun.
	Run(ctx context.Context, id etf.RunID) (etf.Run, error)
}

// Model is a forecasting model with its parameters chosen. Implemented in forecast/....
type Model = forecast.Model

// Watcher waits for workflows. Implemented in package worker on top of a Temporal client.
type Watcher interface {
	// AwaitEnd returns how the newest run of the workflow ended, once it has; at once if it had ended before.
	// A workflow Temporal no longer knows is KindNotFound.
	AwaitEnd(ctx context.Context, workflowID string) (etf.RunStatus, error)
}

// Store is all of it that the database keeps; db.Store implements it.
type Store interface {
	Registry
	Fetches
	Judgements
	Bars
	Forecasts
	Runs
}
