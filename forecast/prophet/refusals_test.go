package prophet_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// refusal is an input that must be refused, with the kind of the error and the field it must name.
type refusal struct {
	name  string
	kind  etf.Kind
	field string
	try   func() error
}

func checkRefusals(t *testing.T, list []refusal) {
	t.Helper()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			err := c.try()
			var e *etf.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a refusal of %s", err, c.field)
			}
			if e.Kind != c.kind || e.Field != c.field {
				t.Errorf("kind %s, field %q; want %s, %q (%v)", e.Kind, e.Field, c.kind, c.field, err)
			}
			if e.Message == "" || e.Remedy == "" {
				t.Errorf("message %q, remedy %q; want both", e.Message, e.Remedy)
			}
			if strings.Contains(strings.ToLower(err.Error()), "failed to") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	far, old := prophet.DateOf(2300, 1, 1), prophet.DateOf(1600, 1, 1)
	season := func(s prophet.Seasonality) func(*prophet.Options) {
		return func(o *prophet.Options) {
			if s.Name == "" {
				s.Name = "monthly"
			}
			if s.Period == 0 {
				s.Period = 30
			}
			if s.FourierOrder == 0 {
				s.FourierOrder = 3
			}
			o.Seasonalities = []prophet.Seasonality{s}
		}
	}
	regressor := func(r prophet.Regressor) func(*prophet.Options) {
		return func(o *prophet.Options) { o.Regressors = []prophet.Regressor{r} }
	}
	holiday := func(h prophet.Holiday) func(*prophet.Options) {
		return func(o *prophet.Options) { o.Holidays = []prophet.Holiday{h} }
	}
	var list []refusal
	for _, c := range []struct {
		name, field string
		set         func(*prophet.Options)
	}{
		{"growth", "growth", func(o *prophet.Options) { o.Growth = "cubic" }},
		{"growth empty", "growth", func(o *prophet.Options) { o.Growth = "" }},
		{"seasonality mode", "seasonality_mode", func(o *prophet.Options) { o.SeasonalityMode = "both" }},
		{"holidays mode", "holidays_mode", func(o *prophet.Options) { o.HolidaysMode = "both" }},
		{"scaling", "scaling", func(o *prophet.Options) { o.Scaling = "zscore" }},
		{"optimizer", "optimizer", func(o *prophet.Options) { o.Optimizer = "adam" }},
		{"seasonality prior scale 0", "seasonality_prior_scale", func(o *prophet.Options) { o.SeasonalityPriorScale = 0 }},
		{"seasonality prior scale NaN", "seasonality_prior_scale", func(o *prophet.Options) { o.SeasonalityPriorScale = nan }},
		{"holidays prior scale below 0", "holidays_prior_scale", func(o *prophet.Options) { o.HolidaysPriorScale = -1 }},
		{"changepoint prior scale infinite", "changepoint_prior_scale", func(o *prophet.Options) { o.ChangepointPriorScale = inf }},
		{"changepoint range above 1", "changepoint_range", func(o *prophet.Options) { o.ChangepointRange = 1.01 }},
		{"interval width 0", "interval_width", func(o *prophet.Options) { o.IntervalWidth = 0 }},
		{"interval width 1", "interval_width", func(o *prophet.Options) { o.IntervalWidth = 1 }},
		{"interval width NaN", "interval_width", func(o *prophet.Options) { o.IntervalWidth = nan }},
		{"n_changepoints", "n_changepoints", func(o *prophet.Options) { o.NChangepoints = -1 }},
		{"n_changepoints beyond use", "n_changepoints", func(o *prophet.Options) { o.NChangepoints = 1 << 40 }},
		{"mcmc samples", "mcmc_samples", func(o *prophet.Options) { o.MCMCSamples = -5 }},
		{"one mcmc sample", "mcmc_samples", func(o *prophet.Options) { o.MCMCSamples = 1 }},
		{"mcmc samples beyond use", "mcmc_samples", func(o *prophet.Options) { o.MCMCSamples = 2_000_000 }},
		{"uncertainty samples", "uncertainty_samples", func(o *prophet.Options) { o.UncertaintySamples = -1 }},
		{"uncertainty samples beyond use", "uncertainty_samples", func(o *prophet.Options) { o.UncertaintySamples = 2_000_000 }},
		{"yearly", "yearly_seasonality", func(o *prophet.Options) { o.YearlySeasonality = -3 }},
		{"weekly", "weekly_seasonality", func(o *prophet.Options) { o.WeeklySeasonality = 1001 }},
		{"daily", "daily_seasonality", func(o *prophet.Options) { o.DailySeasonality = -100 }},

		{"seasonality without a name", "seasonalities[0].name", func(o *prophet.Options) { o.Seasonalities = []prophet.Seasonality{{Period: 1, FourierOrder: 1}} }},
		{"seasonality with a delimiter", "seasonalities[0].name", season(prophet.Seasonality{Name: "a_delim_b"})},
		{"seasonality called trend_lower", "seasonalities[0].name", season(prophet.Seasonality{Name: "trend_lower"})},
		{"seasonality called cap", "seasonalities[0].name", season(prophet.Seasonality{Name: "cap"})},
		{"two seasonalities with one name", "seasonalities[1].name", func(o *prophet.Options) {
			season(prophet.Seasonality{})(o)
			o.Seasonalities = append(o.Seasonalities, o.Seasonalities[0])
		}},
		{"seasonality called like a regressor", "seasonalities[0].name", func(o *prophet.Options) {
			season(prophet.Seasonality{Name: "x"})(o)
			regressor(prophet.Regressor{Name: "x"})(o)
		}},
		{"period below 0", "seasonalities[0].period", season(prophet.Seasonality{Period: -7})},
		{"period NaN", "seasonalities[0].period", season(prophet.Seasonality{Period: nan})},
		{"period infinite", "seasonalities[0].period", season(prophet.Seasonality{Period: inf})},
		{"order below 1", "seasonalities[0].fourier_order", season(prophet.Seasonality{FourierOrder: -1})},
		{"order beyond use", "seasonalities[0].fourier_order", season(prophet.Seasonality{FourierOrder: 1001})},
		{"seasonality's prior scale", "seasonalities[0].prior_scale", season(prophet.Seasonality{PriorScale: -1})},
		{"seasonality's mode", "seasonalities[0].mode", season(prophet.Seasonality{Mode: "none"})},
		{"condition called y", "seasonalities[0].condition_name", season(prophet.Seasonality{ConditionName: "y"})},
		{"condition called weekly", "seasonalities[0].condition_name", season(prophet.Seasonality{ConditionName: "weekly"})},
		{"condition called like its seasonality", "seasonalities[0].condition_name", season(prophet.Seasonality{ConditionName: "monthly"})},

		{"regressor without a name", "regressors[0].name", regressor(prophet.Regressor{})},
		{"regressor called floor", "regressors[0].name", regressor(prophet.Regressor{Name: "floor"})},
		{"regressor called yhat_upper", "regressors[0].name", regressor(prophet.Regressor{Name: "yhat_upper"})},
		{"two regressors with one name", "regressors[1].name", func(o *prophet.Options) { o.Regressors = []prophet.Regressor{{Name: "x"}, {Name: "x"}} }},
		{"regressor called like a holiday", "regressors[0].name", func(o *prophet.Options) {
			holiday(prophet.Holiday{Name: "x"})(o)
			regressor(prophet.Regressor{Name: "x"})(o)
		}},
		{"regressor called like a public holiday", "regressors[0].name", func(o *prophet.Options) {
			o.CountryHolidays = "US"
			regressor(prophet.Regressor{Name: "Labor Day"})(o)
		}},
		{"regressor called like a closure's effect", "regressors[0].name", func(o *prophet.Options) {
			o.Market = prophet.Market{Exchange: "XNYS", SessionHolidays: true}
			regressor(prophet.Regressor{Name: "after_closure"})(o)
		}},
		{"regressor's prior scale", "regressors[0].prior_scale", regressor(prophet.Regressor{Name: "x", PriorScale: inf})},
		{"regressor's mode", "regressors[0].mode", regressor(prophet.Regressor{Name: "x", Mode: "none"})},
		{"standardize", "regressors[0].standardize", regressor(prophet.Regressor{Name: "x", Standardize: "yes"})},

		{"holiday without a name", "holidays[0].holiday", holiday(prophet.Holiday{})},
		{"holiday with a delimiter", "holidays[0].holiday", holiday(prophet.Holiday{Name: "x_delim_"})},
		{"holiday called holidays", "holidays[0].holiday", holiday(prophet.Holiday{Name: "holidays"})},
		{"holiday called like a seasonality", "seasonalities[0].name", func(o *prophet.Options) {
			season(prophet.Seasonality{Name: "monthly"})(o)
			holiday(prophet.Holiday{Name: "monthly"})(o)
		}},
		{"holiday called like a regressor", "regressors[0].name", func(o *prophet.Options) {
			holiday(prophet.Holiday{Name: "x"})(o)
			regressor(prophet.Regressor{Name: "x"})(o)
		}},
		{"holiday too early", "holidays[0].ds", holiday(prophet.Holiday{Name: "x", DS: old})},
		{"holiday too late", "holidays[0].ds", holiday(prophet.Holiday{Name: "x", DS: far})},
		{"lower window above 0", "holidays[0].lower_window", holiday(prophet.Holiday{Name: "x", LowerWindow: 1})},
		{"lower window beyond use", "holidays[0].lower_window", holiday(prophet.Holiday{Name: "x", LowerWindow: -367})},
		{"upper window below 0", "holidays[0].upper_window", holiday(prophet.Holiday{Name: "x", UpperWindow: -1})},
		{"upper window beyond use", "holidays[0].upper_window", holiday(prophet.Holiday{Name: "x", UpperWindow: 367})},
		{"holiday's prior scale", "holidays[0].prior_scale", holiday(prophet.Holiday{Name: "x", PriorScale: -2})},
		{"prior scales that differ", "holidays[1].prior_scale", func(o *prophet.Options) {
			o.Holidays = []prophet.Holiday{{Name: "x"}, {Name: "x", PriorScale: 3}}
		}},
		{"unknown country", "country_holidays", func(o *prophet.Options) { o.CountryHolidays = "XX" }},
	} {
		list = append(list, refusal{c.name, etf.KindInvalid, c.field, func() error {
			o := prophet.Defaults()
			c.set(&o)
			_, err := prophet.New(o)
			return err
		}})
	}
	checkRefusals(t, list)
}

func TestHistoryRefused(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	good := with(with(with(wave(11, 30), "x", func(i int) float64 { return float64(i) }), "cap", constant(100)), "on", func(i int) float64 { return float64(i % 2) })
	logistic := func(o *prophet.Options) { o.Growth = prophet.Logistic }
	regressor := func(o *prophet.Options) { o.Regressors = []prophet.Regressor{{Name: "x"}} }
	condition := func(o *prophet.Options) {
		o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30, FourierOrder: 1, ConditionName: "on"}}
	}
	at := func(row int, v float64) func(int) float64 {
		return func(i int) float64 {
			if i == row {
				return v
			}
			return float64(i % 2)
		}
	}
	var list []refusal
	for _, c := range []struct {
		name, field string
		set         func(*prophet.Options)
		frame       func() *prophet.Frame
	}{
		{"no history", "ds", nil, func() *prophet.Frame { return nil }},
		{"no rows", "ds", nil, func() *prophet.Frame { return &prophet.Frame{} }},
		{"no y", "y", nil, func() *prophet.Frame { return daily(0, 3) }},
		{"y too short", "y", nil, func() *prophet.Frame { f := daily(0, 3); f.Y = []float64{1, 2}; return f }},
		{"a column too long", "x", nil, func() *prophet.Frame {
			f := good.Rows([]int{0, 1, 2})
			f.Columns["x"] = append(f.Columns["x"], 1)
			return f
		}},
		{"cap too short", "cap", nil, func() *prophet.Frame { f := good.Rows([]int{0, 1, 2}); f.Cap = f.Cap[:1]; return f }},
		{"a date too early", "ds[1]", nil, func() *prophet.Frame {
			f := good.Rows([]int{0, 1, 2})
			f.DS[1] = prophet.DateOf(1600, 1, 1)
			return f
		}},
		{"a date too late", "ds[2]", nil, func() *prophet.Frame {
			f := good.Rows([]int{0, 1, 2})
			f.DS[2] = prophet.DateOf(2262, 1, 1)
			return f
		}},
		{"infinite y", "y[4]", nil, func() *prophet.Frame { return with(good, "y", at(4, -inf)) }},
		{"no value", "y", nil, func() *prophet.Frame { return with(good, "y", constant(nan)) }},
		{"one value", "y", nil, func() *prophet.Frame {
			return with(good, "y", func(i int) float64 {
				if i == 3 {
					return 1
				}
				return nan
			})
		}},
		{"one date", "ds", nil, func() *prophet.Frame { return good.Rows([]int{3, 3, 3}) }},
		{"no scale", "y", nil, func() *prophet.Frame {
			return with(good, "y", func(i int) float64 { return float64(i%2) * math.SmallestNonzeroFloat64 })
		}},
		{"a range beyond bounds", "y", func(o *prophet.Options) { o.Scaling = prophet.MinMax }, func() *prophet.Frame {
			return with(good, "y", func(i int) float64 { return float64(i%2*2-1) * math.MaxFloat64 })
		}},
		{"logistic without cap", "cap", logistic, func() *prophet.Frame { f := good.Rows(rangeTo(30)); f.Cap = nil; return f }},
		{"cap missing in a row", "cap[5]", logistic, func() *prophet.Frame { return with(good, "cap", at(5, nan)) }},
		{"floor missing in a row", "floor[6]", logistic, func() *prophet.Frame { return with(good, "floor", at(6, nan)) }},
		{"floor infinite", "floor[6]", logistic, func() *prophet.Frame { return with(good, "floor", at(6, inf)) }},
		{"cap not above the floor", "cap[0]", logistic, func() *prophet.Frame { return with(good, "floor", constant(100)) }},
		{"no regressor", "x", regressor, func() *prophet.Frame { return wave(11, 30) }},
		{"regressor missing in a row", "x[7]", regressor, func() *prophet.Frame { return with(good, "x", at(7, nan)) }},
		{"regressor infinite", "x[7]", regressor, func() *prophet.Frame { return with(good, "x", at(7, inf)) }},
		{"regressor beyond bounds", "x", regressor, func() *prophet.Frame { return with(good, "x", at(7, math.MaxFloat64)) }},
		{"no condition", "on", condition, func() *prophet.Frame { return wave(11, 30) }},
		{"condition missing in a row", "on[8]", condition, func() *prophet.Frame { return with(good, "on", at(8, nan)) }},
		{"condition of 2", "on[9]", condition, func() *prophet.Frame { return with(good, "on", at(9, 2)) }},
		{"changepoint before the history", "changepoints[1]", func(o *prophet.Options) {
			o.Changepoints = []prophet.Stamp{good.DS[3], good.DS[0] - prophet.Day}
		}, func() *prophet.Frame { return good }},
		{"changepoint after the history", "changepoints[0]", func(o *prophet.Options) {
			o.Changepoints = []prophet.Stamp{good.DS[29] + 1}
		}, func() *prophet.Frame { return good }},
	} {
		list = append(list, refusal{c.name, etf.KindInvalid, c.field, func() error {
			o := prophet.Defaults()
			if c.set != nil {
				c.set(&o)
			}
			m, err := prophet.New(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.Fit(t.Context(), c.frame(), prophet.FitOptions{})
			return err
		}})
	}
	checkRefusals(t, list)
}

func TestPredictionRefused(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	o := prophet.Defaults()
	o.Growth = prophet.Logistic
	o.Regressors = []prophet.Regressor{{Name: "x"}}
	o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30, FourierOrder: 1, ConditionName: "on"}}
	data := with(with(with(with(wave(12, 40), "x", func(i int) float64 { return float64(i) }), "cap", constant(100)), "on", func(i int) float64 { return float64(i % 2) }), "floor", constant(1))
	f := fit(t, o, data)
	plain := fit(t, prophet.Defaults(), wave(12, 40))
	certain := fit(t, func() prophet.Options { o := prophet.Defaults(); o.UncertaintySamples = 0; return o }(), wave(12, 40))
	predicting := func(frame *prophet.Frame) func() error {
		return func() error {
			_, err := f.Predict(t.Context(), frame, prophet.PredictOptions{})
			return err
		}
	}
	optioned := func(f *prophet.Fitted, po prophet.PredictOptions) func() error {
		return func() error {
			_, err := f.Predict(t.Context(), daily(prophet.DateOf(2017, 1, 1), 2), po)
			return err
		}
	}
	without := func(drop func(*prophet.Frame)) *prophet.Frame {
		out := data.Rows([]int{0, 1, 2})
		drop(out)
		return out
	}
	checkRefusals(t, []refusal{
		{"no rows", etf.KindInvalid, "ds", predicting(&prophet.Frame{})},
		{"no cap", etf.KindInvalid, "cap", predicting(without(func(f *prophet.Frame) { f.Cap = nil }))},
		{"no floor", etf.KindInvalid, "floor", predicting(without(func(f *prophet.Frame) { f.Floor = nil }))},
		{"no regressor", etf.KindInvalid, "x", predicting(without(func(f *prophet.Frame) { delete(f.Columns, "x") }))},
		{"no condition", etf.KindInvalid, "on", predicting(without(func(f *prophet.Frame) { delete(f.Columns, "on") }))},
		{"regressor missing in a row", etf.KindInvalid, "x[1]", predicting(without(func(f *prophet.Frame) { f.Columns["x"][1] = nan }))},
		{"condition of 0.5", etf.KindInvalid, "on[2]", predicting(without(func(f *prophet.Frame) { f.Columns["on"][2] = 0.5 }))},
		{"cap below the floor", etf.KindInvalid, "cap[1]", predicting(without(func(f *prophet.Frame) { f.Cap[1] = 0.5 }))},
		{"ragged", etf.KindInvalid, "x", predicting(without(func(f *prophet.Frame) { f.Columns["x"] = f.Columns["x"][:2] }))},
		{"date out of range", etf.KindInvalid, "ds[0]", predicting(without(func(f *prophet.Frame) { f.DS[0] = math.MinInt64 }))},
		{"level 0", etf.KindInvalid, "levels[0]", optioned(plain, prophet.PredictOptions{Levels: []float64{0}})},
		{"level 1", etf.KindInvalid, "levels[1]", optioned(plain, prophet.PredictOptions{Levels: []float64{0.5, 1}})},
		{"level NaN", etf.KindInvalid, "levels[0]", optioned(plain, prophet.PredictOptions{Levels: []float64{nan}})},
		{"levels not ascending", etf.KindInvalid, "levels[1]", optioned(plain, prophet.PredictOptions{Levels: []float64{0.5, 0.5}})},
		{"samples below 0", etf.KindInvalid, "samples", optioned(plain, prophet.PredictOptions{Samples: -1})},
		{"quantiles without intervals", etf.KindInvalid, "levels", optioned(plain, prophet.PredictOptions{NoIntervals: true, Levels: []float64{0.5}})},
		{"quantiles of a model without samples", etf.KindInvalid, "levels", optioned(certain, prophet.PredictOptions{Levels: []float64{0.5}})},
		{"paths of a model without samples", etf.KindInvalid, "uncertainty_samples", func() error {
			_, err := certain.PredictiveSamples(t.Context(), nil, prophet.PredictOptions{})
			return err
		}},
		{"a forecast beyond bounds", etf.KindInternal, "yhat_lower[0]", func() error {
			o := prophet.Defaults()
			o.Regressors = []prophet.Regressor{{Name: "x"}}
			f := fit(t, o, with(data, "x", func(i int) float64 { return float64(i) / 1000 }))
			_, err := f.Predict(t.Context(), &prophet.Frame{DS: data.DS[:1], Columns: map[string][]float64{"x": {math.MaxFloat64}}}, prophet.PredictOptions{})
			return err
		}},
	})
}

func TestFutureRefused(t *testing.T) {
	t.Parallel()
	f := fit(t, prophet.Defaults(), wave(13, 30))
	parsing := func(text string) func() error {
		return func() error { _, err := prophet.ParseFreq(text); return err }
	}
	making := func(f *prophet.Fitted, periods int, freq string, history bool) func() error {
		return func() error {
			q, err := prophet.ParseFreq(freq)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.MakeFuture(periods, q, history)
			return err
		}
	}
	// Fibonacci numbers as days: no frequency.
	uneven := &prophet.Frame{DS: dates("2020-01-01", "2020-01-02", "2020-01-04", "2020-01-07", "2020-01-12", "2020-01-20"), Y: []float64{1, 2, 3, 4, 3, 2}}
	two := &prophet.Frame{DS: dates("2020-01-01", "2020-01-02"), Y: []float64{1, 2}}
	late := &prophet.Frame{DS: dates("2261-12-29", "2261-12-30", "2261-12-31"), Y: []float64{1, 2, 1}}
	checkRefusals(t, []refusal{
		{"not a frequency", etf.KindInvalid, "freq", parsing("fortnight")},
		{"lower-case month end", etf.KindInvalid, "freq", parsing("me")},
		{"business hours", etf.KindInvalid, "freq", parsing("bh")},
		{"a sum with months", etf.KindInvalid, "freq", parsing("1MS2D")},
		{"half a week", etf.KindInvalid, "freq", parsing("0.5W")},
		{"below a microsecond", etf.KindInvalid, "freq", parsing("1ns")},
		{"a session's exchange with an escape", etf.KindInvalid, "freq", parsing("session:\x1b[2J")},
		{"a multiple of 0", etf.KindInvalid, "freq", parsing("0D")},
		{"a multiple beyond bounds", etf.KindInvalid, "freq", parsing("99999999999999999999D")},
		{"a number alone", etf.KindInvalid, "freq", parsing("5")},
		{"an unknown weekday", etf.KindInvalid, "freq", parsing("W-FOO")},
		{"a weekday alone", etf.KindInvalid, "freq", parsing("MON")},
		{"an exchange without a calendar", etf.KindInvalid, "freq", parsing("session:XPAR")},
		{"no periods", etf.KindInvalid, "periods", making(f, 0, "D", false)},
		{"periods below 0", etf.KindInvalid, "periods", making(f, -1, "D", true)},
		{"periods beyond use", etf.KindInvalid, "periods", making(f, 100_001, "D", false)},
		{"beyond the last date", etf.KindInvalid, "periods", making(fit(t, prophet.Defaults(), late), 1, "D", false)},
		{"beyond the last date, by years", etf.KindInvalid, "periods", making(f, 1000, "YE", false)},
		{"no frequency in uneven dates", etf.KindInvalid, "freq", making(fit(t, prophet.Defaults(), uneven), 1, "", false)},
		{"no frequency in two rows", etf.KindInvalid, "freq", making(fit(t, prophet.Defaults(), two), 1, "", false)},
	})
	if got, err := f.MakeFuture(0, prophet.Freq{}, true); err != nil || got.Len() != 30 {
		t.Errorf("no periods after the history: %v, want the history", err)
	}
}

// Frequencies inferred from the last five dates. The next dates are from pandas 3.0 (infer_freq and date_range on the same
// dates).
func TestInferredFrequency(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ds   []prophet.Stamp
		want prophet.Stamp
	}{
		{"daily", dates("2020-01-01", "2020-01-02", "2020-01-03"), prophet.DateOf(2020, 1, 4)},
		{"Monday to Friday", dates("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"), prophet.DateOf(2020, 1, 8)},
		{"weekly", dates("2020-01-01", "2020-01-08", "2020-01-15"), prophet.DateOf(2020, 1, 22)},
		{"month starts", dates("2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01"), prophet.DateOf(2020, 5, 1)},
		{"month ends", dates("2020-01-31", "2020-02-29", "2020-03-31"), prophet.DateOf(2020, 4, 30)},
		{"quarter starts", dates("2020-01-01", "2020-04-01", "2020-07-01"), prophet.DateOf(2020, 10, 1)},
		{"three month starts, 31 days apart", dates("2020-07-01", "2020-08-01", "2020-09-01"), prophet.DateOf(2020, 10, 1)},
		{"year ends", dates("2019-12-31", "2020-12-31", "2021-12-31"), prophet.DateOf(2022, 12, 31)},
		{"every 5 minutes", dates("2020-01-01 00:00", "2020-01-01 00:05", "2020-01-01 00:10"), prophet.DateOf(2020, 1, 1) + 15*prophet.Minute},
		{"every 3 days", dates("2020-01-01", "2020-01-04", "2020-01-07"), prophet.DateOf(2020, 1, 10)},
	} {
		frame := &prophet.Frame{DS: c.ds}
		for i := range c.ds {
			frame.Y = append(frame.Y, float64(i%2))
		}
		if got := future(t, fit(t, prophet.Defaults(), frame), 1, "", false).DS[0]; got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestStateRefused(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	data := with(with(with(wave(14, 60), "x", func(i int) float64 { return float64(i) }), "cap", constant(100)), "on", func(i int) float64 { return float64(i % 2) })
	o := prophet.Defaults()
	o.Growth, o.NChangepoints = prophet.Logistic, 3
	o.Regressors = []prophet.Regressor{{Name: "x"}}
	o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30, FourierOrder: 1, ConditionName: "on"}}
	o.Holidays = []prophet.Holiday{{Name: "day", DS: data.DS[3]}}
	f := fit(t, o, data)
	var list []refusal
	for _, c := range []struct {
		name, field string
		kind        etf.Kind
		set         func(*prophet.State)
	}{
		{"an option", "growth", etf.KindInvalid, func(s *prophet.State) { s.Options.Growth = "cubic" }},
		{"y_min NaN", "y_min", etf.KindCorrupt, func(s *prophet.State) { s.YMin = nan }},
		{"y_scale 0", "y_scale", etf.KindCorrupt, func(s *prophet.State) { s.YScale = 0 }},
		{"y_scale infinite", "y_scale", etf.KindCorrupt, func(s *prophet.State) { s.YScale = inf }},
		{"t_scale 0", "t_scale", etf.KindCorrupt, func(s *prophet.State) { s.TScale = 0 }},
		{"start too early", "start", etf.KindCorrupt, func(s *prophet.State) { s.Start = math.MinInt64 }},
		{"t_scale beyond bounds", "start", etf.KindCorrupt, func(s *prophet.State) { s.TScale = math.MaxInt64 }},
		{"no rows", "history", etf.KindCorrupt, func(s *prophet.State) { s.History = prophet.History{} }},
		{"changepoint out of range", "changepoints[1]", etf.KindCorrupt, func(s *prophet.State) { s.Changepoints[1] = math.MaxInt64 }},
		{"changepoints out of order", "changepoints", etf.KindCorrupt, func(s *prophet.State) {
			s.Changepoints[0], s.Changepoints[1] = s.Changepoints[1], s.Changepoints[0]
		}},
		{"another scaled time", "changepoints_t", etf.KindCorrupt, func(s *prophet.State) { s.ChangepointsT[2] += 0.01 }},
		{"history ragged", "history", etf.KindCorrupt, func(s *prophet.State) { s.History.Y = s.History.Y[:3] }},
		{"history not sorted", "history", etf.KindCorrupt, func(s *prophet.State) {
			s.History.DS[0], s.History.DS[1] = s.History.DS[1], s.History.DS[0]
		}},
		{"a period of 0", "seasonalities[1]", etf.KindCorrupt, func(s *prophet.State) { s.Seasonalities[1].Period = 0 }},
		{"an order of 0", "seasonalities[0]", etf.KindCorrupt, func(s *prophet.State) { s.Seasonalities[0].FourierOrder = 0 }},
		{"a seasonality's mode", "seasonalities[0]", etf.KindCorrupt, func(s *prophet.State) { s.Seasonalities[0].Mode = "" }},
		{"two seasonalities with one name", "seasonalities[1]", etf.KindCorrupt, func(s *prophet.State) { s.Seasonalities[1].Name = s.Seasonalities[0].Name }},
		{"a standard deviation of 0", "extra_regressors[0]", etf.KindCorrupt, func(s *prophet.State) { s.Regressors[0].Std = 0 }},
		{"a mean of NaN", "extra_regressors[0]", etf.KindCorrupt, func(s *prophet.State) { s.Regressors[0].Mu = nan }},
		{"a regressor called like a seasonality", "extra_regressors[0]", etf.KindCorrupt, func(s *prophet.State) { s.Regressors[0].Name = "monthly" }},
		{"another number of columns", "train_component_cols", etf.KindCorrupt, func(s *prophet.State) { s.Columns++ }},
		{"no draws", "params", etf.KindCorrupt, func(s *prophet.State) { s.Params = prophet.Params{} }},
		{"another number of draws", "params", etf.KindCorrupt, func(s *prophet.State) { s.Params.M = append(s.Params.M, 1) }},
		{"k NaN", "params.k", etf.KindCorrupt, func(s *prophet.State) { s.Params.K[0] = nan }},
		{"m infinite", "params.m", etf.KindCorrupt, func(s *prophet.State) { s.Params.M[0] = inf }},
		{"sigma NaN", "params.sigma_obs", etf.KindCorrupt, func(s *prophet.State) { s.Params.SigmaObs[0] = nan }},
		{"sigma below 0", "params.sigma_obs", etf.KindCorrupt, func(s *prophet.State) { s.Params.SigmaObs[0] = -1 }},
		{"too few rate changes", "params.delta", etf.KindCorrupt, func(s *prophet.State) { s.Params.Delta[0] = s.Params.Delta[0][:2] }},
		{"a coefficient NaN", "params.beta", etf.KindCorrupt, func(s *prophet.State) { s.Params.Beta[0][3] = nan }},
		{"too many coefficients", "params.beta", etf.KindCorrupt, func(s *prophet.State) { s.Params.Beta[0] = append(s.Params.Beta[0], 1) }},
		{"no y", "history", etf.KindCorrupt, func(s *prophet.State) { s.History.Y = nil }},
		{"no cap", "history", etf.KindCorrupt, func(s *prophet.State) { s.History.Cap = nil }},
		{"no regressor", "history", etf.KindCorrupt, func(s *prophet.State) { delete(s.History.Columns, "x") }},
		{"no condition", "history", etf.KindCorrupt, func(s *prophet.State) { delete(s.History.Columns, "on") }},
		{"y NaN", "history[5]", etf.KindCorrupt, func(s *prophet.State) { s.History.Y[5] = nan }},
		{"cap infinite", "history[6]", etf.KindCorrupt, func(s *prophet.State) { s.History.Cap[6] = inf }},
	} {
		list = append(list, refusal{c.name, c.kind, c.field, func() error {
			s := copyState(f.State())
			c.set(&s)
			_, err := prophet.FromState(s)
			return err
		}})
	}
	checkRefusals(t, list)
	if _, err := prophet.FromState(copyState(f.State())); err != nil {
		t.Errorf("the unchanged state: %v", err)
	}
}

// copyState copies everything the tests change.
func copyState(s prophet.State) prophet.State {
	floats := func(x []float64) []float64 { return append([]float64(nil), x...) }
	stamps := func(x []prophet.Stamp) []prophet.Stamp { return append([]prophet.Stamp(nil), x...) }
	s.Seasonalities = append([]prophet.Seasonality(nil), s.Seasonalities...)
	s.Regressors = append([]prophet.FittedRegressor(nil), s.Regressors...)
	s.Changepoints, s.ChangepointsT, s.HistoryDates = stamps(s.Changepoints), floats(s.ChangepointsT), stamps(s.HistoryDates)
	h := s.History
	columns := map[string][]float64{}
	for name, x := range h.Columns {
		columns[name] = floats(x)
	}
	frame := prophet.Frame{DS: stamps(h.DS), Y: floats(h.Y), Cap: floats(h.Cap), Columns: columns}
	if h.Floor != nil {
		frame.Floor = floats(h.Floor)
	}
	s.History = prophet.History{Frame: frame, T: floats(h.T), YScaled: floats(h.YScaled), CapScaled: floats(h.CapScaled)}
	p := s.Params
	s.Params = prophet.Params{K: floats(p.K), M: floats(p.M), SigmaObs: floats(p.SigmaObs)}
	for d := range p.Delta {
		s.Params.Delta = append(s.Params.Delta, floats(p.Delta[d]))
		s.Params.Beta = append(s.Params.Beta, floats(p.Beta[d]))
	}
	return s
}

func TestStampRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "yesterday", "2020-13-01", "2020-02-30", "1500-01-01", "2262-01-01", "2020-01-01T00:00:00Z", "2020-01-01 00:00:00+09:00", "2020-01-01 10:00 +0900", "NaT"} {
		_, err := prophet.ParseStamp(text)
		if text == "" && err == nil {
			t.Error("an empty date is accepted")
			continue
		}
		refused(t, err, "ds")
	}
	for text, want := range map[string]prophet.Stamp{
		"2020-01-02": prophet.DateOf(2020, 1, 2), "20240131": prophet.DateOf(2024, 1, 31), "2020-01-02 03:04:05": prophet.DateOf(2020, 1, 2) + 3*prophet.Hour + 4*prophet.Minute + 5*prophet.Second,
		"2020-01-02T03:04": prophet.DateOf(2020, 1, 2) + 3*prophet.Hour + 4*prophet.Minute, "2020-01-02 00:00:00.25": prophet.DateOf(2020, 1, 2) + 250_000, "1969-12-31": -prophet.Day,
	} {
		got, err := prophet.ParseStamp(text)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
		if again, err := prophet.ParseStamp(got.String()); err != nil || again != got {
			t.Errorf("%v formatted and parsed again is %v, %v", got, again, err)
		}
	}
	before := prophet.Stamp(-1) // 1969-12-31 23:59:59.999999
	if before.Date() != -prophet.Day || before.Weekday() != 3 || (prophet.Day+1).Days() <= 1 {
		t.Errorf("date %v, weekday %v", before.Date(), before.Weekday())
	}
}
