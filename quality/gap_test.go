package quality

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// otherSecurity makes rows 0 to n-1 those of another security that ended gap sessions before row n: other prices, volumes
// and volatility.
func otherSecurity(t testing.TB, in *Input, n, gap int, factor float64) {
	other := walk(t, in.Exchange, len(in.Bars), .025, newRandom(21))
	for i := range n {
		b := other[i]
		b.Session = in.Bars[i].Session
		b.Volume /= 40
		in.Bars[i] = b
	}
	scalePricesOnly(in.Bars[:n], factor)
	in.Bars = append(in.Bars[:n-gap:n-gap], in.Bars[n:]...)
}

func TestReusedTicker(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"another security before a gap", func(in *Input) { otherSecurity(t, in, 70, 30, .3) },
			[]string{"missing_session warning 2025-06-04..2025-07-17 (30)", "reused_ticker error 2025-04-07..2025-06-03 (40)"}},
		{"the same, but listed before", func(in *Input) { otherSecurity(t, in, 70, 30, .3); in.Listed = etf.MustSession("2020-01-02") },
			[]string{"missing_session warning 2025-06-04..2025-07-17 (30)", "price_jump warning 2025-07-18"}},
		{"listed after the gap", func(in *Input) { otherSecurity(t, in, 70, 30, .3); in.Listed = etf.MustSession("2025-07-18") },
			[]string{"before_listing info 2025-06-03"}},
		{"listed later, without a gap", func(in *Input) { in.Listed = in.Bars[50].Session }, []string{"before_listing info 2025-06-17"}},
		{"listed on the first session", func(in *Input) { in.Listed = in.Bars[0].Session }, []string{}},
		{"the same fund after a gap", func(in *Input) { in.Bars = append(in.Bars[:40:40], in.Bars[80:]...) },
			[]string{"missing_session warning 2025-06-04..2025-07-31 (40)"}},
		{"a split in the gap", func(in *Input) {
			scalePrices(in.Bars[80:], 1, 4)
			in.Bars = append(in.Bars[:40:40], in.Bars[80:]...)
		}, []string{"missing_session warning 2025-06-04..2025-07-31 (40)", "split_suspected error 2025-04-07..2025-06-03 (40)"}},
		{"a split in the gap that is stated", func(in *Input) {
			scalePrices(in.Bars[80:], 1, 4)
			in.Actions = []etf.Action{{Kind: etf.Split, Ex: in.Bars[60].Session, Numerator: 4, Denominator: 1}}
			in.Bars = append(in.Bars[:40:40], in.Bars[80:]...)
		}, []string{"missing_session warning 2025-06-04..2025-07-31 (40)"}},
		{"a halt: sessions without a trade are no gap", func(in *Input) {
			krx(t, in)
			for i := 40; i < 80; i++ {
				in.Bars[i] = etf.Bar{Session: in.Bars[i].Session, Close: in.Bars[39].Close}
			}
			scalePricesOnly(in.Bars[80:], 1.5)
		}, []string{"no_trade info 2025-06-05..2025-07-31 (40)"}},
	})
}

// Years between two funds allow for other levels, but not for a plain fund at eight times the level of a wild one.
func TestReusedTickerAfterYears(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	for _, sessions := range []int{250, 500, 1000, 1250} {
		wild := walk(t, etf.XNYS, 80, .03, newRandom(3))
		in := Input{Symbol: "SIM", Exchange: etf.XNYS, Initial: true, Basis: etf.SplitAdjusted}
		calm := walk(t, etf.XNYS, 80, .008, newRandom(4))
		scalePricesOnly(wild, calm[0].Close.Float()/wild[79].Close.Float()/8)
		for i := range wild {
			if wild[i].Session, err = cal.Nth(calm[0].Session, -sessions-80+i); err != nil {
				t.Fatal(err)
			}
		}
		in.Bars = slices.Concat(wild, calm)
		in.Session = in.Bars[159].Session
		r := check(t, in)
		if !slices.ContainsFunc(r.Findings, func(f etf.Finding) bool { return f.Rule == ruleReused && len(f.Sessions) == 80 }) {
			t.Errorf("%d sessions: %q", sessions, summary(r))
		}
	}
}

// The stored rows in use are those of the other security: the new rows are named.
func TestReusedTickerInUse(t *testing.T) {
	t.Parallel()
	in := sound(t)
	otherSecurity(t, &in, 70, 30, .3)
	in.Initial, in.Known, in.Bars = false, stored(slices.Clone(in.Bars[:40]), in.Basis), in.Bars[40:]
	r := check(t, in)
	consistent(t, in, r)
	if got := summary(r); !slices.Contains(got, "reused_ticker error 2025-09-26") || !slices.Contains(got, "reused_ticker error 2025-07-18..2025-09-25 (49)") {
		t.Errorf("%q", got)
	}
	if e := r.Findings[len(r.Findings)-1].Evidence; !strings.Contains(e, "daily volatility") || !strings.Contains(e, "volume times") || !strings.Contains(e, "sessions earlier") {
		t.Errorf("evidence %q", e)
	}
}

// Two funds next to each other are told apart, and one fund with a hole is not taken for two.
func TestReusedTickerShares(t *testing.T) {
	t.Parallel()
	random := newRandom(31)
	var two, one outcome
	for range 60 {
		for _, gap := range []int{25, 60, 250} {
			for _, n := range []int{15, 40, 120} {
				p := profiles[random.IntN(len(profiles))]
				whole := temperament(t, p, 2*n+gap, random)
				q := profiles[random.IntN(len(profiles))]
				q.start *= math.Exp(random.NormFloat64())
				other := temperament(t, q, 2*n+gap, random)
				for k, before := range [][]etf.Bar{whole, other} {
					bars := slices.Concat(before[:n], whole[n+gap:])
					r := check(t, Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[len(bars)-1].Session, Initial: true, Bars: bars, Basis: etf.SplitAdjusted})
					found := slices.ContainsFunc(r.Findings, func(f etf.Finding) bool { return f.Rule == ruleReused || f.Rule == ruleSplit })
					o := &one
					if k == 1 {
						o = &two
					}
					o.all++
					if found {
						o.found++
					}
				}
			}
		}
	}
	t.Logf("two funds are told apart in %.3f of %d, one fund is taken for two in %.3f", two.share(), two.all, one.share())
	if two.share() < .85 || one.share() > .02 {
		t.Errorf("two funds are told apart in %.3f, one fund is taken for two in %.3f", two.share(), one.share())
	}
}

// Two different rows for every session are no daily series, even if they are near each other; the two states of one bar are.
func TestTwoRowsASession(t *testing.T) {
	t.Parallel()
	twice := func(edit func(*etf.Bar)) func(in *Input) {
		return func(in *Input) {
			var bars []etf.Bar
			for _, b := range in.Bars {
				second := b
				edit(&second)
				bars = append(bars, b, second)
			}
			in.Bars = bars
		}
	}
	run(t, []scenario{
		{"two halves of a session", twice(func(b *etf.Bar) { b.Open = b.Close }), []string{"wrong_frequency error 2025-09-26", "wrong_frequency error 2025-04-07..2025-09-25 (119)"}},
		{"two states of a bar", twice(func(b *etf.Bar) { b.Volume += etf.Shares(1000) }), []string{"duplicate_row warning 2025-04-07..2025-09-26 (120)"}},
	})
}

// A correction of a row before the gap changes nothing about who is blamed: the new row, which goes on from those after it.
func TestRevisedRowBesideAGap(t *testing.T) {
	t.Parallel()
	bars := slices.Delete(walk(t, etf.XNYS, 150, 0.01, newRandom(31)), 100, 130)
	scalePricesOnly(bars[100:], 3.37)
	for i := range bars[100:] {
		bars[100+i].Volume *= 20
	}
	for _, revised := range []int{92, 96, 99} {
		in := Input{Symbol: "SIM", Exchange: etf.XNYS, Basis: etf.AsTraded, Session: bars[108].Session, Source: "file", Bars: slices.Clone(bars[92:109]), Known: stored(bars[32:108], etf.AsTraded)}
		scalePricesOnly(in.Bars[revised-92:revised-91], 1.003)
		if r := check(t, in); !r.QuarantinedNew || r.Verdicts[16] != etf.VerdictQuarantine {
			t.Errorf("revised on %s: %q", bars[revised].Session, summary(r))
		}
	}
}
