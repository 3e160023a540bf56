package prophet_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// trendOnly fits a history that has only a trend, with five changepoints.
func trendOnly(t testing.TB, growth prophet.Growth) *prophet.Fitted {
	t.Helper()
	data := with(wave(7, 400), "cap", constant(90))
	o := prophet.Defaults()
	o.Growth, o.NChangepoints, o.ChangepointPriorScale = growth, 5, 0.5
	o.WeeklySeasonality, o.YearlySeasonality = prophet.SeasonalOff, prophet.SeasonalOff
	return fit(t, o, data)
}

func ahead(t testing.TB, f *prophet.Fitted, n int) *prophet.Frame {
	return with(future(t, f, n, "D", false), "cap", constant(90))
}

func samples(t testing.TB, f *prophet.Fitted, frame *prophet.Frame, po prophet.PredictOptions) *prophet.Samples {
	t.Helper()
	s, err := f.PredictiveSamples(t.Context(), frame, po)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// moments returns the mean, the variance and the standard error of the variance of a sample.
func moments(x []float64) (mean, variance, spread float64) {
	mean = meanOf(x)
	var second, fourth float64
	for _, v := range x {
		d := (v - mean) * (v - mean)
		second, fourth = second+d, fourth+d*d
	}
	n := float64(len(x))
	variance = second / n
	return mean, variance, math.Sqrt((fourth/n - variance*variance) / n)
}

// The variance of the simulated trend. Let X_i be the rate change drawn at step i: Laplace with scale b with probability
// q = S d, otherwise 0, so its variance is 2 b² q. Smoothing applies half of it at its own step and half at the next; the
// trend is the double sum times d. At step n, X_i has the weight n - i + 1/2, so the variance is
// 2 b² q d² ((1/2)² + (3/2)² + ... + (n-1/2)²) = 2 b² q d² (n³/3 - n/12).
// With changes at their exact times, S per unit of time on average, it is
// S 2 b² times the integral of (t-u)² over u from 1 to t = 2 b² S (t-1)³/3.
func TestTrendUncertainty(t *testing.T) {
	t.Parallel()
	f := trendOnly(t, prophet.Linear)
	s := f.State()
	var b float64
	for _, d := range s.Params.Delta[0] {
		b += math.Abs(d) / float64(len(s.Params.Delta[0]))
	}
	b += 1e-8
	const steps, paths = 40, 40_000
	d := 1.0 / 399
	for _, slow := range []bool{false, true} {
		out := samples(t, f, ahead(t, f, steps), prophet.PredictOptions{Samples: paths, Slow: slow})
		trend := predict(t, f, ahead(t, f, steps), prophet.PredictOptions{NoIntervals: true}).Trend
		for _, n := range []int{1, 2, 5, 20, 40} {
			q := min(1, 5*d)
			want := 2 * b * b * q * d * d * (math.Pow(float64(n), 3)/3 - float64(n)/12)
			if slow {
				want = 2 * b * b * 5 * math.Pow(float64(n)*d, 3) / 3
			}
			want *= s.YScale * s.YScale
			mean, variance, spread := moments(out.Trend[n-1])
			near(t, fmt.Sprintf("slow %v, step %d: variance", slow, n), variance, want, 5*spread+1e-12*s.YScale)
			if spread > 0.2*want {
				t.Errorf("slow %v, step %d: a standard error of %v is too large to test a variance of %v", slow, n, spread, want)
			}
			near(t, fmt.Sprintf("slow %v, step %d: mean", slow, n), mean, trend[n-1], 5*math.Sqrt(variance/paths))
			// The noise is added, independently of the trend.
			_, all, spreadAll := moments(out.Yhat[n-1])
			noise := s.Params.SigmaObs[0] * s.YScale
			near(t, fmt.Sprintf("slow %v, step %d: variance of y", slow, n), all, want+noise*noise, 5*spreadAll)
		}
	}
}

// Fast paths assume evenly spaced rows: on unevenly spaced rows they have the same numbers as on evenly spaced ones.
func TestFastPathsAssumeEvenSpacing(t *testing.T) {
	t.Parallel()
	f := trendOnly(t, prophet.Linear)
	equal := ahead(t, f, 21)
	uneven := equal.Rows([]int{0, 1, 2, 3, 10, 19, 20})
	even := equal.Rows([]int{0, 3, 6, 10, 13, 16, 20}) // with the same mean distance
	po := prophet.PredictOptions{Samples: 50}
	a, b := samples(t, f, uneven, po), samples(t, f, even, po)
	trendA, trendB := predict(t, f, uneven, prophet.PredictOptions{NoIntervals: true}).Trend, predict(t, f, even, prophet.PredictOptions{NoIntervals: true}).Trend
	for i := range a.Trend {
		for p := range a.Trend[i] {
			near(t, "departure from the trend", a.Trend[i][p]-trendA[i], b.Trend[i][p]-trendB[i], 1e-9)
		}
	}
}

// In the history the trend is certain and the quantiles are exact; a simulation agrees within its standard error.
func TestHistoryIntervalsAgainstSimulation(t *testing.T) {
	t.Parallel()
	for _, o := range []prophet.Options{prophet.Defaults(), func() prophet.Options {
		o := prophet.Defaults()
		o.SeasonalityMode, o.IntervalWidth = prophet.Multiplicative, 0.5
		return o
	}()} {
		f := fit(t, o, wave(8, 400))
		rows := wave(8, 400).Rows([]int{0, 200, 399})
		fc := predict(t, f, rows, prophet.PredictOptions{})
		out := samples(t, f, rows, prophet.PredictOptions{Samples: 20_000})
		for i := range fc.DS {
			x := slices.Sorted(slices.Values(out.Yhat[i]))
			tail := (1 - o.IntervalWidth) / 2
			lower, upper := x[int(tail*20_000)], x[int((1-tail)*20_000)]
			near(t, "width", (upper-lower)/(fc.YhatUpper[i]-fc.YhatLower[i]), 1, 0.05)
			near(t, "centre", fc.YhatUpper[i]+fc.YhatLower[i], 2*fc.Yhat[i], 1e-9)
			if fc.TrendLower[i] != fc.Trend[i] || fc.TrendUpper[i] != fc.Trend[i] {
				t.Errorf("row %d: the trend's interval is %v to %v, want only %v", i, fc.TrendLower[i], fc.TrendUpper[i], fc.Trend[i])
			}
			for _, v := range out.Trend[i] {
				near(t, "simulated trend", v, fc.Trend[i], 1e-9)
			}
		}
		// 80 % of the noise is within 1.281552 standard deviations, 50 % within 0.674490 (normal tables).
		z := map[float64]float64{0.8: 1.2815515655446004, 0.5: 0.6744897501960817}[o.IntervalWidth]
		s := f.State()
		near(t, "half width", fc.YhatUpper[0]-fc.Yhat[0], z*s.Params.SigmaObs[0]*s.YScale, 1e-9)
	}
}

// With the same seed, Predict's bounds in the future are bit for bit the quantiles of PredictiveSamples' paths.
func TestIntervalsAreQuantilesOfTheSamples(t *testing.T) {
	t.Parallel()
	for _, growth := range []prophet.Growth{prophet.Linear, prophet.Logistic, prophet.Flat} {
		for _, slow := range []bool{false, true} {
			f := trendOnly(t, growth)
			po := prophet.PredictOptions{Samples: 101, Slow: slow}
			fc, out := predict(t, f, ahead(t, f, 30), po), samples(t, f, ahead(t, f, 30), po)
			for i := range fc.DS {
				x := slices.Sorted(slices.Values(out.Yhat[i]))
				if fc.YhatLower[i] != x[10] || fc.YhatUpper[i] != x[90] { // (101-1)*0.1 and (101-1)*0.9
					t.Fatalf("%s, slow %v, row %d: %v and %v, want %v and %v", growth, slow, i, fc.YhatLower[i], fc.YhatUpper[i], x[10], x[90])
				}
				x = slices.Sorted(slices.Values(out.Trend[i]))
				near(t, "trend_lower", fc.TrendLower[i], x[10], 1e-9)
				near(t, "trend_upper", fc.TrendUpper[i], x[90], 1e-9)
			}
		}
	}
}

// With flat growth the trend has no uncertainty.
func TestFlatGrowthHasNoTrendUncertainty(t *testing.T) {
	t.Parallel()
	f := trendOnly(t, prophet.Flat)
	for _, slow := range []bool{false, true} {
		fc := predict(t, f, ahead(t, f, 50), prophet.PredictOptions{Slow: slow})
		for i := range fc.DS {
			if fc.TrendLower[i] != fc.Trend[i] || fc.TrendUpper[i] != fc.Trend[i] {
				t.Fatalf("slow %v, row %d: trend %v to %v, want only %v", slow, i, fc.TrendLower[i], fc.TrendUpper[i], fc.Trend[i])
			}
		}
	}
}

// Logistic paths are shifted so that their mean is the trend; they stay near the cap and spread out with time.
func TestLogisticPathsAreCentred(t *testing.T) {
	t.Parallel()
	f := trendOnly(t, prophet.Logistic)
	frame := ahead(t, f, 60)
	fc := predict(t, f, frame, prophet.PredictOptions{NoIntervals: true})
	out := samples(t, f, frame, prophet.PredictOptions{Samples: 500})
	var spreads []float64
	for i := range fc.DS {
		mean, variance, _ := moments(out.Trend[i])
		near(t, "mean of the paths", mean, fc.Trend[i], 1e-9)
		spreads = append(spreads, variance)
	}
	if !(spreads[59] > 4*spreads[20] && spreads[20] > 0) {
		t.Errorf("variance of the trend %v after 21 rows and %v after 60, want it to grow", spreads[20], spreads[59])
	}
	slow := samples(t, f, frame, prophet.PredictOptions{Samples: 4000, Slow: true})
	for _, i := range []int{20, 59} { // fast and slow simulate the same process to first order
		_, variance, spread := moments(slow.Trend[i])
		near(t, "variance of the slow paths", variance, spreads[i], 0.35*spreads[i]+5*spread)
	}
}

// The variance of logistic paths, to first order in the changes. Between changes the log odds of the trend are a straight
// line in time; a rate change X at t_i bends it there and adds X (t - t_i). Half of X_i acts at its own row and half at
// the next, so after n rows it has added X_i d (n - i - 1/2), and the trend moves by g (1 - g/cap) times that, with
// variance (g (1 - g/cap))² 2 b² q d² ((1/2)² + ... + (n-3/2)²) = ... ((n-1)³/3 - (n-1)/12).
// Changes at their exact times add S 2 b² (t-1)³/3 to the variance of the log odds, as in the linear case.
func TestLogisticUncertainty(t *testing.T) {
	t.Parallel()
	s := copyState(trendOnly(t, prophet.Logistic).State())
	for j := range s.Params.Delta[0] { // small, so that the first order dominates
		s.Params.Delta[0][j] = 0.02
	}
	f, err := prophet.FromState(s)
	if err != nil {
		t.Fatal(err)
	}
	const b, steps, paths, d = 0.02 + 1e-8, 40, 60_000, 1.0 / 399
	frame := ahead(t, f, steps)
	fc := predict(t, f, frame, prophet.PredictOptions{NoIntervals: true})
	for _, slow := range []bool{false, true} {
		out := samples(t, f, frame, prophet.PredictOptions{Samples: paths, Slow: slow})
		for _, n := range []int{1, 3, 6, 20, 40} {
			limit := 90 / s.YScale
			g := fc.Trend[n-1] / s.YScale
			steep := g * (1 - g/limit) * s.YScale
			m := float64(n - 1)
			want := steep * steep * 2 * b * b * 5 * d * d * d * (m*m*m/3 - m/12)
			if slow {
				want = steep * steep * 2 * b * b * 5 * math.Pow(float64(n)*d, 3) / 3
			}
			_, variance, spread := moments(out.Trend[n-1])
			near(t, fmt.Sprintf("slow %v, row %d: variance", slow, n), variance, want, 5*spread+0.02*want+1e-20)
			if n >= 6 && spread > 0.1*want {
				t.Errorf("slow %v, row %d: a standard error of %v is too large to test a variance of %v", slow, n, spread, want)
			}
		}
	}
}

// The same seed gives the same bits, another seed gives others, and a longer future starts with the same numbers.
func TestSeeds(t *testing.T) {
	t.Parallel()
	for _, growth := range []prophet.Growth{prophet.Linear, prophet.Logistic} {
		f := trendOnly(t, growth)
		one, two := uint64(1), uint64(2)
		for _, slow := range []bool{false, true} {
			bounds := func(n int, seed *uint64) []float64 {
				return predict(t, f, ahead(t, f, n), prophet.PredictOptions{Seed: seed, Slow: slow, Samples: 100}).YhatLower
			}
			a := bounds(20, &one)
			if !slices.Equal(a, bounds(20, &one)) {
				t.Errorf("%s, slow %v: the same seed gives other bounds", growth, slow)
			}
			if slices.Equal(a, bounds(20, &two)) {
				t.Errorf("%s, slow %v: another seed gives the same bounds", growth, slow)
			}
			if !slow {
				nearAll(t, "a longer future", bounds(40, &one)[:20], a, 1e-9)
			}
		}
		if got, want := predict(t, f, ahead(t, f, 5), prophet.PredictOptions{}).YhatLower, predict(t, f, ahead(t, f, 5), prophet.PredictOptions{Seed: new(uint64)}).YhatLower; !slices.Equal(got, want) {
			t.Errorf("%s: the model's seed is 0, but its bounds differ from those of seed 0", growth)
		}
	}
}

// Quantiles ascend with their levels in every row of history and future, on both scales.
func TestQuantilesAreMonotone(t *testing.T) {
	t.Parallel()
	levels := []float64{0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}
	for _, market := range []prophet.Market{{}, {LogScale: true}} {
		o := prophet.Defaults()
		o.Market = market
		f := fit(t, o, wave(9, 300))
		fc := predict(t, f, future(t, f, 40, "D", true), prophet.PredictOptions{Levels: levels, Samples: 500})
		for i := range fc.DS {
			for k := 1; k < len(levels); k++ {
				if !(fc.Quantiles[k-1][i] < fc.Quantiles[k][i]) {
					t.Fatalf("row %d: quantile %v is %v, quantile %v is %v", i, levels[k-1], fc.Quantiles[k-1][i], levels[k], fc.Quantiles[k][i])
				}
			}
			near(t, "yhat_lower", fc.YhatLower[i], fc.Quantiles[2][i], 1e-12*fc.Yhat[i])
			near(t, "yhat_upper", fc.YhatUpper[i], fc.Quantiles[6][i], 1e-12*fc.Yhat[i])
			if !(fc.YhatLower[i] <= fc.Yhat[i] && fc.Yhat[i] <= fc.YhatUpper[i]) {
				t.Fatalf("row %d: yhat %v is not within %v and %v", i, fc.Yhat[i], fc.YhatLower[i], fc.YhatUpper[i])
			}
		}
	}
}

// With one future row, the distance between rows is the history's.
func TestOneFutureRow(t *testing.T) {
	t.Parallel()
	f := trendOnly(t, prophet.Linear)
	one := samples(t, f, ahead(t, f, 1), prophet.PredictOptions{Samples: 100})
	many := samples(t, f, ahead(t, f, 10), prophet.PredictOptions{Samples: 100})
	nearAll(t, "the first row", one.Trend[0], many.Trend[0], 1e-9)
}

// If the model is true, 50 % and 90 % intervals cover 50 % and 90 % of the held-out rows.
func TestCoverage(t *testing.T) {
	t.Parallel()
	for _, width := range []float64{0.5, 0.9} {
		inside, rows := 0, 0
		for seed := range uint64(20) {
			data := wave(100+seed, 860)
			o := prophet.Defaults()
			o.IntervalWidth = width
			f := fit(t, o, first(data, 800))
			fc := predict(t, f, data, prophet.PredictOptions{})
			for i := 800; i < 860; i++ {
				rows++
				if data.Y[i] >= fc.YhatLower[i] && data.Y[i] <= fc.YhatUpper[i] {
					inside++
				}
			}
		}
		near(t, fmt.Sprintf("coverage of %v", width), float64(inside)/float64(rows), width, 0.07)
	}
}
