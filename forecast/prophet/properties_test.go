package prophet_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// wave returns a seeded daily history with a bent trend and a weekly and a yearly wave.
func wave(seed uint64, n int) *prophet.Frame {
	rng := rand.New(rand.NewPCG(seed, 20))
	f := daily(prophet.DateOf(2016, 1, 1), n)
	for i, s := range f.DS {
		x := float64(i)
		f.Y = append(f.Y, 50+0.02*x-0.05*max(0, x-float64(n)/2)+3*math.Sin(2*math.Pi*s.Days()/7)+4*math.Cos(2*math.Pi*s.Days()/365.25)+rng.NormFloat64())
	}
	return f
}

// nearRel compares slices relative to the largest value of want.
func nearRel(t testing.TB, name string, got, want []float64, rel float64) {
	t.Helper()
	var most float64
	for _, v := range want {
		most = max(most, math.Abs(v))
	}
	nearAll(t, name, got, want, rel*most)
}

// A history in another unit gives the same forecast in that unit.
func TestScaleEquivariance(t *testing.T) {
	t.Parallel()
	data := wave(1, 400)
	for _, scaling := range []prophet.Scaling{prophet.AbsMax, prophet.MinMax} {
		for _, mode := range []prophet.Mode{prophet.Additive, prophet.Multiplicative} {
			o := prophet.Defaults()
			o.Scaling, o.SeasonalityMode, o.NChangepoints = scaling, mode, 10
			a := fit(t, o, data)
			for _, c := range []float64{1e-6, 3, 1e9} {
				b := fit(t, o, with(data, "y", func(i int) float64 { return c * data.Y[i] }))
				frame := future(t, a, 60, "D", true)
				x, y := predict(t, a, frame, prophet.PredictOptions{}), predict(t, b, frame, prophet.PredictOptions{})
				for _, column := range []string{"yhat", "yhat_lower", "yhat_upper", "trend", "trend_lower", "trend_upper"} {
					want := slices.Clone(x.Column(column))
					for i := range want {
						want[i] *= c
					}
					nearRel(t, fmt.Sprintf("%s %s times %v: %s", scaling, mode, c, column), y.Column(column), want, 1e-8)
				}
			}
		}
	}
}

// With minmax scaling a constant added to y is added to the forecast, whatever the mode of the seasonality: the floor that
// the fit subtracts does not grow with the seasons.
func TestShiftEquivariance(t *testing.T) {
	t.Parallel()
	data := wave(2, 400)
	for _, mode := range []prophet.Mode{prophet.Additive, prophet.Multiplicative} {
		o := prophet.Defaults()
		o.Scaling, o.SeasonalityMode, o.NChangepoints = prophet.MinMax, mode, 10
		a := fit(t, o, data)
		for _, shift := range []float64{-1000, 7, 1e5} {
			b := fit(t, o, with(data, "y", func(i int) float64 { return data.Y[i] + shift }))
			frame := future(t, a, 60, "D", true)
			x, y := predict(t, a, frame, prophet.PredictOptions{}), predict(t, b, frame, prophet.PredictOptions{})
			for _, column := range []string{"yhat", "yhat_lower", "yhat_upper", "trend"} {
				want := slices.Clone(x.Column(column))
				for i := range want {
					want[i] += shift
				}
				nearRel(t, fmt.Sprintf("%s plus %v: %s", mode, shift, column), y.Column(column), want, 1e-8)
			}
		}
	}
}

// Without seasonality a shift by whole days does not change the forecast.
func TestTimeShift(t *testing.T) {
	t.Parallel()
	data := wave(3, 400)
	o := prophet.Defaults()
	o.WeeklySeasonality, o.YearlySeasonality = prophet.SeasonalOff, prophet.SeasonalOff
	a := fit(t, o, data)
	x := predict(t, a, future(t, a, 60, "D", true), prophet.PredictOptions{})
	for _, days := range []prophet.Stamp{1, 1000, -20000} {
		moved := data.Rows(rangeTo(data.Len()))
		for i := range moved.DS {
			moved.DS[i] += days * prophet.Day
		}
		b := fit(t, o, moved)
		y := predict(t, b, future(t, b, 60, "D", true), prophet.PredictOptions{})
		for _, column := range []string{"yhat", "yhat_lower", "yhat_upper", "trend", "trend_lower"} {
			if !slices.Equal(x.Column(column), y.Column(column)) {
				t.Errorf("%d days later: %s differs", days, column)
			}
		}
	}
}

func rangeTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// What holds for every forecast: yhat = trend (1 + multiplicative) + additive, totals are sums of components, a component
// has no spread with a single draw, bounds enclose their value, and rows are sorted.
func TestForecastIdentities(t *testing.T) {
	t.Parallel()
	data := regressorFrame(realSeries(t, "data.csv"))
	for _, c := range []struct {
		name string
		set  func(*prophet.Options)
	}{
		{"defaults", func(o *prophet.Options) {}},
		{"multiplicative", func(o *prophet.Options) { o.SeasonalityMode = prophet.Multiplicative }},
		{"regressors and holidays", func(o *prophet.Options) {
			o.Regressors = regressorOptions().Regressors
			o.CountryHolidays, o.HolidaysMode = "US", prophet.Multiplicative
		}},
		{"logistic", func(o *prophet.Options) { o.Growth = prophet.Logistic }},
		{"flat minmax", func(o *prophet.Options) { o.Growth, o.Scaling = prophet.Flat, prophet.MinMax }},
		{"sampled", func(o *prophet.Options) { o.MCMCSamples, o.YearlySeasonality = 8, prophet.SeasonalOff }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := prophet.Defaults()
			o.UncertaintySamples = 200
			c.set(&o)
			frame := with(data, "cap", constant(90))
			f := fit(t, o, first(frame, 480))
			mixed := frame.Rows([]int{509, 3, 480, 3, 100, 495})
			fc := predict(t, f, mixed, prophet.PredictOptions{Levels: []float64{0.1, 0.5, 0.9}})
			if len(fc.DS) != 6 || !slices.IsSorted(fc.DS) || fc.DS[0] != frame.DS[3] || fc.DS[1] != frame.DS[3] {
				t.Fatalf("rows %v", fc.DS)
			}
			sums := map[string][]string{"additive_terms": nil, "multiplicative_terms": nil}
			for _, c := range fc.Components {
				switch c.Name {
				case "additive_terms", "multiplicative_terms", "extra_regressors_additive", "extra_regressors_multiplicative", "holidays":
				default:
					sums[string(c.Mode)+"_terms"] = append(sums[string(c.Mode)+"_terms"], c.Name)
				}
			}
			for name, want := range map[string][]float64{"trend": fc.Trend, "cap": fc.Cap, "floor": fc.Floor, "yhat_lower": fc.YhatLower, "yhat_upper": fc.YhatUpper, "trend_lower": fc.TrendLower,
				"trend_upper": fc.TrendUpper, "yhat": fc.Yhat, "weekly": fc.Component("weekly").Value, "weekly_lower": fc.Component("weekly").Lower, "weekly_upper": fc.Component("weekly").Upper, "none": nil} {
				if got := fc.Column(name); !slices.Equal(got, want) || (got == nil) != (want == nil) {
					t.Errorf("column %q is not the field with that name", name)
				}
			}
			draws := len(f.State().Params.K)
			for i := range fc.DS {
				trend, add, mul := fc.Trend[i], fc.Component("additive_terms").Value[i], fc.Component("multiplicative_terms").Value[i]
				near(t, "yhat", fc.Yhat[i], trend*(1+mul)+add, 1e-9)
				for total, names := range sums {
					var sum float64
					for _, name := range names {
						sum += fc.Component(name).Value[i]
					}
					near(t, total, fc.Component(total).Value[i], sum, 1e-9)
				}
				if !(fc.YhatLower[i] < fc.YhatUpper[i]) || !(fc.TrendLower[i] <= fc.TrendUpper[i]) {
					t.Errorf("row %d: bounds %v %v, trend %v %v", i, fc.YhatLower[i], fc.YhatUpper[i], fc.TrendLower[i], fc.TrendUpper[i])
				}
				near(t, "quantile 0.1", fc.Quantiles[0][i], fc.YhatLower[i], 1e-9)
				near(t, "quantile 0.9", fc.Quantiles[2][i], fc.YhatUpper[i], 1e-9)
				if !(fc.Quantiles[0][i] < fc.Quantiles[1][i] && fc.Quantiles[1][i] < fc.Quantiles[2][i]) {
					t.Errorf("row %d: quantiles %v %v %v", i, fc.Quantiles[0][i], fc.Quantiles[1][i], fc.Quantiles[2][i])
				}
				for _, c := range fc.Components {
					if draws == 1 && (c.Lower[i] != c.Value[i] || c.Upper[i] != c.Value[i]) {
						t.Errorf("row %d: %s is %v, %v, %v", i, c.Name, c.Lower[i], c.Value[i], c.Upper[i])
					}
					if !(c.Lower[i] <= c.Upper[i]) {
						t.Errorf("row %d: %s from %v to %v", i, c.Name, c.Lower[i], c.Upper[i])
					}
				}
			}
			// Two rows with one stamp have the same forecast, and a row has the same forecast alone as among others.
			if fc.Yhat[0] != fc.Yhat[1] {
				t.Errorf("one date has two forecasts: %v and %v", fc.Yhat[0], fc.Yhat[1])
			}
			alone := predict(t, f, frame.Rows([]int{100}), prophet.PredictOptions{NoIntervals: true})
			near(t, "a row alone", alone.Yhat[0], fc.Yhat[2], 1e-12)
			// Predicting nil is the same as predicting the rows of the history.
			byNil, byRows := predict(t, f, nil, prophet.PredictOptions{}), predict(t, f, first(frame, 480), prophet.PredictOptions{})
			nearAll(t, "history", byNil.Yhat, byRows.Yhat, 1e-9)
			nearAll(t, "history's lower bound", byNil.YhatLower, byRows.YhatLower, 1e-9)
		})
	}
}

// The order of the rows and rows without y do not matter.
func TestRowOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	data := wave(4, 300)
	rng := rand.New(rand.NewPCG(21, 21))
	shuffled := data.Rows(rng.Perm(data.Len()))
	shuffled.DS = append(shuffled.DS, prophet.DateOf(2016, 3, 1)+prophet.Hour)
	shuffled.Y = append(shuffled.Y, math.NaN())
	a, b := fit(t, prophet.Defaults(), data), fit(t, prophet.Defaults(), shuffled)
	if p, q := a.State().Params, b.State().Params; !slices.Equal(p.Beta[0], q.Beta[0]) || !slices.Equal(p.Delta[0], q.Delta[0]) || p.SigmaObs[0] != q.SigmaObs[0] {
		t.Error("the same rows in another order give other parameters")
	}
}

// The input is neither changed nor kept.
func TestFitDoesNotChangeItsInput(t *testing.T) {
	t.Parallel()
	data := with(wave(5, 200), "x", func(i int) float64 { return float64(i % 7) })
	o := prophet.Defaults()
	o.Regressors = []prophet.Regressor{{Name: "x"}}
	o.Holidays = []prophet.Holiday{{Name: "day", DS: data.DS[10]}}
	o.Changepoints = []prophet.Stamp{data.DS[100], data.DS[50]}
	before, options := data.Rows(rangeTo(data.Len())), slices.Clone(o.Changepoints)
	f := fit(t, o, data)
	frame := data.Rows([]int{9, 3, 5})
	want := predict(t, f, frame, prophet.PredictOptions{}).Yhat
	if frame.DS[0] != data.DS[9] {
		t.Error("Predict sorted the caller's frame")
	}
	for i := range data.DS {
		if data.DS[i] != before.DS[i] || data.Y[i] != before.Y[i] || data.Columns["x"][i] != before.Columns["x"][i] {
			t.Fatalf("row %d was changed", i)
		}
	}
	if !slices.Equal(o.Changepoints, options) || o.Holidays[0].PriorScale != 0 || o.Regressors[0].PriorScale != 0 {
		t.Error("New or Fit changed the caller's options")
	}
	for i := range data.DS {
		data.DS[i], data.Y[i], data.Columns["x"][i] = 0, 0, 0
	}
	o.Holidays[0].Name, o.Regressors[0].Name, o.Changepoints[0] = "other", "other", 0
	if got := predict(t, f, frame, prophet.PredictOptions{}).Yhat; !slices.Equal(got, want) {
		t.Error("the fitted model shares memory with its input")
	}
}

// A model restored from its state is the same model.
func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	data := with(realSeries(t, "data.csv"), "x", func(i int) float64 { return math.Sin(float64(i)) })
	data = with(with(data, "cap", constant(100)), "on", func(i int) float64 { return float64(i % 2) })
	for _, growth := range []prophet.Growth{prophet.Linear, prophet.Logistic, prophet.Flat} {
		o := prophet.Defaults()
		o.Growth, o.CountryHolidays = growth, "US"
		o.Regressors = []prophet.Regressor{{Name: "x", Mode: prophet.Multiplicative}}
		o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30.5, FourierOrder: 3, ConditionName: "on"}}
		o.Holidays = []prophet.Holiday{{Name: "day", DS: data.DS[10], LowerWindow: -1, UpperWindow: 2}}
		f := fit(t, o, data)
		for _, strip := range []bool{false, true} {
			s := f.State()
			if strip { // whatever FromState computes
				s.History.T, s.History.YScaled, s.History.CapScaled = nil, nil, nil
				s.ComponentColumns, s.ChangepointsT, s.Columns = nil, nil, 0
				s.ComponentModes = prophet.ComponentModes{}
			}
			again, err := prophet.FromState(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, frame := range []*prophet.Frame{nil, first(data, 20)} {
				a, b := predict(t, f, frame, prophet.PredictOptions{}), predict(t, again, frame, prophet.PredictOptions{})
				if !slices.Equal(a.ColumnNames(), b.ColumnNames()) {
					t.Fatalf("%s: columns %v, then %v", growth, a.ColumnNames(), b.ColumnNames())
				}
				for _, column := range a.ColumnNames()[1:] {
					if !slices.Equal(a.Column(column), b.Column(column)) {
						t.Errorf("%s, stripped %v: %s differs", growth, strip, column)
					}
				}
			}
			near(t, "columns", float64(again.State().Columns), float64(f.State().Columns), 0)
		}
	}
}

// HistoryFrame returns what was fitted, in the caller's units, and fitting it gives the same model again.
func TestHistoryFrame(t *testing.T) {
	t.Parallel()
	data := with(wave(6, 200), "x", func(i int) float64 { return 1000 + 50*math.Sin(float64(i)) })
	data.Y[7] = math.NaN()
	o := prophet.Defaults()
	o.Regressors = []prophet.Regressor{{Name: "x"}}
	for _, log := range []bool{false, true} {
		o.Market.LogScale = log
		f := fit(t, o, data)
		h := f.HistoryFrame()
		if h.Len() != 199 || h.Floor != nil {
			t.Fatalf("%d rows, floor %v; want 199 and none", h.Len(), h.Floor)
		}
		want := data.Where(func(s prophet.Stamp) bool { return s != data.DS[7] })
		nearAll(t, "y", h.Y, want.Y, 1e-11)
		nearAll(t, "x", h.Columns["x"], want.Columns["x"], 1e-9)
		a, b := predict(t, f, first(data, 7), prophet.PredictOptions{}), predict(t, fit(t, o, h), first(data, 7), prophet.PredictOptions{})
		nearAll(t, "yhat", b.Yhat, a.Yhat, 1e-6)
	}
}

// CopyOptions, the original's prophet_copy: the fitted seasonalities are explicit, the automatic ones are off, and given
// changepoints end before the last row up to the cutoff (test_diagnostics.py, test_prophet_copy_custom).
func TestCopyOptions(t *testing.T) {
	t.Parallel()
	data := with(realSeries(t, "data.csv"), "binary_feature", func(i int) float64 { return float64(i / 255) })
	o := prophet.Defaults()
	// The fourth is the last row up to the cutoff, which the original leaves out.
	o.Changepoints = dates("2012-06-15", "2012-07-15", "2012-08-15", "2012-07-25", "2012-09-15")
	o.Holidays = []prophet.Holiday{{Name: "x", DS: prophet.DateOf(2012, 6, 15)}}
	o.Seasonalities = []prophet.Seasonality{{Name: "custom", Period: 10, FourierOrder: 8}}
	o.Regressors = []prophet.Regressor{{Name: "binary_feature"}}
	o.Scaling, o.Growth, o.IntervalWidth = prophet.MinMax, prophet.Flat, 0.5
	f := fit(t, o, data)
	cutoff := prophet.DateOf(2012, 7, 25)
	c := f.CopyOptions(&cutoff)
	if !slices.Equal(c.Changepoints, dates("2012-06-15", "2012-07-15")) {
		t.Errorf("changepoints %v, want those before %s", c.Changepoints, cutoff)
	}
	var names []string
	for _, s := range c.Seasonalities {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"custom", "yearly", "weekly"}) {
		t.Errorf("seasonalities %v", names)
	}
	if c.YearlySeasonality != prophet.SeasonalOff || c.WeeklySeasonality != prophet.SeasonalOff || c.DailySeasonality != prophet.SeasonalOff {
		t.Errorf("automatic seasonalities %v %v %v, want them off", c.YearlySeasonality, c.WeeklySeasonality, c.DailySeasonality)
	}
	if c.Growth != o.Growth || c.Scaling != o.Scaling || c.IntervalWidth != o.IntervalWidth || len(c.Holidays) != 1 || len(c.Regressors) != 1 {
		t.Errorf("got %+v", c)
	}
	if all := f.CopyOptions(nil); len(all.Changepoints) != 5 {
		t.Errorf("without a cutoff %v, want all", all.Changepoints)
	}
	// A copy fits the whole history to the same parameters.
	if a, b := f.State().Params, fit(t, f.CopyOptions(nil), data).State().Params; !slices.Equal(a.Beta[0], b.Beta[0]) {
		t.Error("the copy gives other parameters")
	}
	// It also fits a part that is too short for an automatic yearly seasonality.
	part := fit(t, c, data.Where(func(s prophet.Stamp) bool { return s <= cutoff }))
	if n := len(part.State().Seasonalities); n != 3 {
		t.Errorf("%d seasonalities on the part, want 3", n)
	}
}
