package quality

import (
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// BenchmarkCheckHistory is a first update: 8,000 bars, 32 years. The target is 5 ms.
func BenchmarkCheckHistory(b *testing.B) {
	bars := walk(b, etf.XNYS, 8000, 0.01, rand.New(rand.NewPCG(1, 1)))
	in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[len(bars)-1].Session, Initial: true, Bars: bars, Basis: etf.AsTraded}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check(in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckDay is a daily update: one new bar against 60 stored ones.
func BenchmarkCheckDay(b *testing.B) {
	bars := walk(b, etf.XNYS, 61, 0.01, rand.New(rand.NewPCG(1, 1)))
	in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[60].Session, Bars: bars[60:], Basis: etf.AsTraded, Known: stored(bars[:60], etf.AsTraded)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check(in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAdjust restates 8,000 bars for two splits.
func BenchmarkAdjust(b *testing.B) {
	bars := walk(b, etf.XNYS, 8000, 0.01, rand.New(rand.NewPCG(1, 1)))
	known := stored(bars, etf.AsTraded)
	splits := []etf.Action{{Kind: etf.Split, Ex: bars[2000].Session, Numerator: 3, Denominator: 2}, {Kind: etf.Split, Ex: bars[5000].Session, Numerator: 5, Denominator: 1}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Adjust(known, splits, bars[7999].Session); err != nil {
			b.Fatal(err)
		}
	}
}

// walk returns n bars ending on 2025-09-26, a random walk from 100 (XKRX: 10,000) in whole ticks.
func walk(t testing.TB, x etf.Exchange, n int, sigma float64, random *rand.Rand) []etf.Bar {
	t.Helper()
	cal, err := calendar.For(x)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{To: etf.MustSession("2025-09-26")})
	sessions = sessions[len(sessions)-n:]
	close, decimals := 100.0, 2
	if x == etf.XKRX {
		close, decimals = 10000, 0
	}
	bars := make([]etf.Bar, n)
	round := func(f float64) etf.Price {
		p, ok := etf.PriceFromFloat(f)
		if !ok {
			t.Fatalf("price %v", f)
		}
		return p.RoundTo(decimals)
	}
	for i := range bars {
		open := close * (1 + 0.3*sigma*random.NormFloat64())
		close *= 1 + sigma*random.NormFloat64()
		b := etf.Bar{Session: sessions[i], Open: round(open), Close: round(close), Volume: etf.Shares(1_000_000 + random.Int64N(500_000))}
		b.High = max(b.Open, b.Close) + round(0.2*sigma*close*random.Float64())
		b.Low = min(b.Open, b.Close) - round(0.2*sigma*close*random.Float64())
		bars[i] = b
	}
	return bars
}

func stored(bars []etf.Bar, basis etf.Basis) []etf.StoredBar {
	out := make([]etf.StoredBar, len(bars))
	for i, b := range bars {
		out[i] = etf.StoredBar{Bar: b, Basis: basis, Source: "test"}
	}
	return out
}
