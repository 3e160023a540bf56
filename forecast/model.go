package forecast

import (
	"context"
	"encoding"

	"github.com/etfcast/etfcast/etf"
)

// Model is a forecasting model with its parameters set. A Model is immutable and safe for concurrent use.
type Model interface {
	// Name is the stable, lower-case name forecasts are stored under, such as "drift".
	Name() string
	// Params returns every parameter as canonical JSON (see CanonicalJSON), defaults written out, so that its
	// ParamsHash changes exactly when the model would forecast differently.
	Params() string
	// MinRows is the fewest rows Fit accepts.
	MinRows() int
	// MaxRows is the most rows Fit uses, 0 for all: fitting the last MaxRows rows gives the same forecast as
	// fitting the whole history, so a caller need not load more.
	MaxRows() int
	// Fit estimates the model on s. It is deterministic in (s, parameters, seed); a model without randomness
	// ignores the seed. It returns ctx's error soon after ctx is done. progress may be nil; otherwise it is
	// called from time to time on the caller's goroutine with the steps done and their total, for heartbeats.
	// Bad input gives an error of KindInvalid, a fit without finite numbers one of KindInternal.
	Fit(ctx context.Context, s Series, seed uint64, progress Progress) (Fitted, error)
	// Restore reads what Fitted.MarshalBinary wrote for this model, whatever its parameters. A blob that is
	// damaged or comes from another model or version gives an error of KindCorrupt.
	Restore(blob []byte) (Fitted, error)
}

// Progress is called with the steps of a fit that are done and their total.
type Progress func(done, total int)

// Fitted is a fitted model: immutable, safe for concurrent use.
type Fitted interface {
	// Predict forecasts the close at horizons 1..len(targets); targets[h-1] is the session of horizon h, as
	// Targets returns it. The points pass Check. Errors are of KindInvalid (targets not ascending or not after
	// the origin) or KindInternal (a number that can't be a price).
	Predict(targets []etf.Session) ([]etf.ForecastPoint, error)
	// Diagnostics are stored with the forecast: at least "status" ("ok", or what was unusual) and "rows"
	// (rows fitted). Values are short text, numbers the shortest that read back exactly.
	Diagnostics() map[string]string
	// MarshalBinary serialises the fit; Model.Restore reads it back to a Fitted that predicts the same numbers.
	encoding.BinaryMarshaler
}

// TailForecaster is implemented by fitted models that have quantiles at etf.TailLevels. Tails returns a pair for each target, such
// that with Predict's points it passes CheckTails. Errors are those of Predict.
type TailForecaster interface {
	Tails(targets []etf.Session) ([][2]float64, error)
}

// Decomposer is implemented by fitted models that are a sum or product of named components, such as a trend and
// weekly and yearly seasonality. Components returns, by name, one value of each component for each target.
type Decomposer interface {
	Components(targets []etf.Session) (map[string][]float64, error)
}

// Filterer is implemented by fits that can be carried on to later closes without estimating their parameters again: volatility, level and
// the like are rolled forward over the new rows, in time proportional to their number. Filter returns the fit at the end of s. The rows
// of s up to the fit's origin are those it was fitted to; rows before its window may be absent. KindInvalid if s ends before the
// fit's origin or does not have its row. A series that has been restated since, by a split, is not recognised: fit again.
type Filterer interface {
	Filter(ctx context.Context, s Series) (Fitted, error)
}

// Composite is a model made of others. Its Fit fits every member; Combine makes the same fit of members that are fitted already, so
// that a caller who has them need not fit them twice.
type Composite interface {
	Model
	Members() []Model
	// Combine combines fits of the members, in their order, all from the same origin.
	Combine(fitted []Fitted) (Fitted, error)
}
