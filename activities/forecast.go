package activities

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/quality"
)

// Forecasting fits models and appends what they say.
type Forecasting struct {
	Store       Forecasts
	Models      []Model // fitted in this order
	CodeVersion string  // of the running program, part of a forecast's identity
	Now         func() time.Time
	// Fits bounds by its capacity how many models are fitted at once, over all activities; nil means no bound.
	Fits chan struct{}
}

// ForecastInput asks for the forecasts of one ETF from one origin.
type ForecastInput struct {
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"` // the origin
	Run      string       `json:"run"`
}

// ForecastResult sums up what was done.
type ForecastResult struct {
	Appended int `json:"appended"`
	Found    int `json:"found,omitempty"` // issued before from the same data, by the same code
	// Skipped names the models for which the ETF has not traded long enough yet.
	Skipped []string `json:"skipped,omitempty"`
	Attempt int32    `json:"attempt,omitempty"`
}

// lostRaces is how often the history is read anew within one attempt after somebody else changed the data.
const lostRaces = 5

// everything is the limit that loads a whole history: more than a century of sessions.
const everything = 40_000

// Forecast fits every model to the split-adjusted closes known now, up to and including the session, and appends
// the forecasts. A forecast is identified by what made it, so a repeat on unchanged data appends nothing. An ETF too
// young for a model is left to it: Skipped. Heartbeats carry the number of models done.
func (a *Forecasting) Forecast(ctx context.Context, in ForecastInput) (ForecastResult, error) {
	cal, err := calendar.For(in.Exchange)
	if err != nil {
		return ForecastResult{}, fail(ctx, err)
	}
	targets, err := forecast.Targets(cal, in.Session, etf.MaxHorizon)
	if err != nil {
		return ForecastResult{}, fail(ctx, err)
	}
	var done atomic.Int32
	stop := beat(ctx, heartbeatEvery, func() any { return done.Load() })
	defer stop()
	result := ForecastResult{Attempt: activity.GetInfo(ctx).Attempt}
	for race := 0; ; race++ {
		result.Appended, result.Found, result.Skipped = 0, 0, nil
		done.Store(0)
		err = a.issueAll(ctx, in, cal, targets, &result, &done)
		if etf.KindOf(err) != etf.KindConflict || err == nil || race == lostRaces {
			return result, fail(ctx, err)
		}
	}
}

// issueAll reads the history once and issues every model's forecast from it, all on one data version.
func (a *Forecasting) issueAll(ctx context.Context, in ForecastInput, cal *calendar.Calendar, targets []etf.Session, result *ForecastResult, done *atomic.Int32) error {
	history, err := a.Store.History(ctx, in.Symbol, in.Session, a.historyLimit())
	if err != nil {
		return err
	}
	bars := history.Bars
	if len(bars) == 0 || bars[len(bars)-1].Session != in.Session {
		return etf.NotFound("session", fmt.Sprintf("%s has no usable price on %s", in.Symbol, in.Session),
			"decide on the findings of that session, then run it again")
	}
	adjusted, err := quality.Adjust(bars, history.Splits, in.Session)
	if err != nil {
		// A conflict within what is stored is not a lost race: reading again would find it again.
		if etf.KindOf(err) == etf.KindConflict {
			err = etf.Wrap(etf.KindCorrupt, err, "stored rows contradict each other")
		}
		return fmt.Errorf("adjusting the prices of %s: %w", in.Symbol, err)
	}
	series, err := forecast.NewSeries(cal, in.Symbol, in.Exchange, adjusted)
	if err != nil {
		return fmt.Errorf("the series of %s: %w", in.Symbol, err)
	}
	for _, m := range a.Models {
		if len(series.Close) < m.MinRows() {
			result.Skipped = append(result.Skipped, fmt.Sprintf("%s: %d of %d sessions", m.Name(), len(series.Close), m.MinRows()))
			done.Add(1)
			continue
		}
		f, err := a.issue(ctx, in, m, series, history, targets)
		if err != nil {
			return err
		}
		_, appended, err := a.Store.AppendForecast(ctx, f)
		if err != nil {
			return err
		}
		if appended {
			result.Appended++
		} else {
			result.Found++
		}
		done.Add(1)
	}
	return nil
}

func (a *Forecasting) issue(ctx context.Context, in ForecastInput, m Model, series forecast.Series, history etf.History, targets []etf.Session) (etf.Forecast, error) {
	seed := forecast.Seed(in.Symbol, m.Name(), in.Session)
	fitted, err := a.fit(ctx, m, series, seed)
	if err != nil {
		return etf.Forecast{}, fmt.Errorf("fitting %s to %s: %w", m.Name(), in.Symbol, err)
	}
	points, err := fitted.Predict(targets)
	if err != nil {
		return etf.Forecast{}, fmt.Errorf("predicting %s with %s: %w", in.Symbol, m.Name(), err)
	}
	if err := forecast.Check(points); err != nil {
		return etf.Forecast{}, fmt.Errorf("checking the %s forecast of %s: %w", m.Name(), in.Symbol, err)
	}
	f := etf.Forecast{
		Symbol: in.Symbol, Model: m.Name(), Origin: in.Session, DataVersion: history.DataVersion, Basis: basisFitted(history),
		Params: m.Params(), ParamsHash: forecast.ParamsHash(m.Params()), Seed: seed, CodeVersion: a.CodeVersion,
		Diagnostics: fitted.Diagnostics(), Run: in.Run, AsOf: history.AsOf, IssuedAt: a.Now(), Points: points,
	}
	f.ID = forecast.ID(f)
	return f, nil
}

// fit waits until fewer models are being fitted than may be, and fits one.
func (a *Forecasting) fit(ctx context.Context, m Model, series forecast.Series, seed uint64) (forecast.Fitted, error) {
	if a.Fits != nil {
		select {
		case a.Fits <- struct{}{}:
			defer func() { <-a.Fits }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return m.Fit(ctx, series, seed, nil)
}

// basisFitted is the basis of what quality.Adjust gives: prices as traded become split-adjusted, others stay.
func basisFitted(h etf.History) etf.Basis {
	if basis := h.Bars[0].Basis; basis != etf.AsTraded {
		return basis
	}
	return etf.SplitAdjusted
}

// historyLimit is the most rows any model looks at.
func (a *Forecasting) historyLimit() int {
	limit := 0
	for _, m := range a.Models {
		n := m.MaxRows()
		if n == 0 {
			return everything
		}
		limit = max(limit, n)
	}
	return max(limit, 1)
}
