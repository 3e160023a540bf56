package quality

import (
	"math"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestPriceRange(t *testing.T) {
	t.Parallel()
	times := func(p *etf.Price, num, den int64) { *p, _ = p.MulRatio(num, den) }
	run(t, []scenario{
		{"high ten times too high", func(in *Input) { times(&in.Bars[100].High, 10, 1) }, []string{"price_range error 2025-08-29"}},
		{"of the new session", func(in *Input) { times(&in.Bars[119].High, 10, 1); daily(in, 1) }, []string{"price_range error 2025-09-26"}},
		{"low a tenth", func(in *Input) { times(&in.Bars[100].Low, 1, 10) }, []string{"price_range error 2025-08-29"}},
		{"open and high 35 % too high", func(in *Input) {
			b := &in.Bars[100]
			times(&b.Open, 135, 100)
			b.High = b.Open
		}, []string{"price_range warning 2025-08-29"}},
		{"open and low a third too low", func(in *Input) {
			b := &in.Bars[100]
			times(&b.Open, 2, 3)
			b.Low = b.Open
		}, []string{"price_range warning 2025-08-29"}},
		{"low 12 % too low, with three times the volume", func(in *Input) { times(&in.Bars[100].Low, 88, 100); in.Bars[100].Volume *= 3 },
			[]string{"price_range info 2025-08-29"}},
		{"four odd opens of a thinly traded fund", func(in *Input) {
			random := newRandom(4)
			for i := range in.Bars {
				in.Bars[i].Volume = etf.Shares(int64(1 + 1000*math.Exp(1.5*random.NormFloat64())))
			}
			for _, i := range []int{20, 50, 80, 110} {
				b := &in.Bars[i]
				b.Volume = etf.Shares(500)
				times(&b.Open, 115, 100)
				b.High = max(b.High, b.Open)
			}
		}, []string{"price_range info 2025-05-06..2025-09-15 (4)"}},
		{"low 12 % too low", func(in *Input) { times(&in.Bars[100].Low, 88, 100) }, []string{"price_range warning 2025-08-29"}},
		{"high 4 % above", func(in *Input) { times(&in.Bars[100].High, 104, 100) }, []string{}},
		{"a crash during the session has a wide range, and its close is near the low", func(in *Input) {
			move(in, 119, -.065)
			in.Bars[119].Open = in.Bars[118].Close
			in.Bars[119].High = in.Bars[118].Close
		}, []string{"price_jump warning 2025-09-26"}},
		{"a stated split: the open is on the new level", func(in *Input) {
			scalePrices(in.Bars[100:], 1, 4)
			in.Actions = []etf.Action{{Kind: etf.Split, Ex: in.Bars[100].Session, Numerator: 4, Denominator: 1}}
		}, []string{}},
		{"in use already", func(in *Input) { times(&in.Bars[115].High, 10, 1); overlap(in, 10) }, []string{}},
		{"a quiet fund's 2 %", func(in *Input) {
			in.Bars = walk(t, etf.XNYS, soundRows, .001, newRandom(3))
			times(&in.Bars[100].Low, 98, 100)
		}, []string{"price_range warning 2025-08-29"}},
		{"a volatile fund's 12 %", func(in *Input) {
			in.Bars = walk(t, etf.XNYS, soundRows, .04, newRandom(3))
			times(&in.Bars[100].Low, 88, 100)
		}, []string{}},
	})
	for _, n := range []int{10, 30, 250, 2500} {
		for _, i := range []int{0, 1, n / 2, n - 1} {
			bars := walk(t, etf.XNYS, n, .01, newRandom(2))
			times(&bars[i].High, 10, 1)
			in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n-1].Session, Initial: true, Bars: bars, Basis: etf.AsTraded}
			if got := summary(check(t, in)); len(got) != 1 || got[0] != "price_range error "+bars[i].Session.String() {
				t.Errorf("%d rows, row %d: %q", n, i, got)
			}
		}
	}
}
