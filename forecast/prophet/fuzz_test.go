package prophet_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// bytesOf returns a fuzzer's bytes one at a time, then zeros.
type bytesOf struct{ b []byte }

func (r *bytesOf) next() int {
	if len(r.b) == 0 {
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return int(v)
}

// value returns a number of any size, sometimes missing or extreme.
func (r *bytesOf) value() float64 {
	v := float64(int8(r.next()))
	switch r.next() % 16 {
	case 0:
		return math.NaN()
	case 1:
		return v * 1e9
	case 2:
		return v * 1e-9
	case 3:
		return 0
	case 4:
		return 1e6 + v/64
	}
	return v / 8
}

func pick[T any](r *bytesOf, of ...T) T { return of[r.next()%len(of)] }

// fuzzed makes options and a history from bytes: up to 30 rows, minutes to months apart, with repeated dates, missing
// values, a regressor, a condition, a holiday and any of the market options.
func fuzzed(options, rows []byte) (prophet.Options, *prophet.Frame) {
	r := &bytesOf{options}
	o := prophet.Defaults()
	o.Growth = pick(r, prophet.Linear, prophet.Logistic, prophet.Flat)
	o.Optimizer = pick(r, prophet.MAP, prophet.MAP, prophet.Auto, prophet.LBFGS, prophet.Newton)
	o.Scaling = pick(r, prophet.AbsMax, prophet.MinMax)
	o.SeasonalityMode = pick(r, prophet.Additive, prophet.Multiplicative)
	o.NChangepoints = r.next() % 12
	o.ChangepointRange = float64(r.next()) / 255
	o.YearlySeasonality, o.WeeklySeasonality, o.DailySeasonality = pick[prophet.Seasonal](r, -1, 0, 2), pick[prophet.Seasonal](r, -1, 0, -2), pick[prophet.Seasonal](r, -1, 0, 1)
	o.ChangepointPriorScale = pick(r, 0.05, 0.001, 10, 1e-6, 1e6)
	o.SeasonalityPriorScale = pick(r, 10, 0.01, 1e-6, 1e6)
	o.MCMCSamples = pick(r, 0, 0, 0, 0, 0, 0, 0, 4)
	o.UncertaintySamples = pick(r, 20, 0, 1)
	o.IntervalWidth = (float64(r.next()) + 0.5) / 256
	features := r.next()
	if features&1 != 0 {
		o.Regressors = []prophet.Regressor{{Name: "x", Mode: pick(r, "", prophet.Multiplicative), Standardize: pick(r, "", "true", "false")}}
	}
	if features&2 != 0 {
		o.Seasonalities = []prophet.Seasonality{{Name: "s", Period: 0.1 + float64(r.next()), FourierOrder: 1 + r.next()%3, ConditionName: pick(r, "", "on")}}
	}
	if features&4 != 0 {
		o.Holidays = []prophet.Holiday{{Name: "h", DS: prophet.DateOf(2020, 1, 1+r.next()), LowerWindow: -(r.next() % 3), UpperWindow: r.next() % 3}}
	}
	if features&8 != 0 {
		o.CountryHolidays = pick(r, "US", "KR")
	}
	if features&16 != 0 {
		m := r.next()
		o.Market = prophet.Market{Exchange: pick(r, "XNYS", "XKRX", ""), LogScale: m&1 != 0, WeekdayBasis: m&2 != 0, SessionTime: m&4 != 0, SessionHolidays: m&8 != 0, ResidualAR1: m&16 != 0}
	}
	f := &prophet.Frame{Columns: map[string][]float64{}}
	q := &bytesOf{rows}
	unit := pick(q, prophet.Day, prophet.Day, prophet.Hour, prophet.Minute, 30*prophet.Day)
	s := prophet.DateOf(2020, 1, 1) + prophet.Stamp(q.next())*prophet.Day
	var x, on []float64
	for len(q.b) > 2 && len(f.DS) < 30 {
		s += prophet.Stamp(q.next()%4) * unit
		y := q.value()
		f.DS, f.Y = append(f.DS, s), append(f.Y, y)
		x, on = append(x, float64(int8(q.next()))), append(on, float64(len(x)%2))
		f.Cap, f.Floor = append(f.Cap, 1e12), append(f.Floor, -1)
	}
	f.Columns["x"], f.Columns["on"] = x, on
	if features&32 != 0 {
		f.Floor = nil
	}
	return o, f
}

// FuzzFit: for any history and options, a fit and a forecast end soon, with finite numbers or an error with a remedy, and
// never with a panic.
func FuzzFit(f *testing.F) {
	series := []byte{0, 3}
	for i := range byte(25) {
		series = append(series, 1, 10*i, 9, i)
	}
	for growth := range byte(3) {
		for optimizer := range byte(5) {
			weekly, changepoints := byte(0), byte(5)
			if optimizer == 2 || optimizer == 4 { // a Newton step takes four evaluations per parameter
				weekly, changepoints = 1, 1
			}
			f.Add([]byte{growth, optimizer, 0, optimizer, changepoints, 200, 0, weekly, 0, 0, 0, 0, 0, 200, 63}, series)
		}
	}
	f.Add([]byte{0, 0, 1, 1, 11, 255, 2, 2, 2, 2, 2, 7, 0, 100, 3, 1, 1, 30, 1, 1}, series)         // sampled
	f.Add([]byte{0, 0, 0, 0, 3, 200, 1, 0, 1, 0, 0, 0, 0, 200, 48, 0, 0, 31, 0}, append(series, 3)) // the market
	f.Add([]byte{0, 0, 0, 0, 3, 200, 0, 0, 0, 0, 0, 0, 0, 200, 16, 31, 0}, []byte{0, 0, 1, 8, 9, 0, 1, 16, 9, 0, 1, 24, 9, 0})
	f.Add([]byte{}, []byte{0, 0, 1, 1, 9, 0, 1, 2, 9, 0})                                                               // two rows
	f.Add([]byte{0, 3}, []byte{0, 0, 0, 1, 9, 0, 0, 2, 9, 0, 1, 3, 9, 0})                                               // one date twice
	f.Add([]byte{0}, []byte{2, 0, 1, 127, 1, 0, 1, 128, 1, 0, 1, 3, 2, 0, 1, 4, 4, 0})                                  // sizes far apart
	f.Add([]byte{1, 0, 0, 1}, []byte{0, 0, 1, 5, 3, 0, 1, 5, 3, 0, 1, 5, 3, 0, 1, 5, 3, 0})                             // all 0, logistic
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 1, 1}, []byte{0, 0, 1, 8, 9, 0, 1, 16, 9, 0, 1, 24, 9, 0, 1, 32, 9, 0, 1, 40, 9}) // a straight line
	f.Fuzz(func(t *testing.T, options, rows []byte) {
		o, frame := fuzzed(options, rows)
		m, err := prophet.New(o)
		if err != nil {
			known(t, err)
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		fitted, err := m.Fit(ctx, frame, prophet.FitOptions{})
		if ctx.Err() != nil {
			t.Fatalf("the fit is not done after 20 seconds: %+v, %d rows", o, frame.Len())
		}
		if err != nil {
			known(t, err)
			return
		}
		report := fitted.Report()
		if math.IsNaN(report.LogPosterior) || report.Status == "" || report.Rows < 2 {
			t.Errorf("report %+v", report)
		}
		ahead := &prophet.Frame{DS: append(append([]prophet.Stamp{}, frame.DS...), frame.DS[len(frame.DS)-1]+prophet.Day, frame.DS[len(frame.DS)-1]+400*prophet.Day), Columns: map[string][]float64{}}
		for range ahead.DS {
			ahead.Cap, ahead.Floor = append(ahead.Cap, 1e12), append(ahead.Floor, -1)
			ahead.Columns["x"], ahead.Columns["on"] = append(ahead.Columns["x"], 3), append(ahead.Columns["on"], 1)
		}
		for _, frame := range []*prophet.Frame{nil, ahead} {
			for _, slow := range []bool{false, true} {
				fc, err := fitted.Predict(ctx, frame, prophet.PredictOptions{Slow: slow})
				if ctx.Err() != nil {
					t.Fatalf("the forecast is not done after 20 seconds: %+v", o)
				}
				if err != nil {
					known(t, err)
					continue
				}
				for _, name := range fc.ColumnNames()[1:] {
					for i, v := range fc.Column(name) {
						if math.IsNaN(v) || math.IsInf(v, 0) {
							t.Fatalf("%s[%d] is %v", name, i, v)
						}
					}
				}
				for i := range fc.YhatLower {
					if fc.YhatLower[i] > fc.YhatUpper[i] {
						t.Fatalf("row %d: %v above %v", i, fc.YhatLower[i], fc.YhatUpper[i])
					}
				}
			}
		}
		again, err := prophet.FromState(fitted.State())
		if err != nil {
			t.Fatalf("FromState refuses a fitted model's state: %v", err)
		}
		a, errA := fitted.Predict(ctx, nil, prophet.PredictOptions{NoIntervals: true})
		b, errB := again.Predict(ctx, nil, prophet.PredictOptions{NoIntervals: true})
		if (errA == nil) != (errB == nil) {
			t.Fatalf("%v, then %v", errA, errB)
		}
		if errA == nil {
			for i := range a.Yhat {
				if a.Yhat[i] != b.Yhat[i] {
					t.Fatalf("yhat[%d] is %v, and %v from the model restored from its state", i, a.Yhat[i], b.Yhat[i])
				}
			}
		}
	})
}

// known checks that an error has a kind, a field and a message.
func known(t *testing.T, err error) {
	t.Helper()
	var e *etf.Error
	if !errors.As(err, &e) || e.Kind != etf.KindInvalid && e.Kind != etf.KindInternal || e.Field == "" || e.Message == "" || e.Remedy == "" {
		t.Errorf("%v (%T) lacks a kind, field or message", err, err)
	}
}

// FuzzParse: any text is parsed or refused as a frequency and as a stamp.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "D", "5min", "W-MON", "session:XKRX", "2020-01-01", "20200101", "12QE", "2020-01-01 00:00:00.123456", "9223372036854775807D"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := prophet.ParseFreq(text); err != nil {
			known(t, err)
		}
		s, err := prophet.ParseStamp(text)
		if err != nil {
			known(t, err)
			return
		}
		if again, err := prophet.ParseStamp(s.String()); err != nil || again != s {
			t.Errorf("%q is %v, but formatted and parsed again %v, %v", text, s, again, err)
		}
	})
}

// FuzzFromState: a stored model with any of its numbers changed is refused, forecasts finite numbers or returns an error.
func FuzzFromState(f *testing.F) {
	data := with(with(with(wave(15, 40), "x", func(i int) float64 { return float64(i) }), "cap", constant(100)), "on", func(i int) float64 { return float64(i % 2) })
	var states []prophet.State
	for _, growth := range []prophet.Growth{prophet.Linear, prophet.Logistic, prophet.Flat} {
		o := prophet.Defaults()
		o.Growth, o.NChangepoints, o.UncertaintySamples = growth, 3, 10
		o.Regressors = []prophet.Regressor{{Name: "x"}}
		o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30, FourierOrder: 1, ConditionName: "on"}}
		states = append(states, fit(f, o, data).State())
	}
	f.Add(byte(0), []byte{})
	f.Add(byte(1), []byte{3, 200, 1, 9, 8, 0, 0, 0, 0})
	f.Add(byte(2), []byte{7, 1, 1, 14, 3, 5})
	f.Fuzz(func(t *testing.T, which byte, changes []byte) {
		s := copyState(states[int(which)%len(states)])
		r := &bytesOf{changes}
		numbers := []*float64{&s.YMin, &s.YScale, &s.Params.K[0], &s.Params.M[0], &s.Params.SigmaObs[0], &s.Params.Delta[0][1], &s.Params.Beta[0][2],
			&s.Regressors[0].Mu, &s.Regressors[0].Std, &s.History.Y[3], &s.History.Cap[4], &s.History.Columns["x"][5], &s.Seasonalities[0].Period, &s.ChangepointsT[1]}
		stamps := []*prophet.Stamp{&s.Start, &s.TScale, &s.Changepoints[1], &s.History.DS[7], &s.HistoryDates[39]}
		for range 8 {
			if len(r.b) == 0 {
				break
			}
			if at := r.next() % (len(numbers) + len(stamps)); at < len(numbers) {
				*numbers[at] = pick(r, r.value(), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1))
			} else {
				*stamps[at-len(numbers)] = pick(r, prophet.Stamp(r.value()*float64(prophet.Day)), math.MaxInt64, math.MinInt64, 0)
			}
		}
		restored, err := prophet.FromState(s)
		if err != nil {
			return
		}
		for _, frame := range []*prophet.Frame{nil, data.Rows([]int{39, 3})} {
			fc, err := restored.Predict(t.Context(), frame, prophet.PredictOptions{Levels: []float64{0.5}})
			if err != nil {
				continue
			}
			for _, name := range fc.ColumnNames()[1:] {
				for i, v := range fc.Column(name) {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						t.Fatalf("%s[%d] is %v", name, i, v)
					}
				}
			}
		}
		restored.HistoryFrame()
		restored.RegressorCoefficients()
		if _, err := restored.MakeFuture(3, prophet.Freq{}, true); err != nil {
			return
		}
	})
}
