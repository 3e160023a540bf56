package golden

import (
	"context"
	"math"
	"slices"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// Comparison compares our fits of a case with the original's.
type Comparison struct {
	Name string `json:"name"`
	Rows int    `json:"rows"`
	// Range is the largest y minus the smallest, 1 for a constant history.
	Range float64 `json:"range"`

	// Log posteriors: the original's, and ours by optimizer.
	Original float64 `json:"original"`
	MAP      float64 `json:"map"`
	Matching float64 `json:"matching"`
	// The reports of our fits.
	MAPReport      prophet.Report `json:"map_report"`
	MatchingReport prophet.Report `json:"matching_report"`

	// Largest difference of yhat from the original's as a fraction of Range, over the history and over the rows ahead.
	MatchingDiff Diff `json:"matching_diff"`
	MAPDiff      Diff `json:"map_diff"`
	// Spread is the largest difference between the original and itself (File.Spread), 0 if not measured.
	Spread float64 `json:"spread"`
	// SpreadLow and SpreadHigh are how far the original's log posterior goes below and above its own value.
	SpreadLow  float64 `json:"spread_low"`
	SpreadHigh float64 `json:"spread_high"`

	// Mean width of the interval of yhat divided by the original's, over the history and over the rows ahead: given
	// the original's parameters, and for our fits.
	GivenHistory    float64 `json:"given_history"`
	GivenHorizon    float64 `json:"given_horizon"`
	MatchingHistory float64 `json:"matching_history"`
	MatchingHorizon float64 `json:"matching_horizon"`
	MAPHistory      float64 `json:"map_history"`
	MAPHorizon      float64 `json:"map_horizon"`
}

// Diff is the largest difference of yhat, in the history and ahead of it.
type Diff struct {
	History float64 `json:"history"`
	Horizon float64 `json:"horizon"`
}

// Max returns the larger of the two.
func (d Diff) Max() float64 { return max(d.History, d.Horizon) }

// Fits are a case's three models.
type Fits struct {
	Given    *prophet.Fitted // with the original's parameters
	Matching *prophet.Fitted
	MAP      *prophet.Fitted
}

// FitCase fits a case twice, at the maximum and by the original's recipe.
func (f *File) FitCase(ctx context.Context, history *prophet.Frame) (Fits, error) {
	var out Fits
	o, err := f.Options()
	if err != nil {
		return out, err
	}
	fit := func(by prophet.Optimizer) (*prophet.Fitted, error) {
		o.Optimizer = by
		m, err := prophet.New(o)
		if err != nil {
			return nil, err
		}
		return m.Fit(ctx, history, prophet.FitOptions{})
	}
	if out.Matching, err = fit(o.Optimizer); err != nil {
		return out, err
	}
	if out.MAP, err = fit(prophet.MAP); err != nil {
		return out, err
	}
	out.Given, err = f.WithParams(out.MAP)
	return out, err
}

// Compare measures a case's fits against the original's.
func (f *File) Compare(ctx context.Context, fits Fits) (Comparison, error) {
	history := fits.MAP.State().History
	c := Comparison{
		Name: f.Name, Rows: history.Len(), Range: slices.Max(history.Y) - slices.Min(history.Y),
		Original: f.Fit.LogPosterior, MAP: fits.MAP.Report().LogPosterior, Matching: fits.Matching.Report().LogPosterior,
		MAPReport: fits.MAP.Report(), MatchingReport: fits.Matching.Report(),
	}
	if c.Range == 0 {
		c.Range = 1
	}
	for i, d := range f.Spread.Yhat {
		c.Spread = max(c.Spread, d)
		c.SpreadLow = min(c.SpreadLow, f.Spread.LogPosterior[i])
		c.SpreadHigh = max(c.SpreadHigh, f.Spread.LogPosterior[i])
	}
	rows, err := f.Frame()
	if err != nil {
		return c, err
	}
	last := history.DS[history.Len()-1]
	ahead := rows.Where(func(s prophet.Stamp) bool { return s > last })
	want, err := curve(ctx, fits.Given, ahead)
	if err != nil {
		return c, err
	}
	for _, part := range []struct {
		fitted           *prophet.Fitted
		diff             *Diff
		history, horizon *float64
	}{
		{fits.Given, new(Diff), &c.GivenHistory, &c.GivenHorizon},
		{fits.Matching, &c.MatchingDiff, &c.MatchingHistory, &c.MatchingHorizon},
		{fits.MAP, &c.MAPDiff, &c.MAPHistory, &c.MAPHorizon},
	} {
		got, err := curve(ctx, part.fitted, ahead)
		if err != nil {
			return c, err
		}
		for i := range got {
			d := math.Abs(got[i]-want[i]) / c.Range
			if i < history.Len() {
				part.diff.History = max(part.diff.History, d)
			} else {
				part.diff.Horizon = max(part.diff.Horizon, d)
			}
		}
		if *part.history, err = width(ctx, part.fitted, nil, f.IntervalWidth.Runs); err != nil {
			return c, err
		}
		if *part.horizon, err = width(ctx, part.fitted, ahead, f.IntervalWidth.Runs); err != nil {
			return c, err
		}
		*part.history = ratio(*part.history, f.IntervalWidth.History)
		*part.horizon = ratio(*part.horizon, f.IntervalWidth.Horizon)
	}
	return c, nil
}

// ratio is 1 for two intervals of zero width.
func ratio(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}

// curve returns yhat over the history and the rows ahead.
func curve(ctx context.Context, fitted *prophet.Fitted, ahead *prophet.Frame) ([]float64, error) {
	var out []float64
	for _, frame := range []*prophet.Frame{nil, ahead} {
		fc, err := fitted.Predict(ctx, frame, prophet.PredictOptions{NoIntervals: true})
		if err != nil {
			return nil, err
		}
		out = append(out, fc.Yhat...)
	}
	return out, nil
}

// width returns the mean width of the interval of yhat, averaged over seeds like the original's.
func width(ctx context.Context, fitted *prophet.Fitted, frame *prophet.Frame, runs int) (float64, error) {
	var sum float64
	rows := 0
	for run := range runs {
		seed := uint64(run)
		fc, err := fitted.Predict(ctx, frame, prophet.PredictOptions{Seed: &seed, NoTrendIntervals: true})
		if err != nil {
			return 0, err
		}
		rows = len(fc.DS)
		for i := range fc.DS {
			sum += fc.YhatUpper[i] - fc.YhatLower[i]
		}
	}
	return sum / float64(runs*rows), nil
}
