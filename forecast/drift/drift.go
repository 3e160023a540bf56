package drift

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Name is the name forecasts of this model are stored under.
const Name = "drift"

// The defaults of Settings.
const (
	// DefaultDecay is RiskMetrics' decay for daily data (Technical Document 1996, section 5.3.2.2).
	DefaultDecay = 0.94
	// DefaultWindow is ten years of 252 sessions. The standard error of a drift depends only on the number of
	// years: with 16 % annual volatility it is 5 percentage points a year after ten years and 16 after one. A longer
	// window adds little precision and brings in prices too old to be relevant.
	DefaultWindow = 2520
	// DefaultMinReturns is the effective number of observations in an exponential average of decay 0.94,
	// (1+0.94)/(1-0.94) = 32.3, rounded up: with fewer returns the volatility is less certain than it is in the
	// long run.
	DefaultMinReturns = 33
	// DefaultFloor is the smallest plausible volatility per session. A bond ETF at 100,000 KRW moves in ticks of
	// 5 KRW; rounding alone gives tick/sqrt(12)/price = 1.4e-5. A constant series must not give an interval of
	// zero width.
	DefaultFloor = 1e-5
)

// Settings are the model's parameters. The zero value of each field means its default.
type Settings struct {
	Decay      float64 `json:"decay"`       // of the exponential weights, per session, in (0,1)
	Window     int     `json:"window"`      // returns used, the latest ones
	MinReturns int     `json:"min_returns"` // the fewest returns fitted
	Floor      float64 `json:"floor"`       // the smallest standard deviation of a log return per session
}

// Model is a random walk with drift and its settings. It implements forecast.Model.
type Model struct {
	set    Settings
	params string
}

var (
	_ forecast.Model          = (*Model)(nil)
	_ forecast.TailForecaster = (*fitted)(nil)
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
	if set.Floor == 0 {
		set.Floor = DefaultFloor
	}
	switch {
	case !(set.Decay > 0 && set.Decay < 1):
		return nil, etf.Invalid("decay", fmt.Sprintf("%v is not between 0 and 1", set.Decay), "use 0.94 for daily closes")
	case set.MinReturns < 2:
		return nil, etf.Invalid("min_returns", fmt.Sprintf("%d is too few returns for a variance", set.MinReturns), "use 2 or more")
	case set.Window < set.MinReturns:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is less than min_returns %d", set.Window, set.MinReturns), "make the window longer")
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

// Name returns "drift".
func (m *Model) Name() string { return Name }

// Params returns the settings as canonical JSON.
func (m *Model) Params() string { return m.params }

// MinRows returns the fewest closes Fit accepts: one more than the number of returns.
func (m *Model) MinRows() int { return m.set.MinReturns + 1 }

// MaxRows returns the most closes Fit uses.
func (m *Model) MaxRows() int { return m.set.Window + 1 }

// Fit implements forecast.Model. It takes microseconds. The model has a closed form, so the seed is ignored.
func (m *Model) Fit(ctx context.Context, s forecast.Series, _ uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Validate(m.MinRows()); err != nil {
		return nil, err
	}
	s = s.Tail(m.MaxRows())
	n := len(s.Close)
	// Logs of ratios of neighbouring closes, not differences of logs: exact under a change of currency or units.
	span := 0
	for i := 1; i < n; i++ {
		span += s.Step(i)
	}
	last := s.Close[n-1]
	mu := forecast.LogReturn(s.Close[0], last) / float64(span)

	var weighted, weights, plain float64
	w := 1.0
	gaps := 0
	for i := n - 1; i >= 1; i-- {
		k := float64(s.Step(i))
		if k > 1 {
			gaps++
		}
		e := forecast.LogReturn(s.Close[i-1], s.Close[i]) - k*mu
		v := e * e / k
		weighted += w * v
		weights += w
		plain += v
		w *= m.set.Decay
	}
	f := &fitted{
		Format: format, Model: Name, Origin: s.Origin, From: s.Sessions[0], Last: last,
		Drift: mu, Sigma: math.Sqrt(weighted / weights), Spread: math.Sqrt(plain / float64(n-2)),
		Span: span, Rows: n, Gaps: gaps,
	}
	if f.Sigma < m.set.Floor {
		f.Sigma, f.Floored = m.set.Floor, true
	}
	f.Spread = max(f.Spread, m.set.Floor)
	if err := f.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite drift and volatility", Err: err}
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
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored drift fit")
	}
	if f.Format != format || f.Model != Name {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the stored fit is of model %q, format %d, but drift reads format %d", f.Model, f.Format, format), Remedy: "fit the model again"}
	}
	if err := f.check(); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored drift fit is damaged")
	}
	return f, nil
}

// format is the version of the serialised fit; increment it when the fields of fitted change.
const format = 1

// fitted is the fit. Log returns are natural, per session.
type fitted struct {
	Format  int         `json:"format"`
	Model   string      `json:"model"`
	Origin  etf.Session `json:"origin"`
	From    etf.Session `json:"from"`
	Last    float64     `json:"last"`   // close at the origin
	Drift   float64     `json:"drift"`  // mean log return
	Sigma   float64     `json:"sigma"`  // exponentially weighted standard deviation
	Spread  float64     `json:"spread"` // plain standard deviation over the window
	Span    int         `json:"span"`   // sessions the window spans
	Rows    int         `json:"rows"`
	Gaps    int         `json:"gaps"` // returns over more than one session
	Floored bool        `json:"floored"`
}

func (f *fitted) check() error {
	for _, v := range []float64{f.Last, f.Drift, f.Sigma, f.Spread} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("drift %v, sigma %v, spread %v, last close %v", f.Drift, f.Sigma, f.Spread, f.Last)
		}
	}
	if f.Last <= 0 || f.Sigma <= 0 || f.Spread <= 0 || f.Span < 1 || f.Rows < 2 || f.Origin <= f.From {
		return fmt.Errorf("last close %v, sigma %v, spread %v, span %d, rows %d, origin %s", f.Last, f.Sigma, f.Spread, f.Span, f.Rows, f.Origin)
	}
	return nil
}

// logNormal is the forecast.
func (f *fitted) logNormal() forecast.LogNormal {
	return forecast.LogNormal{Base: f.Last, Origin: f.Origin, At: f.logPrice}
}

// Predict implements forecast.Fitted.
func (f *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	points, err := f.logNormal().Points(targets)
	return points, f.named(err)
}

// Tails implements forecast.TailForecaster.
func (f *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	tails, err := f.logNormal().Tails(targets)
	return tails, f.named(err)
}

// named says what a number that can't be a price came from.
func (f *fitted) named(err error) error {
	if err == nil || etf.KindOf(err) != etf.KindInternal {
		return err
	}
	return fmt.Errorf("drift forecast with sigma %v a session: %w", f.Sigma, err)
}

// logPrice returns the mean of the logarithm of the price h sessions ahead, less that of the last close, and its variance.
func (f *fitted) logPrice(h int) (centre, variance float64) {
	n := float64(h)
	return n * f.Drift, n*f.Sigma*f.Sigma + n*n*f.Spread*f.Spread/float64(f.Span)
}

// Diagnostics implements forecast.Fitted.
func (f *fitted) Diagnostics() map[string]string {
	d := map[string]string{
		"status": "ok",
		"rows":   strconv.Itoa(f.Rows),
		"from":   f.From.String(),
		"drift":  number(f.Drift),
		"sigma":  number(f.Sigma),
		"spread": number(f.Spread),
		"gaps":   strconv.Itoa(f.Gaps),
	}
	if f.Floored {
		d["status"] = "sigma raised to the floor: the closes hardly move"
	}
	return d
}

// MarshalBinary implements forecast.Fitted. It writes JSON, floats as the shortest text that reads back exactly.
func (f *fitted) MarshalBinary() ([]byte, error) {
	b, err := json.Marshal(f)
	return b, etf.Wrap(etf.KindInternal, err, "writing a drift fit")
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
