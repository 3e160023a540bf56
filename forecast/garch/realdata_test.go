package garch

import (
	"context"
	"math"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/internal/testenv"
)

// Rolling origins over the history of two real funds, every tenth session from row 750 on, fitted every 252 rows and filtered between. The 90 %
// interval covers about 90 %, and the mean pinball loss one session ahead is below the benchmark's, whose volatility is known to be a good one: a
// few per cent, not more. A far smaller loss would mean that the model sees what it forecasts.
func TestRealFunds(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	benchmark := drift.Default()
	for _, symbol := range []string{"SPY", "EEM"} {
		closes := readCloses(t, folder, "yahoo/"+symbol)
		s := series(closes...)
		cut := func(at, rows int) forecast.Series {
			past := s
			past.Sessions, past.Close, past.Origin = s.Sessions[max(0, at+1-rows):at+1], s.Close[max(0, at+1-rows):at+1], s.Sessions[at]
			return past
		}
		for _, m := range []*Model{Default(), DefaultGJR()} {
			covered, losses, theirs, origins := map[int]float64{}, map[int]float64{}, map[int]float64{}, 0.0
			var f forecast.Fitted
			fittedAt := -1000
			for at := 750; at+etf.MaxHorizon < len(closes); at += 10 {
				if at-fittedAt >= 252 {
					f, fittedAt = fit(t, m, cut(at, m.MaxRows())), at
				} else {
					var err error
					if f, err = f.(forecast.Filterer).Filter(context.Background(), cut(at, 20)); err != nil {
						t.Fatal(err)
					}
				}
				targets := s.Sessions[at+1 : at+1+etf.MaxHorizon]
				points, err := f.Predict(targets)
				if err != nil {
					t.Fatal(err)
				}
				b, err := benchmark.Fit(context.Background(), cut(at, benchmark.MaxRows()), 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				other, err := b.Predict(targets)
				if err != nil {
					t.Fatal(err)
				}
				origins++
				for _, h := range []int{1, 5, 21} {
					actual, q := closes[at+h], points[h-1].Quantiles
					if actual >= q[0] && actual <= q[6] {
						covered[h]++
					}
					for k, level := range etf.QuantileLevels {
						losses[h] += pinball(actual, q[k], level) / closes[at]
						theirs[h] += pinball(actual, other[h-1].Quantiles[k], level) / closes[at]
					}
				}
			}
			for _, h := range []int{1, 5, 21} {
				share, ratio := covered[h]/origins, losses[h]/theirs[h]
				if share < .86 || share > .95 {
					t.Errorf("%s, %s, h=%d: the 90 %% interval covers %.3f of %.0f closes", symbol, m.Name(), h, share, origins)
				}
				if ratio < .95 || ratio > 1.06 {
					t.Errorf("%s, %s, h=%d: pinball loss is %.4f of the benchmark's", symbol, m.Name(), h, ratio)
				}
			}
			t.Logf("%-4s %-5s %4.0f origins; coverage %.3f %.3f %.3f; pinball loss by the benchmark's %.4f %.4f %.4f", symbol, m.Name(), origins,
				covered[1]/origins, covered[5]/origins, covered[21]/origins, losses[1]/theirs[1], losses[5]/theirs[5], losses[21]/theirs[21])
		}
	}
}

func pinball(actual, quantile, level float64) float64 {
	return math.Max(level*(actual-quantile), (level-1)*(actual-quantile))
}
