package diagnostics

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// byHand fits the rows up to a cutoff with the options of the whole history's fit, and forecasts the horizon after it.
func byHand(t *testing.T, f *prophet.Fitted, history *prophet.Frame, cutoff, horizon prophet.Stamp, how prophet.FitOptions) *prophet.Forecast {
	t.Helper()
	o := f.CopyOptions(&cutoff)
	o.Seed = seedAt(o.Seed, cutoff)
	part := fitWith(t, history.Where(func(s prophet.Stamp) bool { return s <= cutoff }), o, how)
	fc, err := part.Predict(context.Background(), history.Where(func(s prophet.Stamp) bool { return s > cutoff && s <= cutoff+horizon }), prophet.PredictOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return fc
}

// A regressor that is 0 up to the cutoff: by the rows before it nothing is known of its effect, and the forecast is the
// history's level. The original's cross-validation scales it by rows after the cutoff.
func TestRegressorWithoutVariationBeforeTheCutoff(t *testing.T) {
	t.Parallel()
	history := &prophet.Frame{Columns: map[string][]float64{}}
	for i := range 130 {
		y, spend := 9.7+0.1*float64(i%7)+0.05*float64(i/7%2), 0.0
		if i >= 120 {
			spend = float64(5 + i%3)
			y += 0.5 * spend
		}
		history.DS, history.Y = append(history.DS, prophet.DateOf(2024, 1, 1)+prophet.Stamp(i)*day), append(history.Y, y)
		history.Columns["spend"] = append(history.Columns["spend"], spend)
	}
	cutoff := history.DS[109]
	for _, optimizer := range []prophet.Optimizer{prophet.MAP, prophet.Auto} {
		for _, standardize := range []string{"auto", "true", "false"} {
			f := fit(t, history, func(o *prophet.Options) {
				o.Regressors, o.Optimizer = []prophet.Regressor{{Name: "spend", Standardize: standardize}}, optimizer
			})
			table := crossValidate(t, f, Options{Horizon: 20 * day, Cutoffs: []prophet.Stamp{cutoff}})
			if want := byHand(t, f, history, cutoff, 20*day, prophet.FitOptions{}); !slices.Equal(table.Yhat, want.Yhat) {
				t.Errorf("%s, standardize %s: yhat %v, want %v", optimizer, standardize, table.Yhat, want.Yhat)
			}
			for i, v := range table.Yhat {
				if math.Abs(v-10) > 0.6 {
					t.Errorf("%s, standardize %s: yhat[%d] = %v, want about 10", optimizer, standardize, i, v)
				}
			}
		}
	}
}

// randomCase makes a history with every kind of column, and options that use a random selection of them.
func randomCase(rng *rand.Rand) (*prophet.Frame, prophet.Options) {
	n := 60 + rng.IntN(80)
	when := n/2 + rng.IntN(n/4) // where the late columns begin to vary
	column := func(value func(i int) float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = value(i)
		}
		return x
	}
	late := func(f func(i int) float64, before float64) func(int) float64 {
		return func(i int) float64 {
			if i < when {
				return before
			}
			return f(i)
		}
	}
	coin := func(int) float64 { return float64(rng.IntN(2)) }
	noise := func(int) float64 { return 20 + 3*rng.NormFloat64() }
	level := 50 * math.Exp(3*rng.Float64())
	h := &prophet.Frame{Columns: map[string][]float64{
		"binary": column(coin), "noise": column(noise), "constant": column(func(int) float64 { return 4 }),
		"late_binary": column(late(coin, 0)), "late_noise": column(late(noise, 7)), "binary_then_noise": column(func(i int) float64 {
			if i < when {
				return coin(i)
			}
			return noise(i)
		}),
		"on": column(func(i int) float64 { return float64(i / 7 % 2) }),
	}}
	for i := range n {
		h.DS = append(h.DS, prophet.DateOf(2022, 1, 1)+prophet.Stamp(i)*day)
		h.Y = append(h.Y, level+0.1*float64(i)+2*math.Sin(2*math.Pi*float64(i)/7)+0.3*h.Columns["noise"][i]+rng.NormFloat64())
	}
	o := prophet.Defaults()
	o.UncertaintySamples, o.NChangepoints, o.Seed = 20, rng.IntN(12), rng.Uint64()
	pick := func(p float64) bool { return rng.Float64() < p }
	if pick(0.5) {
		o.Scaling = prophet.MinMax
	}
	if pick(0.4) {
		o.SeasonalityMode = prophet.Multiplicative
	}
	switch rng.IntN(4) {
	case 0:
		o.Growth = prophet.Flat
	case 1:
		o.Growth, h.Cap = prophet.Logistic, column(func(int) float64 { return 2 * level })
		if pick(0.5) {
			h.Floor = column(func(int) float64 { return level / 2 })
		}
	case 2:
		if pick(0.3) {
			o.SeasonalityMode = prophet.Additive
			o.Market.LogScale = true
		}
	}
	if pick(0.3) {
		for _, i := range []int{n / 5, n / 3, n - n/4} {
			o.Changepoints = append(o.Changepoints, h.DS[i])
		}
	}
	for _, name := range []string{"binary", "noise", "constant", "late_binary", "late_noise", "binary_then_noise"} {
		if !pick(0.4) {
			continue
		}
		r := prophet.Regressor{Name: name, Standardize: []string{"auto", "true", "false"}[rng.IntN(3)]}
		if pick(0.3) && !o.Market.LogScale {
			r.Mode = prophet.Multiplicative
		}
		o.Regressors = append(o.Regressors, r)
	}
	if pick(0.4) {
		o.WeeklySeasonality = prophet.SeasonalOff
		o.Seasonalities = []prophet.Seasonality{{Name: "on_week", Period: 7, FourierOrder: 2, ConditionName: "on"}, {Name: "monthly", Period: 30.5, FourierOrder: 2}}
	}
	if pick(0.4) {
		for _, i := range []int{8, n / 2, n - 3} {
			o.Holidays = append(o.Holidays, prophet.Holiday{Name: "fair", DS: h.DS[i], LowerWindow: -1, UpperWindow: 1})
		}
	}
	if pick(0.2) {
		o.CountryHolidays = "US"
	}
	return h, o
}

// Of what comes after a cutoff, its forecast sees only the rows it is asked for: yhat, its interval and the components are
// those of a fit to the rows up to the cutoff, to the bit.
func TestCrossValidationIsFitThenPredict(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	how := prophet.FitOptions{MaxIterations: 30} // the equality holds wherever the search stops
	for k := range 30 {
		h, o := randomCase(rng)
		f := fitWith(t, h, o, how)
		n := h.Len()
		cutoffs := []prophet.Stamp{h.DS[n/2], h.DS[n-n/5]}
		horizon := h.DS[n-1] - cutoffs[1]
		table := crossValidate(t, f, Options{Horizon: horizon, Cutoffs: cutoffs, Fit: how, Extra: []string{"trend", "multiplicative_terms"}})
		at := 0
		for _, c := range cutoffs {
			want := byHand(t, f, h, c, horizon, how)
			name := fmt.Sprintf("case %d, cutoff %s", k, c)
			end := at + len(want.DS)
			for _, column := range []struct {
				name      string
				got, want []float64
			}{
				{"yhat", table.Yhat, want.Yhat}, {"yhat_lower", table.YhatLower, want.YhatLower}, {"yhat_upper", table.YhatUpper, want.YhatUpper},
				{"trend", table.Extra[0].Values, want.Trend}, {"multiplicative_terms", table.Extra[1].Values, want.Component("multiplicative_terms").Value},
			} {
				if !slices.Equal(column.got[at:end], column.want) {
					t.Errorf("%s: %s is %v, want %v\noptions %+v", name, column.name, column.got[at:end], column.want, o)
				}
			}
			at = end
		}
		if at != table.Len() {
			t.Errorf("case %d: %d rows, want %d", k, table.Len(), at)
		}
	}
}
