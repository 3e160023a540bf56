package prophet_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// tradingDays returns a seeded random walk on Mondays to Fridays.
func tradingDays(n int) *prophet.Frame {
	rng := rand.New(rand.NewPCG(7, 7))
	f := &prophet.Frame{}
	s, x := prophet.DateOf(2010, 1, 4), math.Log(100)
	for len(f.DS) < n {
		if d := s.Weekday(); d != 0 && d != 6 {
			x += 0.0003 + 0.01*rng.NormFloat64()
			f.DS, f.Y = append(f.DS, s), append(f.Y, math.Exp(x))
		}
		s += prophet.Day
	}
	return f
}

func benchmarkFit(b *testing.B, f *prophet.Frame, o prophet.Options) {
	m, err := prophet.New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		fitted, err := m.Fit(b.Context(), f, prophet.FitOptions{})
		if err != nil {
			b.Fatal(err)
		}
		future, err := fitted.MakeFuture(30, prophet.Freq{}, true)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := fitted.Predict(b.Context(), future, prophet.PredictOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFitPredict(b *testing.B) {
	o := prophet.Defaults()
	b.Run("2500", func(b *testing.B) { benchmarkFit(b, tradingDays(2500), o) })
	b.Run("10000", func(b *testing.B) { benchmarkFit(b, tradingDays(10000), o) })
	o.Market = prophet.MarketFor("XNYS")
	b.Run("market", func(b *testing.B) { benchmarkFit(b, tradingDays(2500), o) })
}

func BenchmarkPeyton(b *testing.B) {
	benchmarkFit(b, realSeries(b, "example_wp_log_peyton_manning.csv"), prophet.Defaults())
}
