package quality

import (
	"math"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// move multiplies all prices from row i on by exp(log).
func move(in *Input, i int, log float64) {
	scalePricesOnly(in.Bars[i:], math.Exp(log))
}

func scalePricesOnly(bars []etf.Bar, factor float64) {
	num := int64(math.Round(factor * 1e9))
	for i := range bars {
		b := &bars[i]
		for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
			*p, _ = p.MulRatio(num, 1e9)
		}
	}
}

// The sound input moves about 1 % a day, 1.3 % around row 100 and 1 % at the end. Rows 100 and 119 are 2025-08-29 and
// 2025-09-26.
func TestJump(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"5 volatilities", func(in *Input) { move(in, 100, -.05) }, []string{}},
		{"9 volatilities in history", func(in *Input) { move(in, 100, -.12) }, []string{"price_jump warning 2025-08-29"}},
		{"9 volatilities on the new session", func(in *Input) { move(in, 119, .09) }, []string{"price_jump warning 2025-09-26"}},
		{"25 volatilities, a spin-off", func(in *Input) { move(in, 100, -.25) }, []string{"price_jump warning 2025-08-29"}},
		{"new session, 45 % up", func(in *Input) { move(in, 119, math.Log(1.45)); in.Bars[119].Volume /= 10 },
			[]string{"held_close warning 2025-09-26"}},
		// Not the ratio of a split, and nothing else says that the market did not make it.
		{"a lasting fall by 57 %", func(in *Input) { move(in, 100, math.Log(.43)) }, []string{"price_jump warning 2025-08-29"}},
		// The old rows can't be compared with the 20 new ones.
		{"a lasting fall by 77 %, with the volume of a split", func(in *Input) { scalePrices(in.Bars[100:], 23, 100) },
			[]string{"price_jump error 2025-04-07..2025-08-28 (100)"}},
		// 19 rows on the new level do not outweigh 101.
		{"the same, a day later", func(in *Input) { scalePrices(in.Bars[101:], 23, 100) },
			[]string{"price_jump error 2025-09-26", "price_jump error 2025-09-02..2025-09-25 (18)"}},
		{"a fall by 80 % between calm days", func(in *Input) { move(in, 100, math.Log(.187)) },
			[]string{"price_jump error 2025-04-07..2025-08-28 (100)"}},
		{"the same, followed by wild days", func(in *Input) {
			copy(in.Bars[100:], walk(t, etf.XNYS, 20, .08, newRandom(4)))
			move(in, 100, math.Log(.187))
		}, []string{"price_jump warning 2025-08-29"}},
		{"close and high ten times too high", func(in *Input) {
			b := &in.Bars[119]
			b.Close *= 10
			b.High = b.Close
		}, []string{"price_jump error 2025-09-26"}},
		{"a bond fund's 1 %", func(in *Input) {
			in.Bars = walk(t, etf.XNYS, soundRows, .0005, newRandom(3))
			move(in, 119, .012)
		}, []string{"held_close warning 2025-09-26"}},
		{"a bond fund's fall of 0.9 %, which may be a distribution", func(in *Input) {
			in.Bars = walk(t, etf.XNYS, soundRows, .0005, newRandom(3))
			move(in, 119, -.009)
		}, []string{}},
		{"a dividend explains it", func(in *Input) {
			move(in, 119, -.09)
			in.Actions = []etf.Action{{Kind: etf.Dividend, Ex: in.Session, Amount: etf.MustPrice("9")}}
		}, []string{}},
		{"over a month without data", func(in *Input) { // 22 sessions: 0.3 is 6.4 volatilities of that period
			move(in, 119, -.3)
			in.Bars = append(in.Bars[:97], in.Bars[119])
		}, []string{"missing_session warning 2025-08-26..2025-09-25 (22)"}},
		{"daily update, new session", func(in *Input) { move(in, 119, -.09); daily(in, 1) }, []string{"price_jump warning 2025-09-26"}},
		{"fund with 3 rows", func(in *Input) { move(in, 119, -.09); in.Bars = in.Bars[117:] }, []string{}},
		{"fund with 3 rows, down by 57 %", func(in *Input) { move(in, 119, math.Log(.43)); in.Bars = in.Bars[117:] }, []string{"held_close warning 2025-09-26"}},
	})
}

func TestSpike(t *testing.T) {
	t.Parallel()
	spike := func(in *Input, i int, log float64) { scalePricesOnly(in.Bars[i:i+1], math.Exp(log)) }
	run(t, []scenario{
		{"11 % and back", func(in *Input) { spike(in, 100, .11) }, []string{"price_spike warning 2025-08-29"}},
		{"25 % and back", func(in *Input) { spike(in, 100, -.29) }, []string{"price_spike error 2025-08-29"}},
		{"ten times and back", func(in *Input) { spike(in, 100, math.Log(10)) }, []string{"price_spike error 2025-08-29"}},
		{"a hundredth for three days", func(in *Input) { scalePricesOnly(in.Bars[100:103], .01) },
			[]string{"price_spike error 2025-08-29..2025-09-03 (3)"}},
		{"one up and one down", func(in *Input) { spike(in, 100, .3); spike(in, 102, -.3) },
			[]string{"price_spike error 2025-08-29..2025-09-03 (2)"}},
		{"yesterday's, revealed by today's row", func(in *Input) { spike(in, 118, .5); daily(in, 2) }, []string{"price_spike error 2025-09-25"}},
		{"yesterday's, in use already", func(in *Input) { spike(in, 118, .25); overlap(in, 3) }, []string{"price_spike warning 2025-09-25"}},
		{"yesterday's, stored and not fetched again", func(in *Input) { spike(in, 118, .25); daily(in, 1) }, []string{"price_spike warning 2025-09-25"}},
		{"reported before", func(in *Input) { spike(in, 112, .25); overlap(in, 10) }, []string{}},
		{"the row before the last", func(in *Input) { spike(in, 118, .5) }, []string{"price_spike error 2025-09-25"}},
		{"the second row", func(in *Input) { spike(in, 1, .5) }, []string{"price_spike error 2025-04-08"}},
		// A day like 2020-03-13 after 2020-03-12: the volatility is high, so neither move is reported.
		{"a crash with a rebound in volatile times", func(in *Input) {
			in.Bars = walk(t, etf.XNYS, soundRows, .035, newRandom(5))
			spike(in, 100, -.13)
		}, []string{}},
	})
}

func TestSplit(t *testing.T) {
	t.Parallel()
	split := func(num, den int64, at int, in *Input) { scalePrices(in.Bars[at:], den, num) }
	stated := func(num, den int64, at int, in *Input) {
		in.Actions = append(in.Actions, etf.Action{Kind: etf.Split, Ex: in.Bars[at].Session, Numerator: num, Denominator: den})
	}
	run(t, []scenario{
		{"stated 4:1", func(in *Input) { split(4, 1, 100, in); stated(4, 1, 100, in) }, []string{}},
		{"stated 4:1 twice", func(in *Input) { split(4, 1, 100, in); stated(4, 1, 100, in); stated(4, 1, 100, in) }, []string{}},
		{"stated 4:1 and 8:2, which is the same", func(in *Input) { split(4, 1, 100, in); stated(4, 1, 100, in); stated(8, 2, 100, in) }, []string{}},
		{"stated 1:15", func(in *Input) { split(1, 15, 100, in); stated(1, 15, 100, in) }, []string{}},
		{"stated on the new session", func(in *Input) { split(4, 1, 119, in); stated(4, 1, 119, in); daily(in, 1) }, []string{}},
		{"not stated, 20 sessions ago", func(in *Input) { split(4, 1, 100, in) }, []string{"split_suspected error 2025-04-07..2025-08-28 (100)"}},
		{"not stated, new session", func(in *Input) { split(4, 1, 119, in) }, []string{"split_suspected error 2025-09-26"}},
		{"not stated, new session of a daily update", func(in *Input) { split(2, 1, 119, in); daily(in, 1) }, []string{"split_suspected error 2025-09-26"}},
		{"reverse, not stated", func(in *Input) { split(1, 20, 119, in) }, []string{"split_suspected error 2025-09-26"}},
		{"3:2, not stated", func(in *Input) { split(3, 2, 119, in) }, []string{"split_suspected error 2025-09-26"}},
		{"the day after, the first day quarantined", func(in *Input) {
			split(2, 1, 118, in)
			daily(in, 2)
			in.Bars = in.Bars[1:]
		}, []string{"missing_session warning 2025-09-25", "split_suspected error 2025-09-26"}},
		{"stated, but not in the prices", func(in *Input) { stated(4, 1, 119, in) }, []string{"split_suspected error 2025-09-26"}},
		{"stated, older prices of a split-adjusted series not adjusted", func(in *Input) {
			in.Basis = etf.SplitAdjusted
			split(5, 1, 60, in)
			stated(5, 1, 60, in)
		}, []string{"split_suspected error 2025-04-07..2025-07-02 (60)"}},
		{"stated and applied in a split-adjusted series", func(in *Input) { in.Basis = etf.SplitAdjusted; stated(5, 1, 60, in) }, []string{}},
		{"two, not stated", func(in *Input) { split(2, 1, 40, in); split(5, 1, 90, in) },
			[]string{"split_suspected error 2025-04-07..2025-06-03 (40)", "split_suspected error 2025-06-04..2025-08-14 (50)"}},
		{"and reversed later", func(in *Input) { split(2, 1, 40, in); split(1, 2, 90, in) },
			[]string{"split_suspected error 2025-06-04..2025-08-14 (50)"}},
	})
	in := sound(t)
	split(4, 1, 100, &in)
	if e := check(t, in).Findings[0].Evidence; !strings.Contains(e, "near the split 4:1") || !strings.Contains(e, "100 rows before") {
		t.Errorf("evidence %q", e)
	}
}

func TestUnit(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"pence from the new session on", func(in *Input) { scalePricesOnly(in.Bars[119:], 100) }, []string{"unit_change error 2025-09-26"}},
		{"pounds until 40 rows ago", func(in *Input) { scalePricesOnly(in.Bars[:80], .01) }, []string{"unit_change error 2025-04-07..2025-07-31 (80)"}},
		{"a block in the middle", func(in *Input) { scalePricesOnly(in.Bars[30:60], .01) }, []string{"unit_change error 2025-05-20..2025-07-02 (30)"}},
	})
}

// One spike must not hide the next, and a jump in quiet times must not raise the volatility so much that a second one
// passes.
func TestVolatilityIsRobust(t *testing.T) {
	t.Parallel()
	v := newVolatility([]float64{.01, .009, .011, .5, .01})
	if got, want := v.quick(volatilityFloor), .01/.8416; math.Abs(got-want) > 1e-12 {
		t.Errorf("starts at %v, want %v: the quantile ignores the .5", got, want)
	}
	for range 100 {
		v.add(.01, volatilityFloor)
	}
	before := v.quick(volatilityFloor)
	v.add(3, volatilityFloor)
	// sqrt(.94 + .06*25) = 1.562: a larger return counts as five deviations.
	if got := v.quick(volatilityFloor) / before; math.Abs(got-math.Sqrt(2.44)) > 1e-9 {
		t.Errorf("one bad price multiplies the volatility by %v, want sqrt(2.44)", got)
	}
}
