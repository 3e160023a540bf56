package ets

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/internal/testenv"
)

// Rolling origins over ten years of eight real funds, up to 2023-06-30, filtered every fifth session and fitted again every 125th, beside drift. Both
// follow volatility in the same way, so that coverage is about drift's (one that is .04 less is 2 standard errors at 21 sessions). At h = 1 the median can't be much better or worse than the last close:
// look-ahead would show as far better. A constant sigma has the larger pinball loss at h = 1 on every fund, which is why it is not the default.
// The figures are in docs/models.md.
func TestRealFunds(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	for _, name := range []string{
		"yahoo/SPY.csv", "yahoo/QQQ.csv", "yahoo/IWM.csv", "yahoo/EEM.csv",
		"krx/069500_D.csv", "krx/114800_D.csv", "krx/139230_D.csv", "krx/152380_D.csv",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readReal(t, filepath.Join(folder, "prices", name), etf.MustSession("2023-06-30")).Tail(2520)
			const ours, constant, benchmark = 0, 1, 2
			var pinball, absolute [3][22]float64
			var covered [3][22]int
			origins := 0
			var f forecast.Fitted
			for at := 749; at+etf.MaxHorizon < len(s.Close); at += 5 {
				past := s
				past.Sessions, past.Close, past.Origin = s.Sessions[:at+1], s.Close[:at+1], s.Sessions[at]
				var err error
				if origins%25 == 0 {
					f, err = Default().Fit(context.Background(), past, 0, nil)
				} else {
					f, err = f.(forecast.Filterer).Filter(context.Background(), past)
				}
				if err != nil {
					t.Fatal(err)
				}
				same := *f.(*fitted)
				same.Volatility = Constant
				d, err := drift.Default().Fit(context.Background(), past, 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				origins++
				for i, f := range []forecast.Fitted{ours: f, constant: &same, benchmark: d} {
					points, err := f.Predict(s.Sessions[at+1 : at+1+etf.MaxHorizon])
					if err != nil {
						t.Fatal(err)
					}
					for _, h := range []int{1, 5, 21} {
						actual, q := s.Close[at+h], points[h-1].Quantiles
						if actual >= q[0] && actual <= q[6] {
							covered[i][h]++
						}
						absolute[i][h] += math.Abs(actual-q[3]) / s.Close[at]
						for k, level := range etf.QuantileLevels {
							e := (actual - q[k]) / s.Close[at]
							pinball[i][h] += max(level*e, (level-1)*e)
						}
					}
				}
			}
			for _, h := range []int{1, 5, 21} {
				c, theirs := float64(covered[ours][h])/float64(origins), float64(covered[benchmark][h])/float64(origins)
				mae, loss := absolute[ours][h]/absolute[benchmark][h], pinball[ours][h]/pinball[benchmark][h]
				still := pinball[constant][h] / pinball[benchmark][h]
				t.Logf("h=%d: %d origins; of drift's: absolute error %.3f, pinball loss %.3f, with constant sigma %.3f; the 90 %% interval covers %.3f, drift's %.3f",
					h, origins, mae, loss, still, c, theirs)
				if math.Abs(c-theirs) > .04 {
					t.Errorf("h=%d: the 90 %% interval covers %.3f of %d closes, drift's %.3f", h, c, origins, theirs)
				}
				if h == 1 && (c < .86 || c > .93) {
					t.Errorf("h=1: the 90 %% interval covers %.3f of %d closes", c, origins)
				}
				if h == 1 && (mae < .97 || mae > 1.03 || loss < .97 || loss > 1.03) {
					t.Errorf("h=1: absolute error %.4f and pinball loss %.4f of drift's", mae, loss)
				}
				if h == 1 && still < loss {
					t.Errorf("h=1: with constant sigma the pinball loss is %.4f of drift's, otherwise %.4f", still, loss)
				}
			}
		})
	}
}
