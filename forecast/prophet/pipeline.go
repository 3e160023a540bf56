package prophet

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Name is the name forecasts of this model are stored under.
const Name = "prophet"

// The defaults of PipelineSettings.
const (
	// DefaultWindow is ten years of 252 sessions, as in package drift. Over it the 25 changepoints of the default lie
	// 80 sessions apart; over a whole history of thirty years the trend could not follow one year of prices.
	DefaultWindow = 2520
	// DefaultMinRows is half a year of sessions. A trend with changepoints has 27 parameters and the week 4; on fewer
	// rows they would be the priors' more than the prices'.
	DefaultMinRows = 126
)

// PipelineSettings are the parameters of a Pipeline. The zero value of each field means its default.
type PipelineSettings struct {
	Window  int      // rows fitted, the latest ones
	MinRows int      // the fewest rows fitted
	Options *Options // nil = Defaults(); Market and Seed are set for each fit
}

// Pipeline is this model with everything for markets turned on (MarketFor), as the daily run fits it to an ETF's
// closes. It implements forecast.Model.
type Pipeline struct {
	o               Options
	window, minRows int
	params          string
}

var _ forecast.Model = (*Pipeline)(nil)

// NewPipeline checks the settings. Errors are of KindInvalid and name the setting.
func NewPipeline(set PipelineSettings) (*Pipeline, error) {
	o := Defaults()
	if set.Options != nil {
		o = *set.Options
	}
	o.Market = MarketFor(string(etf.XNYS)) // the exchange is the series'; this one stands in for the check
	m, err := New(o)
	if err != nil {
		return nil, err
	}
	p := &Pipeline{o: m.o, window: set.Window, minRows: set.MinRows}
	if p.window == 0 {
		p.window = DefaultWindow
	}
	if p.minRows == 0 {
		p.minRows = min(DefaultMinRows, p.window)
	}
	switch {
	case p.minRows < 2:
		return nil, etf.Invalid("min_rows", fmt.Sprintf("%d rows have no trend", p.minRows), "use 2 or more")
	case p.window < p.minRows:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is less than min_rows %d", p.window, p.minRows), "make the window longer")
	case p.o.UncertaintySamples == 0:
		return nil, etf.Invalid("uncertainty_samples", "a forecast needs quantiles", "use 1000")
	}
	config, err := json.Marshal(p.o)
	if err != nil {
		return nil, err
	}
	var settings map[string]any
	if err := json.Unmarshal(config, &settings); err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "reading back the options of prophet")
	}
	// Each fit has its own: the exchange of the ETF, the seed of the forecast.
	delete(settings, "seed")
	if market, ok := settings["market"].(map[string]any); ok {
		delete(market, "exchange")
	}
	settings["window"], settings["min_rows"] = p.window, p.minRows
	p.params, err = forecast.CanonicalJSON(settings)
	return p, err
}

// DefaultPipeline is the pipeline's model with default settings.
func DefaultPipeline() *Pipeline {
	p, err := NewPipeline(PipelineSettings{})
	if err != nil {
		panic(err) // the defaults are constants
	}
	return p
}

// Name returns "prophet".
func (p *Pipeline) Name() string { return Name }

// Params returns the settings as canonical JSON.
func (p *Pipeline) Params() string { return p.params }

// MinRows returns the fewest closes Fit accepts.
func (p *Pipeline) MinRows() int { return p.minRows }

// MaxRows returns the most closes Fit looks at.
func (p *Pipeline) MaxRows() int { return p.window }

// Fit implements forecast.Model. It takes milliseconds.
func (p *Pipeline) Fit(ctx context.Context, s forecast.Series, seed uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Validate(p.minRows); err != nil {
		return nil, err
	}
	s = s.Tail(p.window)
	o := p.o.clone()
	o.Market, o.Seed = MarketFor(string(s.Exchange)), seed
	m, err := New(o)
	if err != nil {
		return nil, err
	}
	frame := &Frame{DS: make([]Stamp, len(s.Sessions)), Y: s.Close}
	for i, session := range s.Sessions {
		frame.DS[i] = SessionStamp(session)
	}
	f, err := m.Fit(ctx, frame, FitOptions{Progress: progress})
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(1, 1)
	}
	return &pipelineFit{f: f, origin: s.Origin, from: s.Sessions[0]}, nil
}

// pipelineFit is a fit to one ETF.
type pipelineFit struct {
	f            *Fitted
	origin, from etf.Session
}

var (
	_ forecast.Fitted     = (*pipelineFit)(nil)
	_ forecast.Decomposer = (*pipelineFit)(nil)
)

func targetFrame(targets []etf.Session) *Frame {
	f := &Frame{DS: make([]Stamp, len(targets))}
	for i, s := range targets {
		f.DS[i] = SessionStamp(s)
	}
	return f
}

// Predict implements forecast.Fitted: quantiles and mean of the simulated closes.
func (p *pipelineFit) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	if err := forecast.CheckTargets(p.origin, targets); err != nil {
		return nil, err
	}
	fc, err := p.f.Predict(context.Background(), targetFrame(targets), PredictOptions{Levels: etf.QuantileLevels[:]})
	if err != nil {
		return nil, err
	}
	points := make([]etf.ForecastPoint, len(targets))
	for i, target := range targets {
		points[i] = etf.ForecastPoint{Horizon: i + 1, Target: target, Mean: fc.Mean[i]}
		for k := range etf.QuantileLevels {
			points[i].Quantiles[k] = fc.Quantiles[k][i]
		}
	}
	return points, forecast.Check(points)
}

// Components implements forecast.Decomposer: "trend" is a price, and each other part the logarithm of the factor it
// puts on the trend, so that the median forecast is trend * exp(additive_terms + residual).
func (p *pipelineFit) Components(targets []etf.Session) (map[string][]float64, error) {
	fc, err := p.f.Predict(context.Background(), targetFrame(targets), PredictOptions{NoIntervals: true})
	if err != nil {
		return nil, err
	}
	out := map[string][]float64{"trend": fc.Trend}
	for _, c := range fc.Components {
		if c.Name != "multiplicative_terms" { // there are none on the logarithmic scale
			out[c.Name] = c.Value
		}
	}
	return out, nil
}

// Diagnostics implements forecast.Fitted.
func (p *pipelineFit) Diagnostics() map[string]string {
	r := p.f.Report()
	d := map[string]string{
		"status":        "ok",
		"fit":           r.Status,
		"optimizer":     string(r.Optimizer),
		"iterations":    strconv.Itoa(r.Iterations),
		"log_posterior": sprint(r.LogPosterior),
		"gradient":      sprint(r.Gradient),
		"rows":          strconv.Itoa(r.Rows),
		"from":          p.from.String(),
		"sigma":         sprint(p.f.s.Params.SigmaObs[0] * p.f.s.YScale),
		"changepoints":  strconv.Itoa(len(p.f.s.Changepoints)),
		"phi":           sprint(p.f.residual.Phi),
		"innovation":    sprint(p.f.residual.Innovation * p.f.s.YScale),
	}
	if !r.Converged {
		d["status"] = r.Status
	}
	return d
}

// storedFit is the fit as it is stored: all that predicting needs, without the history.
type storedFit struct {
	Format            int           `json:"format"`
	Model             string        `json:"model"`
	Origin            etf.Session   `json:"origin"`
	From              etf.Session   `json:"from"`
	Gap               float64       `json:"gap"`
	Options           Options       `json:"options"`
	YMin              float64       `json:"y_min"`
	YScale            float64       `json:"y_scale"`
	Start             Stamp         `json:"start"`   // microseconds since 1970-01-01
	TScale            Stamp         `json:"t_scale"` // microseconds
	Seasonalities     []Seasonality `json:"seasonalities"`
	TrainHolidayNames []string      `json:"train_holiday_names"`
	Changepoints      []Stamp       `json:"changepoints"` // microseconds since 1970-01-01
	ChangepointsT     []float64     `json:"changepoints_t"`
	Params            storedParams  `json:"params"`
	Residual          residual      `json:"residual"`
	Report            Report        `json:"report"`
}

type storedParams struct {
	K     []float64   `json:"k"`
	M     []float64   `json:"m"`
	Sigma []float64   `json:"sigma_obs"`
	Delta [][]float64 `json:"delta"`
	Beta  [][]float64 `json:"beta"`
}

// storedFormat is the version of the serialised fit; a change of storedFit's fields raises it.
const storedFormat = 1

// MarshalBinary implements forecast.Fitted: JSON, floats in the shortest text that reads back exactly.
func (p *pipelineFit) MarshalBinary() ([]byte, error) {
	s := &p.f.s
	b, err := json.Marshal(storedFit{
		Format: storedFormat, Model: Name, Origin: p.origin, From: p.from, Gap: p.f.gap, Options: s.Options,
		YMin: s.YMin, YScale: s.YScale, Start: s.Start, TScale: s.TScale, Seasonalities: s.Seasonalities,
		TrainHolidayNames: s.TrainHolidayNames, Changepoints: s.Changepoints, ChangepointsT: s.ChangepointsT,
		Params: storedParams{s.Params.K, s.Params.M, s.Params.SigmaObs, s.Params.Delta, s.Params.Beta}, Residual: p.f.residual, Report: s.Report,
	})
	return b, etf.Wrap(etf.KindInternal, err, "writing a prophet fit")
}

// Restore implements forecast.Model.
func (p *Pipeline) Restore(blob []byte) (forecast.Fitted, error) {
	var v storedFit
	if err := json.Unmarshal(blob, &v); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored prophet fit")
	}
	if v.Format != storedFormat || v.Model != Name {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("a stored fit of model %q, format %d, where prophet writes format %d", v.Model, v.Format, storedFormat), Remedy: "fit again"}
	}
	var f *Fitted
	var err error
	if e := v.Residual; v.Gap > 0 && e.Phi >= 0 && e.Phi <= maxPhi && e.Innovation >= 0 {
		f, err = assemble(State{
			Options: v.Options, YMin: v.YMin, YScale: v.YScale, Start: v.Start, TScale: v.TScale, Seasonalities: v.Seasonalities,
			TrainHolidayNames: v.TrainHolidayNames, Changepoints: v.Changepoints, ChangepointsT: v.ChangepointsT,
			Params: Params{K: v.Params.K, M: v.Params.M, SigmaObs: v.Params.Sigma, Delta: v.Params.Delta, Beta: v.Params.Beta}, Report: v.Report,
		})
	} else {
		err = corrupt("gap", sprint(v.Gap)+", or residual, is out of range")
	}
	if err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored prophet fit is damaged")
	}
	f.gap, f.residual = v.Gap, v.Residual
	return &pipelineFit{f: f, origin: v.Origin, from: v.From}, nil
}
