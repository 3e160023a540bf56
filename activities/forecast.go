package activities

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/issue"
)

// Forecasting fits models and appends their forecasts.
type Forecasting struct {
	Store       Forecasts
	Models      []Model // fitted in this order; the first is the benchmark
	CodeVersion string  // of the running program, part of a forecast's identity
	Build       etf.Build
	Now         func() time.Time
	// Fits is a semaphore: its capacity limits how many models are fitted at once, over all activities. Nil means no limit.
	Fits *Places
	// ModelFailed is called with the name of each model that gave no forecast, the benchmark included, once per attempt of
	// the activity; for metrics. May be nil.
	ModelFailed func(model string)
	// Scoring scores forecasts that are issued after their first target's open. May be nil.
	Scoring *Scoring

	assessments assessments
}

// ForecastInput asks for the forecasts of one ETF from one origin.
type ForecastInput struct {
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"` // the origin
	Run      etf.RunID    `json:"run"`
	// Assessment is the hash of the origin's assessment. If it is empty, the one that is stored for the origin is used, if any.
	Assessment string `json:"assessment,omitempty"`
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
	// Calibrated counts the forecasts with calibrated intervals.
	Calibrated int `json:"calibrated,omitempty"`
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
	by, err := a.assessment(ctx, in)
	if err != nil {
		return r, err
	}
	failures := make([]error, len(a.Models))
	var made []etf.Forecast
	var of []int // the index of each forecast's model
	fits := map[string]forecast.Fitted{}
	for i, m := range a.Models {
		c, composite := m.(forecast.Composite)
		if composite {
			if m = combined(c, fits, by.body.Weights); m == nil {
				r.Skipped = append(r.Skipped, fmt.Sprintf("%s: %d of its models have a forecast", c.Name(), len(fits)))
				continue
			}
		} else if rows := len(data.Series.Close); rows < m.MinRows() {
			r.Skipped = append(r.Skipped, fmt.Sprintf("%s: %d of %d sessions", m.Name(), rows, m.MinRows()))
			continue
		}
		f, fitted, err := a.fit(ctx, in, m, data, fits, by)
		switch {
		case err == nil:
			made, of = append(made, f), append(of, i)
			if len(f.Raw) > 0 {
				r.Calibrated++
			}
			if !composite {
				fits[m.Name()] = fitted
			}
		case ctx.Err() != nil:
			return r, ctx.Err()
		default:
			failures[i] = err
		}
		Progress(ctx, i+1)
	}
	appended, err := a.Store.AppendForecasts(ctx, made)
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

// modelInput is what the models are fitted to, and which data it comes from.
type modelInput struct {
	issue.Input
	version etf.DataVersion
	asOf    time.Time
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
	input, err := issue.Prepare(cal, in.Symbol, in.Exchange, in.Session, history)
	return modelInput{input, history.DataVersion, history.AsOf}, err
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

// fit fits one model, or combines fits, while holding a place in Fits, and makes its forecast, calibrated: the benchmark's too, so that nobody
// is better than it for being calibrated.
func (a *Forecasting) fit(ctx context.Context, in ForecastInput, m Model, data modelInput, fits map[string]forecast.Fitted, by usable) (f etf.Forecast, fitted forecast.Fitted, err error) {
	release, err := a.acquireFit(ctx)
	if err != nil {
		return etf.Forecast{}, nil, err
	}
	defer release()
	defer func() {
		if r := recover(); r != nil {
			activity.GetLogger(ctx).Error("model panicked", "model", m.Name(), "symbol", in.Symbol, "panic", r, "stack", string(debug.Stack()))
			err = &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("forecasting %s panicked: %v", in.Symbol, r)}
		}
	}()
	seed := forecast.Seed(in.Symbol, m.Name(), in.Session)
	if c, ok := m.(forecast.Composite); ok {
		list := make([]forecast.Fitted, len(c.Members()))
		for i, member := range c.Members() {
			list[i] = fits[member.Name()]
		}
		fitted, err = c.Combine(list)
	} else {
		fitted, err = issue.Fit(ctx, m, data.Input, seed)
	}
	if err != nil {
		return etf.Forecast{}, nil, err
	}
	made, err := issue.Finish(m, fitted, data.Input)
	if err != nil {
		return etf.Forecast{}, nil, err
	}
	params := m.Params()
	if by.state != nil {
		made, params = calibrated(ctx, made, data.Input, m, by)
	}
	if params, err = issue.DatedParams(params, data.Series.CalendarVersion); err != nil {
		return etf.Forecast{}, nil, err
	}
	f = etf.Forecast{
		Symbol: in.Symbol, Model: m.Name(), Origin: in.Session, DataVersion: data.version, Basis: data.Basis,
		Params: params, ParamsHash: forecast.ParamsHash(params), Seed: seed, CodeVersion: a.CodeVersion,
		Diagnostics: made.Diagnostics, Run: in.Run, AsOf: data.asOf, IssuedAt: a.Now(), Points: made.Points, Tails: made.Tails,
		Components: made.Components, Fit: made.Fit, Held: data.Held, ClosesHash: made.ClosesHash, Scale: made.Scale, Build: a.Build,
		Volatility: made.Volatility, Raw: made.Raw,
	}
	f.ID = forecast.ID(f)
	return f, fitted, nil
}

// calibrated returns the forecast with calibrated intervals, and the parameters that say so; as it is if there is nothing to go by yet. A
// calibration that can't be used does not cost the forecast.
func calibrated(ctx context.Context, made issue.Made, in issue.Input, m Model, by usable) (issue.Made, string) {
	out, applied, err := issue.Calibrate(made, in, m.Name(), by.state)
	params := m.Params()
	if err == nil && applied {
		params, err = issue.CalibratedParams(params, by.hash)
	}
	if err != nil {
		activity.GetLogger(ctx).Error("forecast not calibrated", "model", m.Name(), "symbol", in.Symbol, "assessment", by.hash, "error", err)
		return made, m.Params()
	}
	return out, params
}

// assessment returns the assessment of the origin, zero if there is none. A damaged one is logged, and the forecasts are made without it.
func (a *Forecasting) assessment(ctx context.Context, in ForecastInput) (usable, error) {
	hash := in.Assessment
	if hash == "" {
		var err error
		if hash, err = a.Store.AssessmentHash(ctx, in.Exchange, in.Session); err != nil || hash == "" {
			return usable{}, err
		}
	}
	by, err := a.assessments.get(ctx, a.Store, hash)
	if etf.KindOf(err) == etf.KindCorrupt && err != nil {
		activity.GetLogger(ctx).Error("forecasts without an assessment: it is damaged", "symbol", in.Symbol, "session", in.Session, "assessment", hash, "error", err)
		return usable{}, nil
	}
	return by, err
}

// combined returns the combination of those of its members that have a fit, weighted by the record, equally before there is one; nil of fewer
// than two.
func combined(c forecast.Composite, fits map[string]forecast.Fitted, weights map[int]map[string]float64) Model {
	set := combination.Settings{Horizons: slices.Sorted(maps.Keys(weights))}
	for _, m := range c.Members() {
		if fits[m.Name()] == nil {
			continue
		}
		member := combination.Member{Model: m, Weights: make([]float64, len(set.Horizons))}
		for k, h := range set.Horizons {
			member.Weights[k] = weights[h][m.Name()]
		}
		set.Members = append(set.Members, member)
	}
	if len(set.Members) < 2 {
		return nil
	}
	m, err := combination.New(combination.Scaled(set))
	if err != nil {
		return nil // a weight is no number: Make would not have stored it
	}
	return m
}

// acquireFit waits until one more model may be fitted (Fits). The caller must call release.
func (a *Forecasting) acquireFit(ctx context.Context) (release func(), err error) {
	return a.Fits.acquire(ctx, forForecasts)
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
