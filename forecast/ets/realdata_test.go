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

// Rolling origins over the histories of four real funds, filtered every fifth session and fitted again every 126th, beside drift. Both have the same
// volatility, so that coverage is drift's; the bounds are those of its test. The median may be a little better or worse than
// the last close: look-ahead would show as far better.
func TestCoverageOnRealFunds(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	for _, symbol := range []string{"SPY", "QQQ", "IWM", "EEM"} {
		t.Run(symbol, func(t *testing.T) {
			t.Parallel()
			m := Default()
			s := readReal(t, filepath.Join(folder, "prices", "yahoo", symbol+".csv"), etf.MustSession("2025-06-30")).Tail(5000)
			covered, origins := map[int]int{}, 0
			var errors, benchmark [22]float64
			var f forecast.Fitted
			for at := 750; at+etf.MaxHorizon < len(s.Close); at += 5 {
				past := s
				past.Sessions, past.Close, past.Origin = s.Sessions[:at+1], s.Close[:at+1], s.Sessions[at]
				var err error
				if origins%25 == 0 {
					f, err = m.Fit(context.Background(), past, 0, nil)
				} else {
					f, err = f.(forecast.Filterer).Filter(context.Background(), past)
				}
				if err != nil {
					t.Fatal(err)
				}
				d, err := drift.Default().Fit(context.Background(), past, 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				points, err := f.Predict(s.Sessions[at+1 : at+1+etf.MaxHorizon])
				if err != nil {
					t.Fatal(err)
				}
				others, err := d.Predict(s.Sessions[at+1 : at+1+etf.MaxHorizon])
				if err != nil {
					t.Fatal(err)
				}
				origins++
				for _, h := range []int{1, 5, 21} {
					actual, q := s.Close[at+h], points[h-1].Quantiles
					if actual >= q[0] && actual <= q[6] {
						covered[h]++
					}
					errors[h] += math.Abs(actual-q[3]) / s.Close[at]
					benchmark[h] += math.Abs(actual-others[h-1].Quantiles[3]) / s.Close[at]
				}
			}
			for h, bounds := range map[int][2]float64{1: {.86, .92}, 5: {.86, .94}, 21: {.84, .95}} {
				c, relative := float64(covered[h])/float64(origins), errors[h]/benchmark[h]
				t.Logf("h=%d: %d origins, the 90 %% interval covers %.3f, error %.4f of drift's", h, origins, c, relative)
				if c < bounds[0] || c > bounds[1] {
					t.Errorf("h=%d: the 90 %% interval covers %.3f of %d closes", h, c, origins)
				}
				if relative < .95 || relative > 1.1 {
					t.Errorf("h=%d: mean absolute error %.4f of drift's", h, relative)
				}
			}
		})
	}
}
