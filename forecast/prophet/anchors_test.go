package prophet_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// The numbers in this file are from the original's documentation and issues, printed over the years on several machines.
// They differ from each other by up to 0.1 %: the original does not agree with itself any better.

const peyton = "example_wp_log_peyton_manning.csv"

func TestPeytonManningSetUp(t *testing.T) {
	t.Parallel()
	data := realSeries(t, peyton)
	m, err := prophet.New(prophet.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	k, offset, err := m.StartOf(data)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "k", k, -0.05444079622224118, 1e-15)
	near(t, "m", offset, 0.7465517318876905, 1e-15)
	s := fit(t, prophet.Defaults(), data).State()
	if s.Columns != 26 || len(s.Changepoints) != 25 {
		t.Errorf("%d features and %d changepoints, want 26 and 25", s.Columns, len(s.Changepoints))
	}
}

func TestPeytonManningForecast(t *testing.T) {
	t.Parallel()
	data := realSeries(t, peyton)
	days := dates("2017-01-15", "2017-01-16", "2017-01-17", "2017-01-18", "2017-01-19")
	// What the original printed, and the maximum from an independent implementation of the same density.
	maximum := []float64{8.207359, 8.532366, 8.319728, 8.152399, 8.164273}
	printed := map[string][]float64{
		"Python notebook":    {8.212625, 8.537635, 8.325071, 8.157723, 8.169677},
		"R notebook":         {8.200125, 8.525104, 8.312482, 8.145098, 8.156964},
		"issue 316, Python":  {8.206753, 8.531766, 8.319156, 8.151772, 8.163690},
		"issue 316, R":       {8.207400, 8.532394, 8.319785, 8.152424, 8.164327},
		"independent L-BFGS": {8.209670, 8.534714, 8.322127, 8.154777, 8.166723},
	}
	for _, by := range []prophet.Optimizer{prophet.MAP, prophet.Auto} {
		o := prophet.Defaults()
		o.Optimizer = by
		f := fit(t, o, data)
		frame := future(t, f, 365, "D", true)
		fc := predict(t, f, frame, prophet.PredictOptions{})
		last := len(fc.DS) - 5
		for i, day := range days {
			if fc.DS[last+i] != day {
				t.Fatalf("row %d from the end is %s, want %s", 5-i, fc.DS[last+i], day)
			}
		}
		yhat := fc.Yhat[last:]
		if by == prophet.MAP {
			nearAll(t, "yhat", yhat, maximum, 1e-5)
			near(t, "log posterior", f.Report().LogPosterior, 8005.159165, 1e-4)
			p := f.State().Params
			near(t, "k", p.K[0], -0.34820861, 1e-5)
			near(t, "m", p.M[0], 0.62554425, 1e-5)
			near(t, "sigma", p.SigmaObs[0], 0.037606922, 1e-7)
		}
		for name, want := range printed {
			for i := range want {
				near(t, fmt.Sprintf("%s, %s, %s", by, name, days[i]), yhat[i], want[i], 0.003*want[i])
			}
		}
		// The notebook prints intervals of about ±0.75.
		for i := range yhat {
			near(t, "lower", fc.Yhat[last+i]-fc.YhatLower[last+i], 0.75, 0.12)
			near(t, "upper", fc.YhatUpper[last+i]-fc.Yhat[last+i], 0.75, 0.12)
		}
	}
}

// The dates are public: the playoff games of the Denver Broncos and the Indianapolis Colts and Super Bowls XLIV, XLVIII
// and 50, as listed in the original's documentation.
func playoffs(prior float64) []prophet.Holiday {
	var out []prophet.Holiday
	for _, d := range dates("2008-01-13", "2009-01-03", "2010-01-16", "2010-01-24", "2010-02-07", "2011-01-08", "2013-01-12", "2014-01-12",
		"2014-01-19", "2014-02-02", "2015-01-11", "2016-01-17", "2016-01-24", "2016-02-07") {
		out = append(out, prophet.Holiday{Name: "playoff", DS: d, UpperWindow: 1, PriorScale: prior})
	}
	for _, d := range dates("2010-02-07", "2014-02-02", "2016-02-07") {
		out = append(out, prophet.Holiday{Name: "superbowl", DS: d, UpperWindow: 1, PriorScale: prior})
	}
	return out
}

// The effects on the day of a Super Bowl (also a playoff game) and the day after, as printed in the documentation.
func TestPeytonManningHolidays(t *testing.T) {
	t.Parallel()
	data := realSeries(t, peyton)
	for _, c := range []struct {
		prior                           float64
		playoff, after, bowl, bowlAfter float64
		byOriginal, atMaximum           float64 // relative tolerances
	}{
		{0, 1.223965, 1.901742, 1.201517, 1.460471, 0.02, 0.02},
		// With priors this narrow, two effects on one day can compensate for each other: L-BFGS stops before the maximum.
		{0.05, 1.206086, 1.852077, 0.964914, 0.992634, 0.06, 0.02},
	} {
		for _, by := range []prophet.Optimizer{prophet.MAP, prophet.Auto} {
			o := prophet.Defaults()
			o.Optimizer = by
			o.Holidays = playoffs(c.prior)
			f := fit(t, o, data)
			fc := predict(t, f, nil, prophet.PredictOptions{NoIntervals: true})
			for i, s := range fc.DS {
				playoff, bowl := fc.Component("playoff").Value[i], fc.Component("superbowl").Value[i]
				tolerance := c.atMaximum
				if by == prophet.Auto {
					tolerance = c.byOriginal
				}
				switch s {
				case prophet.DateOf(2014, 2, 2):
					near(t, fmt.Sprintf("%s, prior %v, playoff", by, c.prior), playoff, c.playoff, tolerance*c.playoff)
					near(t, fmt.Sprintf("%s, prior %v, superbowl", by, c.prior), bowl, c.bowl, tolerance*c.bowl)
				case prophet.DateOf(2014, 2, 3):
					near(t, fmt.Sprintf("%s, prior %v, day after a playoff", by, c.prior), playoff, c.after, tolerance*c.after)
					near(t, fmt.Sprintf("%s, prior %v, day after the superbowl", by, c.prior), bowl, c.bowlAfter, tolerance*c.bowlAfter)
				case prophet.DateOf(2014, 1, 12):
					if bowl != 0 || playoff == 0 {
						t.Errorf("2014-01-12: playoff %v, superbowl %v", playoff, bowl)
					}
				}
			}
		}
	}
}

// A fit of the first 480 rows of data.csv that another project copied from the original's Python program (augurs,
// crates/augurs-prophet/src/prophet.rs, MIT or Apache). Where the original stops depends on the machine.
func TestTradingDaysLikeTheCopiedFit(t *testing.T) {
	t.Parallel()
	train, _ := split(realSeries(t, "data.csv"), 30)
	o := prophet.Defaults()
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	k, offset, err := m.StartOf(train)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "initial k", k, 0.29834791059280863, 1e-14)
	near(t, "initial m", offset, 0.5307510759405802, 1e-14)
	o.Optimizer = prophet.Auto
	s := fit(t, o, train).State()
	nearAll(t, "y_scaled", s.History.YScaled[:5], []float64{0.530751, 0.472442, 0.430376, 0.444259, 0.458559}, 1e-6)
	nearAll(t, "t", s.History.T[:5], []float64{0, 0.004298, 0.005731, 0.007163, 0.008596}, 1e-6)
	near(t, "k", s.Params.K[0], -1.01136, 0.1)
	near(t, "m", s.Params.M[0], 0.460947, 0.02)
	near(t, "sigma", s.Params.SigmaObs[0], 0.0451108, 0.002)
	large := map[int]bool{}
	for j, d := range s.Params.Delta[0] {
		if math.Abs(d) > 0.2 {
			large[j] = true
		}
	}
	for j := range large {
		switch j {
		case 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23: // in the copied fit, or next to one that is
		default:
			t.Errorf("a large rate change at changepoint %d, but the copied fit has none nearby: %v", j, s.Params.Delta[0])
		}
	}
	if len(large) < 4 {
		t.Errorf("only %d large rate changes: %v", len(large), s.Params.Delta[0])
	}
}
