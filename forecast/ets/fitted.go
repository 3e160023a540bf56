package ets

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// format is the version of the serialised fit; increment it when the fields of fitted change.
const format = 1

// fitted is the fit, with the state at the origin. Levels are log closes, trends log returns per session. Errors are those of log closes, for
// multiplicative models relative to the forecast.
type fitted struct {
	Format int         `json:"format"`
	Model  string      `json:"model"`
	Origin etf.Session `json:"origin"`
	From   etf.Session `json:"from"`
	Last   float64     `json:"last"` // close at the origin

	Shape        string     `json:"shape"` // such as "AAdN"
	Alpha        float64    `json:"alpha"`
	Beta         float64    `json:"beta"`
	Phi          float64    `json:"phi"`
	InitialLevel float64    `json:"initial_level"`
	InitialTrend float64    `json:"initial_trend"`
	Level        float64    `json:"level"`
	Trend        float64    `json:"trend"`
	Unknown      [3]float64 `json:"unknown"` // covariance of level and trend after a gap, in units of an error's variance: ll, lb, bb

	Volatility string  `json:"volatility"`
	Decay      float64 `json:"decay"`
	Floor      float64 `json:"floor"`
	Squares    float64 `json:"squares"`  // weighted sum of squared errors
	Weights    float64 `json:"weights"`  // sum of their weights
	Constant   float64 `json:"constant"` // standard deviation of all errors of the window

	LogLikelihood float64     `json:"log_likelihood"`
	AICc          float64     `json:"aicc"`
	Candidates    []candidate `json:"candidates"`
	Rows          int         `json:"rows"`     // fitted
	Filtered      int         `json:"filtered"` // passed since
	Gaps          int         `json:"gaps"`     // fitted rows after more than one session
}

// candidate is an admissible model and its AICc.
type candidate struct {
	Shape string  `json:"shape"`
	AICc  float64 `json:"aicc"`
}

func (f *fitted) smoothing() smoothing   { return smoothing{f.Alpha, f.Beta, f.Phi} }
func (f *fitted) covariance() covariance { return covariance{f.Unknown[0], f.Unknown[1], f.Unknown[2]} }

// roll advances state and volatility by a row, and returns its squared error over its variance.
func (f *fitted) roll(k shape, y float64, sessions int) float64 {
	x, c, _, e, v := k.observe(f.smoothing(), state{f.Level, f.Trend}, f.covariance(), y, sessions)
	f.Level, f.Trend, f.Unknown = x.level, x.trend, [3]float64{c.ll, c.lb, c.bb}
	square := e * e / v
	f.Squares = f.Decay*f.Squares + square
	f.Weights = f.Decay*f.Weights + 1
	return square
}

// Filter implements forecast.Filterer. The state and the volatility EWMA are rolled forward; parameters, and a constant volatility, stay. A row at
// the fit's origin with another close is refused: the series is not the one that was fitted.
func (f *fitted) Filter(ctx context.Context, s forecast.Series) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at, ok := slices.BinarySearch(s.Sessions, f.Origin)
	if !ok || at >= len(s.Close) {
		return nil, etf.Invalid("sessions", fmt.Sprintf("the series has no row on %s, up to which the model was fitted", f.Origin), "fit the model again")
	}
	if math.Abs(s.Close[at]-f.Last) > 1e-9*f.Last {
		return nil, etf.Invalid("close", fmt.Sprintf("the close on %s is %v, but the model was fitted to %v", f.Origin, s.Close[at], f.Last), "fit the model again")
	}
	added := s.Tail(len(s.Sessions) - at)
	if err := added.Validate(1); err != nil {
		return nil, err
	}
	k, _ := parseShape(f.Shape)
	g := *f
	for i := 1; i < len(added.Close); i++ {
		g.roll(k, math.Log(added.Close[i]), added.Step(i))
		g.Filtered++
	}
	g.Origin, g.Last = s.Origin, added.Close[len(added.Close)-1]
	if err := g.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "the later closes of " + string(s.Symbol) + " have no finite level, trend and volatility", Err: err, Remedy: "fit the model again"}
	}
	return &g, nil
}

// check finds numbers that can't be a fit's.
func (f *fitted) check() error {
	for _, v := range []float64{f.Last, f.Level, f.Trend, f.InitialLevel, f.InitialTrend, f.Squares, f.Constant, f.LogLikelihood, f.AICc, f.Unknown[0], f.Unknown[1], f.Unknown[2]} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("level %v, trend %v, squared errors %v, log likelihood %v, last close %v", f.Level, f.Trend, f.Squares, f.LogLikelihood, f.Last)
		}
	}
	k, ok := parseShape(f.Shape)
	p := f.smoothing()
	switch {
	case !ok:
		return fmt.Errorf("no model is named %q", f.Shape)
	case !(p.alpha >= lowest && p.alpha <= highest), !k.trend && (p.beta != 0 || p.phi != 1 || f.Trend != 0),
		k.trend && !(p.beta >= lowest && p.beta <= p.alpha), k.trend && !k.damped && p.phi != 1, k.damped && !(p.phi >= phiLow && p.phi <= phiHigh):
		return fmt.Errorf("%s with alpha %v, beta %v, phi %v, trend %v", f.Shape, p.alpha, p.beta, p.phi, f.Trend)
	case f.Volatility != EWMA && f.Volatility != Constant, !(f.Decay > 0 && f.Decay < 1), !(f.Floor > 0 && f.Floor < 1):
		return fmt.Errorf("volatility %q, decay %v, floor %v", f.Volatility, f.Decay, f.Floor)
	case f.Last <= 0, f.Squares < 0, !(f.Weights >= 1), f.Constant < 0, f.Unknown[0] < 0, f.Unknown[2] < 0, f.Rows < 1, f.Filtered < 0, f.Gaps < 0, f.Origin <= f.From:
		return fmt.Errorf("last close %v, squared errors %v of weight %v, constant %v, rows %d and %d, origin %s", f.Last, f.Squares, f.Weights, f.Constant, f.Rows, f.Filtered, f.Origin)
	case k.relative && !(f.Level > 0):
		return fmt.Errorf("%s with level %v", f.Shape, f.Level)
	}
	return nil
}

// Restore implements forecast.Model.
func (m *Model) Restore(blob []byte) (forecast.Fitted, error) {
	f := new(fitted)
	if err := json.Unmarshal(blob, f); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored ets fit")
	}
	if f.Format != format || f.Model != Name {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the stored fit is of model %q, format %d, but ets reads format %d", f.Model, f.Format, format), Remedy: "fit the model again"}
	}
	if err := f.check(); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored ets fit is damaged")
	}
	return f, nil
}

// MarshalBinary implements forecast.Fitted. It writes JSON, floats as the shortest text that reads back exactly.
func (f *fitted) MarshalBinary() ([]byte, error) {
	b, err := json.Marshal(f)
	return b, etf.Wrap(etf.KindInternal, err, "writing an ets fit")
}

// sigma is the standard deviation of the next error, and whether it was raised to the floor.
func (f *fitted) sigma() (float64, bool) {
	sigma := f.Constant
	if f.Volatility == EWMA {
		sigma = math.Sqrt(f.Squares / f.Weights)
	}
	floor := f.Floor
	if k, _ := parseShape(f.Shape); k.relative {
		floor /= f.Level
	}
	return max(sigma, floor), sigma < floor
}

// moments are the mean and standard deviation of the log closes of h sessions.
func (f *fitted) moments(h int) (means, deviations []float64) {
	k, _ := parseShape(f.Shape)
	sigma, _ := f.sigma()
	means, deviations = k.moments(f.smoothing(), state{f.Level, f.Trend}, f.covariance(), sigma*sigma, h)
	for i, v := range deviations {
		deviations[i] = math.Sqrt(v)
	}
	return means, deviations
}

// normalQuantiles are the standard normal quantiles at etf.QuantileLevels, symmetric so that the median is
// exactly exp of the mean log price.
var normalQuantiles = func() (z [7]float64) {
	for i, p := range etf.QuantileLevels {
		if i < len(z)/2 {
			z[i] = distuv.UnitNormal.Quantile(p)
			z[len(z)-1-i] = -z[i]
		}
	}
	return z
}()

// normalTail is the standard normal quantile at the upper of etf.TailLevels; the lower is its negative.
var normalTail = -distuv.UnitNormal.Quantile(etf.TailLevels[0])

// Predict implements forecast.Fitted.
func (f *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	if err := forecast.CheckTargets(f.Origin, targets); err != nil {
		return nil, err
	}
	points := make([]etf.ForecastPoint, len(targets))
	means, deviations := f.moments(len(targets))
	for i, target := range targets {
		sd := deviations[i]
		points[i] = etf.ForecastPoint{Horizon: i + 1, Target: target, Mean: math.Exp(means[i] + sd*sd/2)}
		for k, z := range normalQuantiles {
			points[i].Quantiles[k] = math.Exp(means[i] + z*sd)
		}
	}
	if err := forecast.Check(points); err != nil {
		return nil, fmt.Errorf("ets forecast of model %s: %w", f.Shape, err)
	}
	return points, nil
}

// Tails implements forecast.TailForecaster.
func (f *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	if err := forecast.CheckTargets(f.Origin, targets); err != nil {
		return nil, err
	}
	tails := make([][2]float64, len(targets))
	means, deviations := f.moments(len(targets))
	for i := range targets {
		tails[i] = [2]float64{math.Exp(means[i] - normalTail*deviations[i]), math.Exp(means[i] + normalTail*deviations[i])}
		if !(tails[i][0] > 0) || math.IsInf(tails[i][1], 1) {
			return nil, &etf.Error{Kind: etf.KindInternal, Field: fmt.Sprintf("tails[%d]", i),
				Message: fmt.Sprintf("ets forecast of model %s: tails %v and %v", f.Shape, tails[i][0], tails[i][1])}
		}
	}
	return tails, nil
}

// Diagnostics implements forecast.Fitted.
func (f *fitted) Diagnostics() map[string]string {
	sigma, floored := f.sigma()
	d := map[string]string{
		"status":         "ok",
		"rows":           strconv.Itoa(f.Rows),
		"from":           f.From.String(),
		"gaps":           strconv.Itoa(f.Gaps),
		"model":          f.Shape,
		"alpha":          number(f.Alpha),
		"level":          number(f.Level),
		"sigma":          number(sigma),
		"log_likelihood": number(f.LogLikelihood),
		"aicc":           number(f.AICc),
	}
	k, _ := parseShape(f.Shape)
	if k.trend {
		d["beta"], d["trend"] = number(f.Beta), number(f.Trend)
	}
	if k.damped {
		d["phi"] = number(f.Phi)
	}
	for _, c := range f.Candidates {
		d["aicc_"+c.Shape] = number(c.AICc)
	}
	if f.Filtered > 0 {
		d["filtered"] = strconv.Itoa(f.Filtered)
	}
	if floored {
		d["status"] = "sigma raised to the floor: the closes hardly move"
	}
	return d
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
