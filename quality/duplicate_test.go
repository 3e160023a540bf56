package quality

import (
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// Two rows of one session, in the middle of a history and at its end: which one is kept.
func TestChoosingBetweenDuplicates(t *testing.T) {
	t.Parallel()
	type want int
	const (
		earlier want = iota
		later
		neither
	)
	narrow := func(b etf.Bar, volume etf.Volume) etf.Bar { // an earlier state of the bar
		middle := (b.High + b.Low) / 2
		b.Open, b.High, b.Low, b.Close, b.Volume = middle, middle, middle, middle, volume
		return b
	}
	scaled := func(b etf.Bar, num, den int64) etf.Bar {
		list := []etf.Bar{b}
		scalePrices(list, num, den)
		list[0].Volume = b.Volume
		return list[0]
	}
	for name, c := range map[string]struct {
		rows         func(b etf.Bar) [2]etf.Bar // earlier and later, from the true bar
		inside, last want
	}{
		"an unfinished bar appended": {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{b, narrow(b, b.Volume/840)} }, earlier, earlier},
		"with a third of the volume": {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{b, narrow(b, b.Volume/3)} }, earlier, earlier},
		"the finished bar appended":  {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{narrow(b, b.Volume/840), b} }, later, later},
		"a flat bar without volume":  {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{b, narrow(b, 0)} }, earlier, earlier},
		"no volume":                  {func(b etf.Bar) [2]etf.Bar { n := b; n.Volume = etf.VolumeUnknown; return [2]etf.Bar{b, n} }, earlier, earlier},
		"a little less volume, wider": {func(b etf.Bar) [2]etf.Bar {
			n := b
			n.High, n.Low, n.Volume = b.High+b.High/5000, b.Low-b.Low/5000, b.Volume-b.Volume/300
			return [2]etf.Bar{b, n}
		}, later, later},
		"a little less volume, narrower": {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{b, narrow(b, b.Volume-b.Volume/20)} }, later, later},
		"far less volume, beside the range": {func(b etf.Bar) [2]etf.Bar {
			n := scaled(narrow(b, b.Volume/500), 1, 1)
			n.High, n.Close = b.High+b.High/200, b.High+b.High/200
			return [2]etf.Bar{b, n}
		}, earlier, earlier},
		"zeros appended":                      {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{b, {Session: b.Session, Volume: b.Volume}} }, earlier, earlier},
		"zeros first":                         {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{{Session: b.Session, Volume: b.Volume}, b} }, later, later},
		"another unit":                        {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{b, scaled(b, 100, 1)} }, earlier, neither},
		"another level first":                 {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{scaled(b, 1, 2), b} }, later, neither},
		"far less volume and another level":   {func(b etf.Bar) [2]etf.Bar { n := scaled(b, 2, 1); n.Volume /= 840; return [2]etf.Bar{b, n} }, earlier, neither},
		"two wrong levels":                    {func(b etf.Bar) [2]etf.Bar { return [2]etf.Bar{scaled(b, 3, 2), scaled(b, 2, 3)} }, neither, neither},
		"the same prices, revised volume":     {func(b etf.Bar) [2]etf.Bar { n := b; n.Volume += n.Volume / 10; return [2]etf.Bar{b, n} }, later, later},
		"the same prices, volume in thousand": {func(b etf.Bar) [2]etf.Bar { n := b; n.Volume /= 1000; return [2]etf.Bar{b, n} }, earlier, earlier},
	} {
		t.Run(name, func(t *testing.T) {
			every(t, func(t *testing.T, x etf.Exchange, bars []etf.Bar) {
				for _, at := range []int{len(bars) / 2, len(bars) - 1} {
					kept := c.inside
					if at == len(bars)-1 {
						kept = c.last
					}
					rows := c.rows(bars[at])
					in := first(x, slices.Concat(bars[:at:at], rows[:], bars[at+1:]))
					r := check(t, in)
					consistent(t, in, r)
					got := [2]etf.Verdict{r.Verdicts[at], r.Verdicts[at+1]}
					expected := map[want][2]etf.Verdict{
						earlier: {etf.VerdictKeep, etf.VerdictDrop}, later: {etf.VerdictDrop, etf.VerdictKeep},
						neither: {etf.VerdictDrop, etf.VerdictQuarantine},
					}[kept]
					if got != expected {
						t.Errorf("row %d of %d: verdicts %v, want %v: %q", at, len(bars), got, expected, summary(r))
					}
					for _, f := range r.Findings {
						if f.Rule != ruleDuplicate || (f.Severity == etf.SeverityError) != (kept == neither) {
							t.Errorf("row %d of %d: %s %s: %s", at, len(bars), f.Rule, f.Severity, f.Evidence)
						}
					}
				}
			})
		})
	}
}

// Of a response that is condensed the finished bars are kept as well.
func TestDuplicatesOfACondensedResponse(t *testing.T) {
	t.Parallel()
	bars := walk(t, etf.XNYS, 1000, 0.01, newRandom(1))
	unfinished := slices.Clone(bars)
	for i := range unfinished {
		b := &unfinished[i]
		b.Open, b.High, b.Low, b.Volume = b.Close, b.Close, b.Close, b.Volume/1000
	}
	in := first(etf.XNYS, slices.Concat(slices.Repeat(unfinished, 13), bars, slices.Repeat(unfinished, 13)))
	in.Bars, in.Ordinals = Condense(in.Bars)
	if in.Ordinals == nil {
		t.Fatal("nothing was left out")
	}
	r := check(t, in)
	consistent(t, in, r)
	for i, v := range r.Verdicts {
		if v == etf.VerdictKeep && in.Bars[i] != bars[slices.IndexFunc(bars, func(b etf.Bar) bool { return b.Session == in.Bars[i].Session })] {
			t.Fatalf("row %d is kept: %+v", i, in.Bars[i])
		}
	}
}
