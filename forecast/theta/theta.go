package theta

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Variant is a form of the model.
type Variant string

// The variants; each is also the name that its forecasts are stored under.
const (
	Standard  Variant = "theta"           // theta = 2, one regression line
	Optimised Variant = "theta-optimised" // theta estimated, one regression line
	Dynamic   Variant = "theta-dynamic"   // theta estimated, the line of the sessions so far
)

// What the intervals' width follows.
const (
	EWMA     = "ewma"     // the errors of late, exponentially weighted
	Constant = "constant" // all errors of the window alike
)

// The defaults of Settings.
const (
	// DefaultWindow is ten years of 252 sessions, as in package drift: the drift is a share of the slope over the window.
	DefaultWindow = 2520
	// DefaultMinRows is half a year of sessions: the slope of a shorter one says nothing about the next.
	DefaultMinRows = 126
	// DefaultDecay is RiskMetrics' decay for daily data (Technical Document 1996, section 5.3.2.2).
	DefaultDecay = .94
	// DefaultFloor is the smallest plausible volatility per session, as in package drift.
	DefaultFloor = 1e-5
)

// leastRows is the fewest rows that the estimation is defined for: 3 parameters, and the first 3 errors don't count.
const leastRows = 8

// Settings are the model's parameters. The zero value of each field means its default.
type Settings struct {
	Variant    Variant `json:"variant"`    // Standard
	Window     int     `json:"window"`     // rows fitted, the latest ones
	MinRows    int     `json:"min_rows"`   // the fewest rows fitted
	Volatility string  `json:"volatility"` // EWMA or Constant
	Decay      float64 `json:"decay"`      // of EWMA's weights, per row, in (0,1); without effect on Constant
	Floor      float64 `json:"floor"`      // the smallest standard deviation of an error
}

// Model is a Theta model and its settings. It implements forecast.Model.
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
	if set.Variant == "" {
		set.Variant = Standard
	}
	if set.Window == 0 {
		set.Window = DefaultWindow
	}
	if set.MinRows == 0 {
		set.MinRows = min(DefaultMinRows, set.Window)
	}
	if set.Volatility == "" {
		set.Volatility = EWMA
	}
	if set.Decay == 0 {
		set.Decay = DefaultDecay
	}
	if set.Floor == 0 {
		set.Floor = DefaultFloor
	}
	switch {
	case !set.Variant.valid():
		return nil, etf.Invalid("variant", fmt.Sprintf("there is no variant %q", set.Variant), "use theta, theta-optimised or theta-dynamic")
	case set.MinRows < leastRows:
		return nil, etf.Invalid("min_rows", fmt.Sprintf("%d is too few rows for three parameters", set.MinRows), fmt.Sprintf("use %d or more", leastRows))
	case set.Window < set.MinRows:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is less than min_rows %d", set.Window, set.MinRows), "make the window longer")
	case set.Volatility != EWMA && set.Volatility != Constant:
		return nil, etf.Invalid("volatility", fmt.Sprintf("%q is not a kind of volatility", set.Volatility), "use "+EWMA+" or "+Constant)
	case !(set.Decay > 0 && set.Decay < 1):
		return nil, etf.Invalid("decay", fmt.Sprintf("%v is not between 0 and 1", set.Decay), "use 0.94 for daily closes")
	case !(set.Floor > 0 && set.Floor < 1):
		return nil, etf.Invalid("floor", fmt.Sprintf("%v is not between 0 and 1", set.Floor), "use 1e-5")
	}
	params, err := forecast.CanonicalJSON(set)
	if err != nil {
		return nil, err
	}
	return &Model{set: set, params: params}, nil
}

func (v Variant) valid() bool { return v == Standard || v == Optimised || v == Dynamic }

// Parse returns the model with the settings that Params of this variant wrote. Any other text, also what another version wrote with other
// settings, is an error of KindInvalid.
func (v Variant) Parse(params string) (*Model, error) {
	return forecast.ParseParams("a "+string(v)+" model", params, func(set Settings) (*Model, error) {
		m, err := New(set)
		if err == nil && m.set.Variant != v {
			err = fmt.Errorf("they read back as %s", m.params)
		}
		return m, err
	})
}

// Name returns the variant's name.
func (m *Model) Name() string { return string(m.set.Variant) }

// Params returns the settings as canonical JSON.
func (m *Model) Params() string { return m.params }

// MinRows returns the fewest closes Fit accepts.
func (m *Model) MinRows() int { return m.set.MinRows }

// MaxRows returns the most closes Fit uses.
func (m *Model) MaxRows() int { return m.set.Window }

// Fit implements forecast.Model. It takes about a millisecond. The seed is ignored.
func (m *Model) Fit(ctx context.Context, s forecast.Series, _ uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Validate(m.MinRows()); err != nil {
		return nil, err
	}
	s = s.Tail(m.MaxRows())
	y := make([]float64, len(s.Close)) // in logs of ratios to the first close: exact under a change of currency or units
	for i, c := range s.Close {
		y[i] = forecast.LogReturn(s.Close[0], c)
	}
	data := newSample(y, s.Steps, m.set.Variant == Dynamic)
	p := data.estimate(m.set.Variant != Standard)
	f := &fitted{
		Format: format, Model: m.Name(), Origin: s.Origin, From: s.Sessions[0], First: s.Close[0], Last: s.Close[len(s.Close)-1],
		Alpha: p.alpha, Share: p.share, Initial: p.initial, Squares: p.squares, LogLikelihood: data.logLikelihood(p),
		Constant: data.sigma(p.squares, m.set.Variant != Standard), Volatility: m.set.Volatility, Decay: m.set.Decay,
		Floor: m.set.Floor, Rows: len(y), Gaps: data.gaps, Line: data.line,
	}
	f.Level, f.Sessions = data.walk(p, func(i, k int, mu, y float64) {
		if i >= skipped {
			f.learn(y-mu, k)
		}
	})
	if err := f.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite level and error", Err: err}
	}
	if progress != nil {
		progress(1, 1)
	}
	return f, nil
}

// Restore implements forecast.Model.
func (m *Model) Restore(blob []byte) (forecast.Fitted, error) {
	f := new(fitted)
	if err := json.Unmarshal(blob, f); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored theta fit")
	}
	if f.Format != format || f.Model != m.Name() {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the stored fit is of model %q, format %d, but %s reads its own format %d", f.Model, f.Format, m.Name(), format), Remedy: "fit the model again"}
	}
	if err := f.check(); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored theta fit is damaged")
	}
	return f, nil
}
