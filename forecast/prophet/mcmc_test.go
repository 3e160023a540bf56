package prophet_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// sampled fits by sampling and checks what holds for every sampled posterior: 4 chains with draws from half of the
// iterations, agreement between chains, no divergent transitions.
func sampled(t *testing.T, o prophet.Options, data *prophet.Frame, iterations int) *prophet.Fitted {
	t.Helper()
	o.MCMCSamples = iterations
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Fit(t.Context(), data, prophet.FitOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	r, s := f.Report(), f.State()
	p := s.Params
	want := prophet.Chains * (iterations / 2)
	if len(p.K) != want || len(p.M) != want || len(p.SigmaObs) != want || len(p.Delta) != want || len(p.Beta) != want {
		t.Errorf("%d, %d, %d, %d and %d draws of k, m, sigma, delta and beta; want %d", len(p.K), len(p.M), len(p.SigmaObs), len(p.Delta), len(p.Beta), want)
	}
	for d := range p.Delta {
		if len(p.Delta[d]) != len(s.ChangepointsT) || len(p.Beta[d]) != s.Columns || !(p.SigmaObs[d] > 0) {
			t.Fatalf("draw %d: %d rate changes, %d coefficients, sigma %v; want %d, %d, positive", d, len(p.Delta[d]), len(p.Beta[d]), p.SigmaObs[d], len(s.ChangepointsT), s.Columns)
		}
	}
	if !(r.MaxRHat < 1.01) || r.Divergences != 0 || !r.Converged || r.MinESS < 400 {
		t.Errorf("R-hat %v, %d divergences, %v effective draws, %s; want below 1.01, none, 400 or more", r.MaxRHat, r.Divergences, r.MinESS, r.Status)
	}
	t.Logf("R-hat %.4f, %.0f effective draws of %d", r.MaxRHat, r.MinESS, want)
	return f
}

func deviation(x []float64) float64 {
	_, variance, _ := moments(x)
	return math.Sqrt(variance)
}

// With enough data, the posterior mean is close to the maximum: in sigma and in the fit of the history.
func checkNearMaximum(t *testing.T, o prophet.Options, f *prophet.Fitted, data *prophet.Frame) {
	t.Helper()
	best := fit(t, o, data)
	p, q := f.State().Params, best.State().Params
	// The maximum's sigma divides by N, the posterior mean's by N minus the number of estimated parameters.
	s := best.State()
	parameters := float64(s.Columns + len(s.ChangepointsT) + 2)
	n := float64(len(s.History.DS))
	if got := meanOf(p.SigmaObs) / q.SigmaObs[0]; got < 0.97 || got > math.Sqrt(n/(n-parameters))+0.03 {
		t.Errorf("sigma is %v of the maximum's", got)
	}
	a, b := predict(t, f, nil, prophet.PredictOptions{NoIntervals: true}).Yhat, predict(t, best, nil, prophet.PredictOptions{NoIntervals: true}).Yhat
	sd := q.SigmaObs[0] * s.YScale
	var sum, most float64
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
		most = max(most, math.Abs(a[i]-b[i]))
	}
	if rms := math.Sqrt(sum / float64(len(a))); rms > 0.5*sd {
		t.Errorf("yhat differs from the maximum's by %v (root mean square; at most %v), sigma is %v", rms, most, sd)
	}
}

// data.csv, split as in the original's fit_predict_sampling.
func TestSampledTradingDays(t *testing.T) {
	t.Parallel()
	train, _ := split(realSeries(t, "data.csv"), 30)
	o := prophet.Defaults()
	f := sampled(t, o, train, 1000)
	checkNearMaximum(t, o, f, train)
	// The trend's intervals have a width in the history too, since its parameters are uncertain.
	fc := predict(t, f, train.Rows([]int{0, 100, 479}), prophet.PredictOptions{})
	noise := meanOf(f.State().Params.SigmaObs) * f.State().YScale
	for i := range fc.DS {
		if !(fc.TrendLower[i] < fc.Trend[i] && fc.Trend[i] < fc.TrendUpper[i]) || !(fc.YhatLower[i] < fc.Yhat[i] && fc.Yhat[i] < fc.YhatUpper[i]) {
			t.Errorf("row %d: trend %v in %v to %v, yhat %v in %v to %v", i, fc.Trend[i], fc.TrendLower[i], fc.TrendUpper[i], fc.Yhat[i], fc.YhatLower[i], fc.YhatUpper[i])
		}
		weekly := fc.Component("weekly")
		if !(weekly.Lower[i] < weekly.Value[i] && weekly.Value[i] < weekly.Upper[i]) {
			t.Errorf("row %d: weekly %v in %v to %v", i, weekly.Value[i], weekly.Lower[i], weekly.Upper[i])
		}
		// yhat's uncertainty is a fraction of the noise, so 80 % of y is within 1.28 to about 1.5 times the noise.
		if half := (fc.YhatUpper[i] - fc.YhatLower[i]) / 2 / noise; half < 1.2 || half > 1.6 {
			t.Errorf("row %d: half the interval is %v of sigma", i, half)
		}
	}
}

// One year of Peyton Manning's page views without yearly seasonality.
func TestSampledPeytonManning(t *testing.T) {
	t.Parallel()
	data := first(realSeries(t, peyton), 400)
	o := prophet.Defaults()
	o.YearlySeasonality = prophet.SeasonalOff
	f := sampled(t, o, data, 700)
	checkNearMaximum(t, o, f, data)
	// Seven weekdays identify the weekly coefficients: their posterior is normal around the maximum except for the tails
	// of sigma.
	best := fit(t, o, data).State().Params.Beta[0]
	p := f.State().Params
	for j := range best {
		var x []float64
		for d := range p.Beta {
			x = append(x, p.Beta[d][j])
		}
		near(t, fmt.Sprintf("beta[%d]", j), meanOf(x), best[j], 0.35*deviation(x))
	}
}

// Monthly rows, multiplicative: the model is not linear in its parameters, so the other sampler is used.
func TestSampledAirPassengers(t *testing.T) {
	t.Parallel()
	data := realSeries(t, "example_air_passengers.csv")
	o := prophet.Defaults()
	o.SeasonalityMode, o.NChangepoints = prophet.Multiplicative, 10
	o.YearlySeasonality = 5
	f := sampled(t, o, data, 1000)
	checkNearMaximum(t, o, f, data)
}

// Regressors with known coefficients: the interval contains the true value and the estimate.
func TestSampledRegressors(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(31, 31))
	data := daily(prophet.DateOf(2020, 1, 1), 300)
	truth := map[string]float64{"a": 3, "b": -1.5, "none": 0}
	data = with(with(with(data, "a", func(int) float64 { return rng.NormFloat64() }), "b", func(i int) float64 { return float64(i % 2) }), "none", func(int) float64 { return rng.NormFloat64() })
	data = with(data, "y", func(i int) float64 {
		y := 10 + 0.02*float64(i) + rng.NormFloat64()
		for name, c := range truth {
			y += c * data.Columns[name][i]
		}
		return y
	})
	o := prophet.Defaults()
	o.WeeklySeasonality, o.IntervalWidth = prophet.SeasonalOff, 0.99
	for _, name := range []string{"a", "b", "none"} {
		o.Regressors = append(o.Regressors, prophet.Regressor{Name: name})
	}
	o.NChangepoints = 10
	f := sampled(t, o, data, 600)
	for _, r := range f.RegressorCoefficients() {
		if want := truth[r.Regressor]; !(r.Lower < r.Coef && r.Coef < r.Upper) || want < r.Lower || want > r.Upper {
			t.Errorf("%s: %v in %v to %v, the truth is %v", r.Regressor, r.Coef, r.Lower, r.Upper, want)
		}
		// The standard error of a coefficient is sigma / (sqrt(n) * the regressor's standard deviation), about 1/sqrt(300).
		if width := r.Upper - r.Lower; width > 0.8 {
			t.Errorf("%s: an interval of width %v", r.Regressor, width)
		}
	}
}

// Progress increases to its total, and the draws depend neither on progress nor on the number of workers.
func TestSamplingProgress(t *testing.T) {
	t.Parallel()
	for _, mode := range []prophet.Mode{prophet.Additive, prophet.Multiplicative} {
		o := prophet.Defaults()
		o.MCMCSamples, o.NChangepoints, o.YearlySeasonality, o.SeasonalityMode = 20, 3, prophet.SeasonalOff, mode
		m, err := prophet.New(o)
		if err != nil {
			t.Fatal(err)
		}
		last, all := 0, 0
		a, err := m.Fit(t.Context(), wave(10, 100), prophet.FitOptions{Progress: func(done, total int) {
			if done < last || total < 1 {
				t.Errorf("%d of %d after %d", done, total, last)
			}
			last, all = done, total
		}})
		if err != nil {
			t.Fatal(err)
		}
		if last != all || all == 0 {
			t.Errorf("%s: progress ended at %d of %d", mode, last, all)
		}
		b, err := m.Fit(t.Context(), wave(10, 100), prophet.FitOptions{Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		p, q := a.State().Params, b.State().Params
		for d := range p.K {
			if p.K[d] != q.K[d] || p.SigmaObs[d] != q.SigmaObs[d] {
				t.Fatalf("%s: draw %d depends on the workers", mode, d)
			}
		}
	}
}
