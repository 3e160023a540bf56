package ets

import (
	"context"
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Name is the name forecasts of this model are stored under.
const Name = "ets"

// What the intervals' width follows.
const (
	EWMA     = "ewma"     // the errors of late, exponentially weighted
	Constant = "constant" // all errors of the window alike
)

// The defaults of Settings.
const (
	// DefaultWindow is ten years of 252 sessions, as drift's.
	DefaultWindow = 2520
	// DefaultMinRows is ten rows for each of the six numbers of the largest model.
	DefaultMinRows = 60
	// DefaultDecay is RiskMetrics' decay for daily data (Technical Document 1996, section 5.3.2.2).
	DefaultDecay = .94
	// DefaultFloor is the smallest plausible volatility per session, as drift's.
	DefaultFloor = 1e-5
)

// leastLog is the least log close with which multiplicative errors are admissible.
const leastLog = 1

// Settings are the model's parameters. The zero value of each field means its default.
type Settings struct {
	Window     int     `json:"window"`     // rows used, the latest ones
	MinRows    int     `json:"min_rows"`   // the fewest rows fitted
	Volatility string  `json:"volatility"` // EWMA or Constant
	Decay      float64 `json:"decay"`      // of EWMA's weights, per row, in (0,1); without effect on Constant
	Floor      float64 `json:"floor"`      // the smallest standard deviation of a log close one session ahead
}

// Model is exponential smoothing with its settings. It implements forecast.Model.
type Model struct {
	set    Settings
	params string
}

var (
	_ forecast.Model          = (*Model)(nil)
	_ forecast.TailForecaster = (*fitted)(nil)
	_ forecast.Filterer       = (*fitted)(nil)
)

// fewest is the fewest rows from which the criterion of the largest model is defined, and a variance left over.
const fewest = 10

// New replaces zeros by defaults and checks the settings. Errors are of KindInvalid and name the setting.
func New(set Settings) (*Model, error) {
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
	case set.MinRows < fewest:
		return nil, etf.Invalid("min_rows", fmt.Sprintf("%d rows are too few for a model of six numbers", set.MinRows), fmt.Sprintf("use %d or more", fewest))
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

// Default is the model with default settings.
func Default() *Model {
	m, err := New(Settings{})
	if err != nil {
		panic(err) // the defaults are constants
	}
	return m
}

// Name returns "ets".
func (m *Model) Name() string { return Name }

// Params returns the settings as canonical JSON.
func (m *Model) Params() string { return m.params }

// MinRows returns the fewest rows Fit accepts.
func (m *Model) MinRows() int { return m.set.MinRows }

// MaxRows returns the most rows Fit uses.
func (m *Model) MaxRows() int { return m.set.Window }

// Fit implements forecast.Model. The search is deterministic, so the seed is ignored.
func (m *Model) Fit(ctx context.Context, s forecast.Series, _ uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := s.Validate(m.MinRows()); err != nil {
		return nil, err
	}
	s = s.Tail(m.MaxRows())
	d := newSample(s)
	chosen, all, err := choose(ctx, d, progress)
	if err != nil {
		return nil, err
	}
	f := m.fitted(s, d, chosen, all)
	if err := f.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite level, trend and volatility", Err: err}
	}
	return f, nil
}

func newSample(s forecast.Series) sample {
	d := sample{y: make([]float64, len(s.Close)), step: s.Steps}
	for i, c := range s.Close {
		d.y[i] = math.Log(c)
	}
	return d
}

// estimate is a model with its estimated parameters.
type estimate struct {
	shape         shape
	smoothing     smoothing
	initial       state
	logLikelihood float64
	aicc          float64
}

// choose estimates the admissible models, and returns the one with the least AICc, and all, in the order of shapes. Of equal ones it takes
// the first.
func choose(ctx context.Context, d sample, progress forecast.Progress) (estimate, []estimate, error) {
	if d.constant() {
		e := estimate{shape: shape{}, smoothing: smoothing{alpha: highest, phi: 1}, initial: state{level: d.y[0]}}
		e.logLikelihood = d.logLikelihood(d.criterion(e.shape, e.smoothing, e.initial))
		e.aicc = d.aicc(e.logLikelihood, e.shape.estimated())
		return e, []estimate{e}, ctx.Err()
	}
	total := len(shapes)
	if !d.allowsRelative() {
		total /= 2
	}
	v := newProfile(d)
	additive := map[shape][]optimum{}
	var all []estimate
	best := -1
	for i, k := range shapes[:total] {
		if err := ctx.Err(); err != nil {
			return estimate{}, nil, err
		}
		var found []optimum
		if !k.relative {
			found = v.search(k)
			additive[k] = found
		} else {
			// Relative errors of log closes are nearly additive ones, whose optima are good places to start from.
			twin := k
			twin.relative = false
			found = v.refine(k, additive[twin])
		}
		e := d.estimate(k, found[0])
		if all = append(all, e); best < 0 || e.aicc < all[best].aicc {
			best = i
		}
		if progress != nil {
			progress(i+1, total)
		}
	}
	return all[best], all, nil
}

func (d sample) estimate(k shape, o optimum) estimate {
	e := estimate{shape: k, smoothing: k.smoothing(o.u), initial: o.initial}
	e.logLikelihood = d.logLikelihood(d.criterion(k, e.smoothing, e.initial))
	e.aicc = d.aicc(e.logLikelihood, k.estimated())
	return e
}

func (d sample) constant() bool {
	for _, y := range d.y {
		if y != d.y[0] {
			return false
		}
	}
	return true
}

func (d sample) allowsRelative() bool {
	for _, y := range d.y {
		if y < leastLog {
			return false
		}
	}
	return true
}

// fitted runs the chosen model through the window.
func (m *Model) fitted(s forecast.Series, d sample, chosen estimate, all []estimate) *fitted {
	n := len(d.y)
	f := &fitted{
		Format: format, Model: Name, Origin: s.Origin, From: s.Sessions[0],
		Shape: chosen.shape.String(), Alpha: chosen.smoothing.alpha, Beta: chosen.smoothing.beta, Phi: chosen.smoothing.phi,
		Level: chosen.initial.level, Trend: chosen.initial.trend, InitialLevel: chosen.initial.level, InitialTrend: chosen.initial.trend,
		Volatility: m.set.Volatility, Decay: m.set.Decay, Floor: m.set.Floor,
		LogLikelihood: chosen.logLikelihood, AICc: chosen.aicc, Rows: n,
	}
	for _, e := range all {
		f.Candidates = append(f.Candidates, candidate{e.shape.String(), e.aicc})
	}
	var squares float64
	for i := range d.y {
		if d.sessions(i) > 1 {
			f.Gaps++
		}
		squares += f.roll(chosen.shape, d.y[i], d.sessions(i))
	}
	f.Constant = math.Sqrt(squares / float64(n-chosen.shape.estimated()+1))
	f.Last = s.Close[n-1]
	return f
}
