package garch

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// The names that forecasts of the two models are stored under.
const (
	Name    = "garch" // GARCH(1,1), Student's t
	NameGJR = "gjr"   // GJR-GARCH(1,1,1), Hansen's skewed t
)

// The defaults of Settings.
const (
	// DefaultWindow is ten years of 252 sessions.
	DefaultWindow = 2520
	// DefaultMinReturns is a year. With fewer, estimates of alpha and beta are hardly better than the usual values of other series (Hwang
	// and Valls Pereira, Small Sample Properties of GARCH Estimates and Persistence, 2006, advise 500 for GARCH(1,1) and 250 for ARCH(1)).
	DefaultMinReturns = 250
	// DefaultFloor is the smallest volatility per session, as in package drift: that of prices rounded to ticks.
	DefaultFloor = 1e-5
)

// Settings are a model's parameters. The zero value of each field means its default.
type Settings struct {
	Window     int     `json:"window"`      // returns used, the latest ones
	MinReturns int     `json:"min_returns"` // the fewest returns fitted
	Floor      float64 `json:"floor"`       // the smallest standard deviation of a log return per session
}

// params is the JSON of a model's parameters: its settings, and which model it is.
type params struct {
	Settings
	Leverage bool `json:"leverage"`
}

// Model is one of the two models and its settings. It implements forecast.Model.
type Model struct {
	set    Settings
	name   string
	params string
}

var (
	_ forecast.Model          = (*Model)(nil)
	_ forecast.TailForecaster = (*fitted)(nil)
	_ forecast.Filterer       = (*fitted)(nil)
)

// New returns GARCH(1,1) with Student's t. It replaces zeros by defaults and checks the settings. Errors are of KindInvalid and name the
// setting.
func New(set Settings) (*Model, error) { return newModel(Name, set) }

// NewGJR returns GJR-GARCH(1,1,1) with the skewed t; otherwise it is like New.
func NewGJR(set Settings) (*Model, error) { return newModel(NameGJR, set) }

func newModel(name string, set Settings) (*Model, error) {
	if set.Window == 0 {
		set.Window = DefaultWindow
	}
	if set.MinReturns == 0 {
		set.MinReturns = min(DefaultMinReturns, set.Window)
	}
	if set.Floor == 0 {
		set.Floor = DefaultFloor
	}
	switch {
	case set.MinReturns < 20:
		return nil, etf.Invalid("min_returns", fmt.Sprintf("%d is too few returns for the parameters of a variance", set.MinReturns), "use 20 or more")
	case set.Window < set.MinReturns:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is less than min_returns %d", set.Window, set.MinReturns), "make the window longer")
	case !(set.Floor >= 1e-9 && set.Floor < 1):
		return nil, etf.Invalid("floor", fmt.Sprintf("%v is not between 1e-9 and 1", set.Floor), "use 1e-5")
	}
	params, err := forecast.CanonicalJSON(params{set, name == NameGJR})
	if err != nil {
		return nil, err
	}
	return &Model{set: set, name: name, params: params}, nil
}

// Default is GARCH(1,1) with default settings.
func Default() *Model { return must(New(Settings{})) }

// DefaultGJR is GJR-GARCH with default settings.
func DefaultGJR() *Model { return must(NewGJR(Settings{})) }

func must(m *Model, err error) *Model {
	if err != nil {
		panic(err) // the defaults are constants
	}
	return m
}

// Name returns "garch" or "gjr".
func (m *Model) Name() string { return m.name }

// Params returns the settings as canonical JSON.
func (m *Model) Params() string { return m.params }

// MinRows returns the fewest closes Fit accepts: one more than the number of returns.
func (m *Model) MinRows() int { return m.set.MinReturns + 1 }

// MaxRows returns the most closes Fit uses.
func (m *Model) MaxRows() int { return m.set.Window + 1 }

// Fit implements forecast.Model. It takes a few milliseconds. Nothing is random, so the seed is ignored. It gives a forecast for every series
// of enough rows: where the likelihood has no sensible maximum, the variance is an exponentially weighted one, and Diagnostics say why.
func (m *Model) Fit(ctx context.Context, s forecast.Series, _ uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Validate(m.MinRows()); err != nil {
		return nil, err
	}
	s = s.Tail(m.MaxRows())
	n := len(s.Close)
	returns, steps := make([]float64, n-1), make([]int, n-1)
	f := &fitted{state: state{
		Format: format, Model: m.name, Origin: s.Origin, From: s.Sessions[0], Last: s.Close[n-1], Floor: m.set.Floor, Rows: n, Status: statusOK,
	}}
	for i := range returns {
		returns[i], steps[i] = percent(s.Close[i], s.Close[i+1]), s.Step(i+1)
		if steps[i] > 1 {
			f.Gaps++
		}
	}
	d := newData(returns, steps)
	var p theta
	if f.Status = unfit(d, m.set.Floor); f.Status == statusOK {
		var value float64
		var err error
		if p, value, _, err = estimate(ctx, d, m.name == NameGJR); err != nil {
			return nil, err
		}
		if math.IsInf(value, 0) || math.IsNaN(value) || !p.sound() {
			f.Status = statusNoMaximum
		}
	}
	if f.Status != statusOK {
		p = weighted(d, m.set.Floor)
	}
	value, variance, residual := d.logLikelihood(&p, nil)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		value = 0 // of a constant series
	}
	f.LogLikelihood = value
	f.Mu, f.Omega, f.Alpha, f.Gamma, f.Beta, f.Nu, f.Lambda = p.mu, p.omega, p.alpha, p.gamma, p.beta, p.nu, p.lambda
	f.Variance = f.bounded(p.next(variance, residual))
	if err := f.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite variance", Err: err}
	}
	f.shape = newShape(p)
	if progress != nil {
		progress(1, 1)
	}
	return f, nil
}

// Statuses of a fit.
const (
	statusOK        = "ok"
	statusConstant  = "exponentially weighted variance: the closes hardly move"
	statusRepeats   = "exponentially weighted variance: too many closes repeat the one before"
	statusNoMaximum = "exponentially weighted variance: the likelihood has no maximum"
)

// maxRun is the longest row of returns of 0 that the models are fitted to. In a longer one the variance would die away to nothing, and the
// parameters would be those that make it do so, because the density of a return of 0 grows without bound as its variance falls.
const maxRun = 20

// unfit returns statusOK, or why the likelihood of d says nothing about its variance.
func unfit(d *data, floor float64) string {
	if !(d.variance > 1e4*floor*floor) {
		return statusConstant
	}
	zeros, run, longest := 0, 0, 0
	for _, y := range d.y {
		if y == 0 {
			zeros++
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	if 2*zeros > len(d.y) || longest > maxRun {
		return statusRepeats
	}
	return statusOK
}

// weighted returns parameters with which the variance is RiskMetrics' exponentially weighted one, with normal errors.
func weighted(d *data, floor float64) theta {
	variance := max(d.variance, 1e4*floor*floor)
	return theta{mu: d.mean, omega: omegaFloor * variance, alpha: 1 - backcastDecay, beta: backcastDecay - persistenceGap, nu: nuMax}
}

// sound tells that the parameters are finite and within their bounds.
func (p *theta) sound() bool {
	for _, v := range []float64{p.mu, p.omega, p.alpha, p.gamma, p.beta, p.nu, p.lambda} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return p.omega > 0 && p.alpha >= 0 && p.alpha+p.gamma >= -1e-12 && p.beta >= 0 && p.persistence() < 1 && p.nu >= nuMin && math.Abs(p.lambda) < 1
}

// percent is 100 log(b/a), even if the quotient of extreme numbers would overflow.
func percent(a, b float64) float64 {
	if q := b / a; q > 0 && !math.IsInf(q, 1) {
		return 100 * math.Log(q)
	}
	return 100 * (math.Log(b) - math.Log(a))
}

// Restore implements forecast.Model.
func (m *Model) Restore(blob []byte) (forecast.Fitted, error) {
	f := new(fitted)
	if err := json.Unmarshal(blob, &f.state); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored "+m.name+" fit")
	}
	if f.Format != format || f.Model != m.name {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the stored fit is of model %q, format %d, but %s reads format %d", f.Model, f.Format, m.name, format), Remedy: "fit the model again"}
	}
	if err := f.check(); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored "+m.name+" fit is damaged")
	}
	f.shape = newShape(f.theta())
	return f, nil
}

// Parse returns the model "garch" with the settings that Params wrote. Any other text, also what another version wrote with other settings,
// is an error of KindInvalid.
func Parse(params string) (*Model, error) { return parse(Name, params) }

// ParseGJR does the same of "gjr".
func ParseGJR(params string) (*Model, error) { return parse(NameGJR, params) }

func parse(name, text string) (*Model, error) {
	return forecast.ParseParams("a "+name+" model", text, func(p params) (*Model, error) { return newModel(name, p.Settings) })
}
