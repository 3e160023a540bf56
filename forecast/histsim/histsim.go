package histsim

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Name is the name forecasts of this model are stored under.
const Name = "histsim"

// The defaults of Settings; those that are not explained are explained in package drift.
const (
	DefaultDecay  = 0.94
	DefaultWindow = 2520
	// DefaultMinReturns leaves 250 residuals: the outermost of etf.TailLevels then rests on the 6 most extreme ones of a side.
	DefaultMinReturns = warmUp + 250
	// DefaultPaths gives quantiles with a standard error of 2 to 4 % of an interval's half width at 21 sessions.
	DefaultPaths = 1000
	DefaultFloor = 1e-5
)

// warmUp is how many returns start the volatility: the effective number of observations in its average. leastReturns leaves the fewest residuals
// that have a quantile at both of etf.TailLevels.
const (
	warmUp       = 33
	leastReturns = warmUp + 40
	mostWindow   = math.MaxUint16
	leastPaths   = 100
	mostPaths    = 100_000
)

// Settings are the model's parameters. The zero value of each field means its default.
type Settings struct {
	Decay      float64 `json:"decay"`       // of the exponential weights, per row, in (0,1)
	Window     int     `json:"window"`      // returns used by a fit, the latest ones
	MinReturns int     `json:"min_returns"` // the fewest returns fitted
	Paths      int     `json:"paths"`       // simulated, for horizons above 1
	Floor      float64 `json:"floor"`       // the smallest standard deviation of a log return per session
}

// Model is the model and its settings. It implements forecast.Model.
type Model struct {
	set    Settings
	params string
}

var (
	_ forecast.Model          = (*Model)(nil)
	_ forecast.TailForecaster = (*fitted)(nil)
	_ forecast.Filterer       = (*fitted)(nil)
)

// New replaces zeros by defaults and checks the settings. Errors are of KindInvalid and name the setting.
func New(set Settings) (*Model, error) {
	if set.Decay == 0 {
		set.Decay = DefaultDecay
	}
	if set.Window == 0 {
		set.Window = DefaultWindow
	}
	if set.MinReturns == 0 {
		set.MinReturns = min(DefaultMinReturns, set.Window)
	}
	if set.Paths == 0 {
		set.Paths = DefaultPaths
	}
	if set.Floor == 0 {
		set.Floor = DefaultFloor
	}
	switch {
	case !(set.Decay > 0 && set.Decay < 1):
		return nil, etf.Invalid("decay", fmt.Sprintf("%v is not between 0 and 1", set.Decay), "use 0.94 for daily closes")
	case set.MinReturns < leastReturns:
		return nil, etf.Invalid("min_returns", fmt.Sprintf("%d returns are too few for quantiles in the tails", set.MinReturns), fmt.Sprintf("use %d or more", leastReturns))
	case set.Window < set.MinReturns:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is less than min_returns %d", set.Window, set.MinReturns), "make the window longer")
	case set.Window > mostWindow:
		return nil, etf.Invalid("window", fmt.Sprintf("%d returns are too many", set.Window), fmt.Sprintf("use %d or fewer", mostWindow))
	case set.Paths < leastPaths || set.Paths > mostPaths:
		return nil, etf.Invalid("paths", fmt.Sprintf("%d paths are out of range", set.Paths), fmt.Sprintf("use %d to %d", leastPaths, mostPaths))
	case !(set.Floor > 0 && set.Floor < 1):
		return nil, etf.Invalid("floor", fmt.Sprintf("%v is not between 0 and 1", set.Floor), "use 1e-5")
	}
	params, err := forecast.CanonicalJSON(set)
	if err != nil {
		return nil, err
	}
	return &Model{set: set, params: params}, nil
}

// Parse returns the model with the settings that Params wrote. Any other text, also what another version wrote with other settings, is
// an error of KindInvalid.
func Parse(params string) (*Model, error) {
	return forecast.ParseParams("a histsim model", params, New)
}

// Name returns "histsim".
func (m *Model) Name() string { return Name }

// Params returns the settings as canonical JSON.
func (m *Model) Params() string { return m.params }

// MinRows returns the fewest closes Fit accepts: one more than the number of returns.
func (m *Model) MinRows() int { return m.set.MinReturns + 1 }

// MaxRows returns the most closes Fit uses.
func (m *Model) MaxRows() int { return m.set.Window + 1 }

// Fit implements forecast.Model. The seed decides which residuals follow each other in the simulated paths.
func (m *Model) Fit(ctx context.Context, s forecast.Series, seed uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Validate(m.MinRows()); err != nil {
		return nil, err
	}
	s = s.Tail(m.MaxRows())
	n := len(s.Close)
	span := 0
	for i := 1; i < n; i++ {
		span += s.Step(i)
	}
	e := stored{
		Format: format, Model: Name, From: s.Sessions[0], Rows: 1, Seed: seed, Paths: m.set.Paths, Decay: m.set.Decay, Floor: m.set.Floor,
		Drift: forecast.LogReturn(s.Close[0], s.Close[n-1]) / float64(span),
	}
	z := make([]float64, 0, n-1)
	e.carry(s, 1, func(v float64) { z = append(z, v) })
	z = z[warmUp:]
	floats.AddConst(-floats.Sum(z)/float64(len(z)), z)
	e.Residuals = make(residuals, len(z))
	for i, v := range z {
		e.Residuals[i] = float32(v) // seven digits, in half of the space
	}
	slices.Sort(e.Residuals)
	if e.Residuals[0] == e.Residuals[len(z)-1] { // the closes never move by more or less than the drift: an interval needs a width nevertheless
		e.Flat = true
		for i := range e.Residuals {
			e.Residuals[i] = float32(distuv.UnitNormal.Quantile((float64(i) + .5) / float64(len(z))))
		}
	}
	f, err := newFitted(e)
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite drift and volatility", Err: err}
	}
	if progress != nil {
		progress(1, 1)
	}
	return f, nil
}

// Restore implements forecast.Model.
func (m *Model) Restore(blob []byte) (forecast.Fitted, error) {
	var e stored
	if err := json.Unmarshal(blob, &e); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored histsim fit")
	}
	if e.Format != format || e.Model != Name {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the stored fit is of model %q, format %d, but histsim reads format %d", e.Model, e.Format, format), Remedy: "fit the model again"}
	}
	f, err := newFitted(e)
	if err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored histsim fit is damaged")
	}
	return f, nil
}
