package activities

import (
	"context"
	"fmt"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/quality"
)

// Forecasting fits models and appends their forecasts.
type Forecasting struct {
	Store       Forecasts
	Models      []Model // fitted in this order; the first is the benchmark
	CodeVersion string  // of the running program, part of a forecast's identity
	Now         func() time.Time
	// Fits is a semaphore: its capacity limits how many models are fitted at once, over all activities. Nil means no limit.
	Fits chan struct{}
	// ModelFailed is called with the name of each model that gave no forecast, the benchmark included, once per attempt of
	// the activity; for metrics. May be nil.
	ModelFailed func(model string)
	// Scoring scores forecasts that are issued after their first target's open. May be nil.
	Scoring *Scoring
}

// ForecastInput asks for the forecasts of one ETF from one origin.
type ForecastInput struct {
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"` // the origin
	Run      etf.RunID    `json:"run"`
}

// ForecastResult summarises what was done.
type ForecastResult struct {
	// Appended counts the forecasts stored for this run, whichever attempt appended them: an attempt whose result was
	// lost has appended forecasts that its successor finds.
	Appended int `json:"appended"`
	Found    int `json:"found,omitempty"` // issued by an earlier run from the same data with the same code
	// Skipped names the models for which the ETF has not traded long enough yet.
	Skipped []string `json:"skipped,omitempty"`
	// Failed says why each of these models gave no forecast, clipped. The benchmark is never among them: without it there
	// is no result. A retry would fail again.
	Failed  []string `json:"failed,omitempty"`
	Attempt int32    `json:"attempt,omitempty"`
}

// maxLostRaces is how often one attempt reads the history again because somebody else changed the data.
const maxLostRaces = 5

// fullHistory is a limit that no history reaches: more than a century of sessions.
const fullHistory = 40_000

// Forecast fits every model to the split-adjusted closes known now, up to and including the session, and appends
// the forecasts in one transaction, each with the model's components and its fit. If the session's close is held, the series
// ends at the last believed one, and the forecasts, whose origin is still the session, say so (etf.Forecast.Held). A forecast is identified by its inputs,
// so a repeat on unchanged data appends nothing. A model that needs a longer history than the ETF has is skipped (Skipped).
// Progress is the number of models fitted.
//
// A model that fails does not affect the other models. It is a function of its input and would fail again, so the failure
// is reported (Failed) and not retried. Only the benchmark's failure fails the activity, after the other models have run.
// If the store is unavailable, the whole activity is retried.
func (a *Forecasting) Forecast(ctx context.Context, in ForecastInput) (ForecastResult, error) {
	for race := 0; ; race++ {
		r, err := a.issueAll(ctx, in)
		if etf.KindOf(err) == etf.KindConflict && race < maxLostRaces {
			continue
		}
		a.reportFailures(r.models)
		if err == nil {
			err = r.benchmark
		}
		r.Attempt = activity.GetInfo(ctx).Attempt
		return r.ForecastResult, err
	}
}

func (a *Forecasting) reportFailures(models []string) {
	for _, model := range models {
		if a.ModelFailed != nil {
			a.ModelFailed(model)
		}
	}
}

// tally collects the results of running every model on one data version.
type tally struct {
	ForecastResult
	models    []string // that gave no forecast, the benchmark among them
	benchmark error    // why the benchmark gave none
}

// issueAll reads the history once, fits every model to it and appends the forecasts, all on one data version. A model's
// failure is in the tally, not in the error.
func (a *Forecasting) issueAll(ctx context.Context, in ForecastInput) (tally, error) {
	var r tally
	data, err := a.read(ctx, in)
	if err != nil {
		return r, err
	}
	failures := make([]error, len(a.Models))
	var fitted []etf.Forecast
	var of []int // the index of each forecast's model
	for i, m := range a.Models {
		if rows := len(data.series.Close); rows < m.MinRows() {
			r.Skipped = append(r.Skipped, fmt.Sprintf("%s: %d of %d sessions", m.Name(), rows, m.MinRows()))
		} else if f, err := a.fit(ctx, in, m, data); err == nil {
			fitted, of = append(fitted, f), append(of, i)
		} else if ctx.Err() != nil {
			return r, ctx.Err()
		} else {
			failures[i] = err
		}
		Progress(ctx, i+1)
	}
	appended, err := a.Store.AppendForecasts(ctx, fitted)
	if err != nil {
		return r, err
	}
	if err := a.Scoring.scoreLate(ctx, in, a.Now()); err != nil {
		return r, err
	}
	for k, result := range appended {
		switch {
		case result.Refused != nil:
			failures[of[k]] = result.Refused // the model gave a forecast that can't be stored
		case result.New, result.Forecast.Run == in.Run:
			r.Appended++
		default:
			r.Found++
		}
	}
	for i, err := range failures {
		if err == nil {
			continue
		}
		name := a.Models[i].Name()
		err = fmt.Errorf("model %s: %w", name, err)
		activity.GetLogger(ctx).Warn("model gave no forecast", "model", name, "symbol", in.Symbol, "session", in.Session, "error", err)
		r.fail(name, err, i == 0)
	}
	return r, nil
}

// modelInput is what the models are fitted to and asked to predict.
type modelInput struct {
	history etf.History
	series  forecast.Series
	// targets are the sessions after the series. The first held of them are not after the origin, whose price is held: they
	// are predicted on the way to the others, but are no part of the forecast.
	targets []etf.Session
	held    int
}

// read builds the models' input from what is known now.
func (a *Forecasting) read(ctx context.Context, in ForecastInput) (modelInput, error) {
	cal, err := calendar.For(in.Exchange)
	if err != nil {
		return modelInput{}, err
	}
	history, err := a.Store.History(ctx, in.Symbol, in.Session, a.historyLimit())
	if err != nil {
		return modelInput{}, err
	}
	bars := history.Bars
	held, err := skipped(cal, in, history)
	if err != nil {
		return modelInput{}, err
	}
	targets, err := forecast.Targets(cal, bars[len(bars)-1].Session, held+etf.MaxHorizon)
	if err != nil {
		return modelInput{}, err
	}
	adjusted, err := quality.Adjust(bars, history.Splits, in.Session)
	if err != nil {
		// A contradiction in the stored data is not a lost race: reading again would find it again.
		if etf.KindOf(err) == etf.KindConflict {
			err = etf.Wrap(etf.KindCorrupt, err, "stored rows contradict each other")
		}
		return modelInput{}, fmt.Errorf("adjusting the prices of %s: %w", in.Symbol, err)
	}
	series, err := forecast.NewSeries(cal, in.Symbol, in.Exchange, adjusted)
	if err != nil {
		return modelInput{}, fmt.Errorf("the series of %s: %w", in.Symbol, err)
	}
	return modelInput{history, series, targets, held}, nil
}

// skipped is how many sessions before the origin the history ends: 0 unless the origin's price is held.
func skipped(cal *calendar.Calendar, in ForecastInput, h etf.History) (int, error) {
	n := len(h.Bars)
	switch {
	case n > 0 && h.Bars[n-1].Session == in.Session:
		return 0, nil
	case !h.Held:
		return 0, etf.NotFound("session", fmt.Sprintf("%s has no usable price on %s", in.Symbol, in.Session),
			"decide on that session's findings, then run it again")
	case n == 0:
		return 0, etf.NotFound("session", fmt.Sprintf("the price of %s on %s is held, and no earlier one is believed", in.Symbol, in.Session),
			"wait for the next session, or decide on that session's findings (`etfcast finding list`)")
	}
	last := h.Bars[n-1].Session
	held := cal.Count(etf.Window{From: last + 1, To: in.Session})
	if held < 1 || held > etf.MaxHeld {
		return 0, etf.NotFound("session", fmt.Sprintf("the price of %s on %s is held, and the last believed one is of %s, %d sessions before",
			in.Symbol, in.Session, last, held), "decide on the findings of the sessions between (`etfcast finding list`), then run the session again")
	}
	return held, nil
}

// fail records a model that gave no forecast.
func (r *tally) fail(model string, why error, benchmark bool) {
	r.models = append(r.models, model)
	if benchmark {
		r.benchmark = why
		return
	}
	r.Failed = append(r.Failed, etf.Clip(why.Error(), errorText))
}

// fit makes one model's forecast, after waiting for its turn (Fits). A model that panics has failed.
func (a *Forecasting) fit(ctx context.Context, in ForecastInput, m Model, data modelInput) (f etf.Forecast, err error) {
	release, err := a.acquireFit(ctx)
	if err != nil {
		return etf.Forecast{}, err
	}
	defer release()
	defer func() {
		if r := recover(); r != nil {
			activity.GetLogger(ctx).Error("model panicked", "model", m.Name(), "symbol", in.Symbol, "panic", r, "stack", string(debug.Stack()))
			err = &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("forecasting %s panicked: %v", in.Symbol, r)}
		}
	}()
	seed := forecast.Seed(in.Symbol, m.Name(), in.Session)
	fitted, err := m.Fit(ctx, data.series, seed, nil)
	if err != nil {
		return etf.Forecast{}, fmt.Errorf("fitting %s: %w", in.Symbol, err)
	}
	points, err := fitted.Predict(data.targets)
	if err != nil {
		return etf.Forecast{}, fmt.Errorf("predicting %s: %w", in.Symbol, err)
	}
	points = slices.Clone(points[data.held:])
	for i := range points {
		points[i].Horizon = i + 1
	}
	if err := forecast.Check(points); err != nil {
		return etf.Forecast{}, fmt.Errorf("checking the forecast of %s: %w", in.Symbol, err)
	}
	parts, err := components(fitted, data.targets)
	if err != nil {
		return etf.Forecast{}, fmt.Errorf("decomposing the forecast of %s: %w", in.Symbol, err)
	}
	for name := range parts {
		parts[name] = parts[name][data.held:]
	}
	blob, err := fitted.MarshalBinary()
	if err != nil {
		return etf.Forecast{}, fmt.Errorf("writing the fit of %s: %w", in.Symbol, err)
	}
	f = etf.Forecast{
		Symbol: in.Symbol, Model: m.Name(), Origin: in.Session, DataVersion: data.history.DataVersion, Basis: basisFitted(data.history),
		Params: m.Params(), ParamsHash: forecast.ParamsHash(m.Params()), Seed: seed, CodeVersion: a.CodeVersion,
		Diagnostics: fitted.Diagnostics(), Run: in.Run, AsOf: data.history.AsOf, IssuedAt: a.Now(), Points: points,
		Components: parts, Fit: blob, Held: data.held,
	}
	f.ID = forecast.ID(f)
	return f, nil
}

// components returns the components of a model that has any, after checking that each has one finite value per target.
func components(fitted forecast.Fitted, targets []etf.Session) (map[string][]float64, error) {
	d, ok := fitted.(forecast.Decomposer)
	if !ok {
		return nil, nil
	}
	parts, err := d.Components(targets)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		bad := func(format string, args ...any) error {
			return &etf.Error{Kind: etf.KindInternal, Field: "components[" + strconv.Quote(name) + "]",
				Message: fmt.Sprintf(format, args...), Remedy: "report it as a bug in the model"}
		}
		if len(parts[name]) != len(targets) {
			return nil, bad("%d values for %d horizons", len(parts[name]), len(targets))
		}
		for i, v := range parts[name] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, bad("%v at horizon %d", v, i+1)
			}
		}
	}
	return parts, nil
}

// acquireFit waits until one more model may be fitted (Fits). The caller must call release.
func (a *Forecasting) acquireFit(ctx context.Context) (release func(), err error) {
	if a.Fits == nil {
		return func() {}, nil
	}
	select {
	case a.Fits <- struct{}{}:
		return func() { <-a.Fits }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// basisFitted is the basis of the prices quality.Adjust returns: as-traded prices become split-adjusted, others stay.
func basisFitted(h etf.History) etf.Basis {
	if basis := h.Bars[0].Basis; basis != etf.AsTraded {
		return basis
	}
	return etf.SplitAdjusted
}

// historyLimit is the largest number of rows any model uses.
func (a *Forecasting) historyLimit() int {
	limit := 0
	for _, m := range a.Models {
		n := m.MaxRows()
		if n == 0 {
			return fullHistory
		}
		limit = max(limit, n)
	}
	return max(limit, 1)
}
