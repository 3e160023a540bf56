package market

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/config"
)

// The names forecasts are stored under: of the model as it is, and of the one whose volatility follows the market.
const (
	Name     = "prophet"
	NameEWMA = "prophet-ewma"
)

// Volatility says how large the innovations of the simulated closes are.
type Volatility string

// The volatilities.
const (
	Constant Volatility = "constant" // as large as those of the whole window: Prophet's own assumption
	EWMA     Volatility = "ewma"     // as large as an exponentially weighted average of the latest ones
)

// The decay and the least volatility of EWMA, as in package drift.
const (
	decay = 0.94
	floor = 1e-5
)

// The defaults of Settings.
const (
	// DefaultWindow is ten years of 252 sessions, as in package drift. Over it the default 25 changepoints lie
	// 80 sessions apart; over a whole history of thirty years the trend could not follow one year of prices.
	DefaultWindow = 2520
	// DefaultMinRows is half a year of sessions. A trend with changepoints has 27 parameters and the weekly seasonality
	// 4; with fewer rows the priors would determine them more than the prices.
	DefaultMinRows = 126
)

// Settings are the parameters of a Model. The zero value of each field means its default.
type Settings struct {
	Window  int // rows fitted, the latest ones
	MinRows int // the fewest rows fitted
	// Volatility is Constant or EWMA; "" = Constant.
	Volatility Volatility
	Options    *prophet.Options // nil = prophet.MarketDefaults; Market and Seed are set for each fit
}

// Model is Prophet with its settings, fitted to an ETF's closes on the sessions of its exchange with every market option
// turned on (prophet.MarketFor). It implements forecast.Model.
type Model struct {
	options         prophet.Options
	window, minRows int
	volatility      Volatility
	params          string
}

var _ forecast.Model = (*Model)(nil)

// New replaces zeros by defaults and checks the settings. Errors are of KindInvalid and name the setting.
func New(set Settings) (*Model, error) {
	o := prophet.MarketDefaults(string(etf.XNYS)) // Fit sets the exchange of the series; any will do for the check
	if set.Options != nil {
		o = *set.Options
	}
	o.Market = prophet.MarketFor(string(etf.XNYS))
	checked, err := prophet.New(o)
	if err != nil {
		return nil, err
	}
	m := &Model{options: checked.Options(), window: set.Window, minRows: set.MinRows, volatility: set.Volatility}
	if m.window == 0 {
		m.window = DefaultWindow
	}
	if m.minRows == 0 {
		m.minRows = min(DefaultMinRows, m.window)
	}
	if m.volatility == "" {
		m.volatility = Constant
	}
	switch {
	case m.volatility != Constant && m.volatility != EWMA:
		return nil, etf.Invalid("volatility", fmt.Sprintf("there is no volatility %q", m.volatility), "use constant or ewma")
	case m.minRows < 2:
		return nil, etf.Invalid("min_rows", fmt.Sprintf("%d is too few rows for a trend", m.minRows), "use 2 or more")
	case m.window < m.minRows:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is less than min_rows %d", m.window, m.minRows), "make the window longer")
	case m.options.UncertaintySamples == 0:
		return nil, etf.Invalid("uncertainty_samples", "a forecast needs quantiles", "use 1000")
	}
	raw, err := config.Marshal(m.options)
	if err != nil {
		return nil, err
	}
	var settings map[string]any
	if err := json.Unmarshal(raw, &settings); err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "reading back the options of prophet")
	}
	// The ETF's exchange and the forecast's seed differ from fit to fit.
	delete(settings, "seed")
	if market, ok := settings["market"].(map[string]any); ok {
		delete(market, "exchange")
	}
	settings["window"], settings["min_rows"] = m.window, m.minRows
	settings["innovations"] = "t" // version 0.1.0 had normal ones and a scale that depended on the unit
	if m.volatility != Constant { // without the field, parameters are those of a constant volatility, whose forecasts keep their identity
		settings["volatility"] = m.volatility
	}
	m.params, err = forecast.CanonicalJSON(settings)
	return m, err
}

// Default is the model with default settings.
func Default() *Model {
	m, err := New(Settings{})
	if err != nil {
		panic(err) // the defaults are constants
	}
	return m
}

// Name returns "prophet", or "prophet-ewma" with that volatility.
func (m *Model) Name() string { return nameOf(m.volatility) }

func nameOf(v Volatility) string {
	if v == EWMA {
		return NameEWMA
	}
	return Name
}

// Params returns the settings as canonical JSON.
func (m *Model) Params() string { return m.params }

// MinRows returns the fewest closes Fit accepts.
func (m *Model) MinRows() int { return m.minRows }

// MaxRows returns the most closes Fit uses.
func (m *Model) MaxRows() int { return m.window }

// Fit implements forecast.Model. It takes milliseconds.
func (m *Model) Fit(ctx context.Context, s forecast.Series, seed uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Validate(m.minRows); err != nil {
		return nil, err
	}
	s = s.Tail(m.window)
	o := m.options
	o.Market, o.Seed = prophet.MarketFor(calendar.NameOf(s.Exchange, s.CalendarVersion)), seed
	if s.Exchange == "" {
		o.Market = prophet.MarketOf(s.Sessions) // the series' own dates are the calendar
	}
	model, err := prophet.New(o)
	if err != nil {
		return nil, err
	}
	history := frameOf(s.Sessions)
	history.Y = s.Close
	f, err := model.Fit(ctx, history, prophet.FitOptions{Progress: progress})
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(1, 1)
	}
	out := &fitted{f: f.Forecaster(), name: m.Name(), origin: s.Origin, from: s.Sessions[0]}
	if m.volatility == EWMA {
		if out.f, err = f.FollowVolatility(decay, floor); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fitted is a fit to one ETF's closes.
type fitted struct {
	f            *prophet.Forecaster
	name         string
	origin, from etf.Session

	mu   sync.Mutex
	last simulated // the last forecast asked for: Predict and Tails share one simulation
}

// simulated is a forecast of targets. It is not changed once made.
type simulated struct {
	targets []etf.Session
	points  []etf.ForecastPoint
	tails   [][2]float64
}

var (
	_ forecast.Fitted         = (*fitted)(nil)
	_ forecast.Decomposer     = (*fitted)(nil)
	_ forecast.TailForecaster = (*fitted)(nil)
	_ forecast.Filterer       = (*fitted)(nil)
)

// Filter implements forecast.Filterer: trend and seasonalities go on as they were fitted, the forecast starts from the residual of the last
// row, and the volatility, if it follows the market, takes in the new rows.
func (m *fitted) Filter(ctx context.Context, s forecast.Series) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from, err := s.After(m.origin)
	if err != nil {
		return nil, err
	}
	if from == len(s.Close) {
		return m, nil
	}
	first := max(0, from-prophet.Context)
	rows := frameOf(s.Sessions[first:])
	rows.Y = s.Close[first:]
	f, err := m.f.Knowing(s.Sessions).Carry(ctx, rows, from-first)
	if err != nil {
		return nil, err
	}
	return &fitted{f: f, name: m.name, origin: s.Origin, from: m.from}, nil
}

// levels are the lower tail, the quantiles and the upper tail.
var levels = slices.Concat(etf.TailLevels[:1], etf.QuantileLevels[:], etf.TailLevels[1:])

// frameOf returns a frame with a row for each session.
func frameOf(sessions []etf.Session) *prophet.Frame {
	f := &prophet.Frame{DS: make([]prophet.Stamp, len(sessions))}
	for i, s := range sessions {
		f.DS[i] = prophet.SessionStamp(s)
	}
	return f
}

// Predict implements forecast.Fitted: quantiles and mean of the simulated closes.
func (m *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	s, err := m.simulate(targets)
	return slices.Clone(s.points), err
}

// Tails implements forecast.TailForecaster: quantiles of the same simulated closes.
func (m *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	s, err := m.simulate(targets)
	return slices.Clone(s.tails), err
}

// simulate returns the forecast of the targets.
func (m *fitted) simulate(targets []etf.Session) (simulated, error) {
	if err := forecast.CheckTargets(m.origin, targets); err != nil {
		return simulated{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Equal(m.last.targets, targets) {
		return m.last, nil
	}
	fc, err := m.f.Knowing(targets).Predict(context.Background(), frameOf(targets), prophet.PredictOptions{Levels: levels, NoTrendIntervals: true})
	if err != nil {
		return simulated{}, err
	}
	s := simulated{slices.Clone(targets), make([]etf.ForecastPoint, len(targets)), make([][2]float64, len(targets))}
	for i, target := range targets {
		s.points[i] = etf.ForecastPoint{Horizon: i + 1, Target: target, Mean: fc.Mean[i]}
		for k := range etf.QuantileLevels {
			s.points[i].Quantiles[k] = fc.Quantiles[k+1][i]
		}
		s.tails[i] = [2]float64{fc.Quantiles[0][i], fc.Quantiles[len(levels)-1][i]}
	}
	if err := forecast.Check(s.points); err != nil {
		return s, err
	}
	m.last = s
	return s, nil
}

// Components implements forecast.Decomposer: "trend" is a price and every other component the logarithm of its factor
// on the trend, so that the median forecast is trend * exp(additive_terms + residual).
func (m *fitted) Components(targets []etf.Session) (map[string][]float64, error) {
	fc, err := m.f.Knowing(targets).Predict(context.Background(), frameOf(targets), prophet.PredictOptions{NoIntervals: true})
	if err != nil {
		return nil, err
	}
	out := map[string][]float64{"trend": fc.Trend}
	for _, c := range fc.Components {
		if c.Name != "multiplicative_terms" { // on the logarithmic scale there are none
			out[c.Name] = c.Value
		}
	}
	return out, nil
}

// Diagnostics implements forecast.Fitted.
func (m *fitted) Diagnostics() map[string]string {
	s, residual := m.f.State(), m.f.Tail().Residual
	r := s.Report
	d := map[string]string{
		"status":        "ok",
		"fit":           r.Status,
		"optimizer":     string(r.Optimizer),
		"iterations":    strconv.Itoa(r.Iterations),
		"log_posterior": sprint(r.LogPosterior),
		"gradient":      sprint(r.Gradient),
		"rows":          strconv.Itoa(r.Rows),
		"from":          m.from.String(),
		"sigma":         sprint(s.Params.SigmaObs[0] * s.YScale),
		"changepoints":  strconv.Itoa(len(s.Changepoints)),
		"phi":           sprint(residual.Phi),
		"innovation":    sprint(residual.Innovation * s.YScale),
		"df":            sprint(residual.DF),
	}
	if m.name == NameEWMA {
		d["volatility"] = string(EWMA)
	}
	if !r.Converged {
		d["status"] = r.Status
	}
	return d
}

func sprint(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
