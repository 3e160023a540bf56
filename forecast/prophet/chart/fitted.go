package chart

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// leastChange is the mean rate change, on scaled time and scaled y, from which a changepoint is drawn: the original's
// threshold.
const leastChange = 0.01

// ForecastOf returns the data of Forecast for a model and one of its forecasts. With changepoints it includes the trend
// and those changepoints whose rate change, averaged over draws, is 0.01 or more either way.
func ForecastOf(f *prophet.Fitted, fc *prophet.Forecast, changepoints bool) ForecastData {
	h := f.HistoryFrame()
	d := ForecastData{
		DS: fc.DS, Yhat: fc.Yhat, Lower: fc.YhatLower, Upper: fc.YhatUpper, Cap: fc.Cap, Floor: fc.Floor,
		HistoryDS: h.DS, HistoryY: h.Y,
	}
	if !changepoints {
		return d
	}
	d.Trend = fc.Trend
	s := f.State()
	for j, at := range s.Changepoints {
		var sum float64
		for _, delta := range s.Params.Delta {
			sum += delta[j]
		}
		if math.Abs(sum) >= leastChange*float64(s.Params.Draws()) {
			d.Changepoints = append(d.Changepoints, at)
		}
	}
	return d
}

// PanelOptions set where a week and a year begin: days after Sunday and after January 1.
type PanelOptions struct {
	WeeklyStart, YearlyStart int
}

// PanelsOf returns the data of Components for a model and one of its forecasts, in the original's order: trend,
// holidays, weekly, yearly, the other seasonalities by name, the sums of additive and of multiplicative regressors; last,
// with Market.ResidualAR1, the residual component. Components that the model lacks are left out.
//
// Seasonalities are drawn over one period, with every condition true: a period of 7 days as seven days if the history
// has daily rows, one of 365.25 days as the 365 days of 2017, others in 200 steps from 2017-01-01. A market model's
// seasonalities have gaps on weekdays with hardly any rows in the history.
func PanelsOf(ctx context.Context, f *prophet.Fitted, fc *prophet.Forecast, o PanelOptions) ([]Panel, error) {
	s := f.State()
	log := s.Options.Market.LogScale
	out := []Panel{{Name: "trend", Over: OverTime, DS: fc.DS, Value: fc.Trend, Lower: fc.TrendLower, Upper: fc.TrendUpper, Cap: fc.Cap, Floor: fc.Floor}}
	overTime := func(name string) {
		if c := fc.Component(name); c != nil {
			out = append(out, componentPanel(*c, OverTime, fc.DS, log))
		}
	}
	if s.TrainHolidayNames != nil {
		overTime("holidays")
	}
	var names []string
	for _, name := range []string{"weekly", "yearly"} {
		if slices.ContainsFunc(s.Seasonalities, func(g prophet.Seasonality) bool { return g.Name == name }) {
			names = append(names, name)
		}
	}
	first := len(names)
	for _, g := range s.Seasonalities {
		if g.Name != "weekly" && g.Name != "yearly" {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names[first:])
	for _, name := range names {
		g := s.Seasonalities[slices.IndexFunc(s.Seasonalities, func(g prophet.Seasonality) bool { return g.Name == name })]
		p, err := seasonalPanel(ctx, f, &s, g, fc.YhatLower != nil, o)
		if err != nil {
			return nil, err
		}
		if p != nil {
			out = append(out, *p)
		}
	}
	for _, mode := range []prophet.Mode{prophet.Additive, prophet.Multiplicative} {
		if slices.ContainsFunc(s.Regressors, func(r prophet.FittedRegressor) bool { return r.Mode == mode }) {
			overTime("extra_regressors_" + string(mode))
		}
	}
	overTime("residual")
	return out, nil
}

// componentPanel makes a panel from a component. Logarithms of factors become fractions: exp(v) - 1.
func componentPanel(c prophet.Component, over Axis, ds []prophet.Stamp, log bool) Panel {
	p := Panel{Name: c.Name, Over: over, DS: ds, Value: c.Value, Lower: c.Lower, Upper: c.Upper, Percent: log || c.Mode == prophet.Multiplicative}
	if log {
		p.Value, p.Lower, p.Upper = fractions(c.Value), fractions(c.Lower), fractions(c.Upper)
	}
	return p
}

func fractions(x []float64) []float64 {
	if x == nil {
		return nil
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Expm1(v)
	}
	return out
}

// seasonalPanel returns the panel of a seasonality, nil if the forecast has no such component.
func seasonalPanel(ctx context.Context, f *prophet.Fitted, s *prophet.State, g prophet.Seasonality, band bool, o PanelOptions) (*Panel, error) {
	const (
		steps       = 200
		weekPeriod  = 7
		yearPeriod  = 365.25
		daysOfAYear = 365
	)
	start := prophet.DateOf(2017, time.January, 1) // a Sunday
	over, n, step := OverPeriod, steps, g.Period*float64(prophet.Day)/(steps-1)
	switch weekly := g.Name == "weekly" || g.Period == weekPeriod; {
	case weekly && leastGap(s.History.DS) == prophet.Day:
		over, n, step = OverWeekdays, 7, float64(prophet.Day)
		start += prophet.Stamp(o.WeeklyStart) * prophet.Day
	case g.Name == "yearly" || g.Period == yearPeriod:
		over, n, step = OverYear, daysOfAYear, float64(prophet.Day)
		start += prophet.Stamp(o.YearlyStart) * prophet.Day
	case weekly && g.Period == weekPeriod:
		over = OverWeek
		start += prophet.Stamp(o.WeeklyStart) * prophet.Day
	}
	ds := make([]prophet.Stamp, n)
	for i := range ds {
		ds[i] = start + prophet.Stamp(math.Round(float64(i)*step))
	}
	fc, err := f.Predict(ctx, seasonalFrame(s, ds), prophet.PredictOptions{NoIntervals: !band, Samples: 1})
	if err != nil {
		return nil, err
	}
	c := fc.Component(g.Name)
	if c == nil {
		return nil, nil
	}
	p := componentPanel(*c, over, fc.DS, s.Options.Market.LogScale)
	if m := s.Options.Market; over == OverWeekdays && (m.WeekdayBasis || m.Exchange != "") {
		p.Unobserved = unobserved(s.History.DS, fc.DS)
	}
	return &p, nil
}

// seasonalFrame returns the rows at which to evaluate a model's seasonalities: conditions are true, and columns they do
// not depend on are as in the last row of the history.
func seasonalFrame(s *prophet.State, ds []prophet.Stamp) *prophet.Frame {
	h, last := &s.History, len(s.History.DS)-1
	constant := func(v float64) []float64 { return slices.Repeat([]float64{v}, len(ds)) }
	out := &prophet.Frame{DS: ds, Columns: map[string][]float64{}}
	if h.Cap != nil {
		out.Cap = constant(h.Cap[last])
	}
	if h.Floor != nil {
		out.Floor = constant(h.Floor[last])
	}
	for _, r := range s.Regressors {
		out.Columns[r.Name] = constant(r.Mu)
	}
	for _, g := range s.Seasonalities {
		if g.ConditionName != "" {
			out.Columns[g.ConditionName] = constant(1)
		}
	}
	return out
}

// leastGap returns the smallest distance between different stamps, 0 if there is none.
func leastGap(ds []prophet.Stamp) prophet.Stamp {
	var least prophet.Stamp
	for i := 1; i < len(ds); i++ {
		if gap := ds[i] - ds[i-1]; gap > 0 && (least == 0 || gap < least) {
			least = gap
		}
	}
	return least
}

// unobserved marks the days whose weekday has less than 1 % of the history's rows, as package prophet's weekday basis
// counts them: one make-up session on a Saturday does not make Saturday a trading day. nil if there is no such day.
func unobserved(history, days []prophet.Stamp) []bool {
	var rows [7]int
	for _, s := range history {
		rows[s.Weekday()]++
	}
	out := make([]bool, len(days))
	for i, s := range days {
		out[i] = 100*rows[s.Weekday()] < len(history)
	}
	if !slices.Contains(out, true) {
		return nil
	}
	return out
}
