package quality

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// proposals lists the splits that findings propose, as "ex terms".
func proposals(r Report) []string {
	out := []string{}
	for _, f := range r.Findings {
		if f.Proposal != nil {
			out = append(out, f.Proposal.Ex.String()+" "+f.Proposal.Terms())
		}
	}
	return slices.Compact(out)
}

// Every usual ratio is proposed, both ways, at every length of history and place in it.
func TestSplitIsProposed(t *testing.T) {
	t.Parallel()
	ratios := [][2]int64{{3, 2}, {2, 1}, {5, 2}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {8, 1}, {10, 1}, {15, 1}, {20, 1}, {25, 1}, {50, 1}}
	for _, ratio := range ratios {
		for _, n := range []int{10, 30, 250, 2500} {
			for _, at := range []int{1, n / 3, n / 2, n - 2, n - 1} {
				for _, reverse := range []bool{false, true} {
					num, den := ratio[0], ratio[1]
					if reverse {
						num, den = den, num
					}
					bars := walk(t, etf.XNYS, n, .008, newRandom(uint64(at)))
					scalePrices(bars[at:], den, num)
					in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n-1].Session, Initial: true, Bars: bars, Basis: etf.AsTraded}
					r := check(t, in)
					consistent(t, in, r)
					if got, want := proposals(r), []string{fmt.Sprintf("%s %d:%d", bars[at].Session, num, den)}; !slices.Equal(got, want) {
						t.Errorf("%d rows, row %d: %q, want %q; %q", n, at, got, want, summary(r))
					}
				}
			}
		}
	}
}

func TestProposals(t *testing.T) {
	t.Parallel()
	untraded := func(in *Input, i int, close etf.Price) {
		in.Bars[i] = etf.Bar{Session: in.Bars[i].Session, Close: close}
	}
	for _, c := range []struct {
		name   string
		change func(in *Input)
		want   []string
	}{
		{"three splits", func(in *Input) {
			scalePrices(in.Bars[30:], 1, 2)
			scalePrices(in.Bars[60:], 1, 3)
			scalePrices(in.Bars[90:], 10, 1)
		}, []string{"2025-05-20 2:1", "2025-07-03 3:1", "2025-08-15 1:10"}},
		{"on the new session", func(in *Input) { scalePrices(in.Bars[119:], 1, 4); daily(in, 1) }, []string{"2025-09-26 4:1"}},
		{"1:190", func(in *Input) { scalePrices(in.Bars[60:], 190, 1) }, []string{"2025-07-03 1:190"}},
		{"not applied to older prices", func(in *Input) {
			in.Basis = etf.SplitAdjusted
			scalePrices(in.Bars[60:], 1, 5)
			in.Actions = []etf.Action{{Kind: etf.Split, Ex: in.Bars[60].Session, Numerator: 5, Denominator: 1}}
		}, []string{"2025-07-03 5:1"}},
		{"stated, but not in the prices", func(in *Input) {
			in.Actions = []etf.Action{{Kind: etf.Split, Ex: in.Bars[60].Session, Numerator: 5, Denominator: 1}}
		}, []string{}},
		{"a change of unit", func(in *Input) { scalePricesOnly(in.Bars[60:], 100) }, []string{}},
		{"a fall that is no split's", func(in *Input) { scalePricesOnly(in.Bars[60:], .7) }, []string{}},
		{"in a gap", func(in *Input) {
			scalePrices(in.Bars[60:], 1, 2)
			in.Bars = append(in.Bars[:55:55], in.Bars[65:]...)
		}, []string{"2025-07-11 2:1"}},
		{"on a session without a trade", func(in *Input) {
			scalePrices(in.Bars[60:], 1, 4)
			untraded(in, 59, in.Bars[60].Close)
		}, []string{"2025-07-02 4:1"}},
		{"after sessions without a trade", func(in *Input) {
			scalePrices(in.Bars[60:], 1, 4)
			untraded(in, 59, in.Bars[57].Close)
			untraded(in, 58, in.Bars[57].Close)
		}, []string{"2025-07-03 4:1"}},
	} {
		in := sound(t)
		c.change(&in)
		r := check(t, in)
		consistent(t, in, r)
		if got := proposals(r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q; %q", c.name, got, c.want, summary(r))
		}
	}
}

// Sessions without a trade belong to the level whose close they carry.
func TestUntradedSessionsHaveALevel(t *testing.T) {
	t.Parallel()
	untraded := func(in *Input, i int, close etf.Price) {
		in.Bars[i] = etf.Bar{Session: in.Bars[i].Session, Close: close}
	}
	run(t, []scenario{
		{"before the split", func(in *Input) {
			scalePrices(in.Bars[100:], 1, 4)
			untraded(in, 50, in.Bars[49].Close)
			untraded(in, 99, in.Bars[98].Close)
		}, []string{"no_trade info 2025-06-18..2025-08-28 (2)", "split_suspected error 2025-04-07..2025-08-28 (100)"}},
		{"the first on the new level", func(in *Input) {
			scalePrices(in.Bars[100:], 1, 4)
			untraded(in, 99, in.Bars[100].Close)
		}, []string{"no_trade warning 2025-08-28", "split_suspected error 2025-04-07..2025-08-27 (99)"}},
		{"the first on the new level, in a daily update", func(in *Input) {
			scalePrices(in.Bars[117:], 1, 4)
			untraded(in, 117, in.Bars[118].Close)
			daily(in, 3)
		}, []string{"no_trade warning 2025-09-24", "split_suspected error 2025-09-26", "split_suspected error 2025-09-24..2025-09-25 (2)"}},
	})
}

// A split is proposed once for an ex-date, although windows of a history measure its ratio from different rows; other ratios are proposed as well.
func TestDetectedOnce(t *testing.T) {
	t.Parallel()
	proposed := []etf.StatedAction{statement(etf.SourceDetection, splitOn("2026-11-20", 50, 1), etf.Proposed, BySource(etf.SourceDetection))}
	for _, c := range []struct {
		name   string
		a      etf.Action
		stated []etf.StatedAction
		want   bool
	}{
		{"first", splitOn("2026-11-20", 50, 1), nil, true},
		{"the same", splitOn("2026-11-20", 50, 1), proposed, false},
		{"measured otherwise", splitOn("2026-11-20", 49, 1), proposed, false},
		{"another ratio", splitOn("2026-11-20", 40, 1), proposed, true},
		{"another day", splitOn("2026-11-23", 49, 1), proposed, true},
		{"of another source", splitOn("2026-11-20", 49, 1), []etf.StatedAction{statement("a", splitOn("2026-11-20", 50, 1), etf.Proposed, BySource("a"))}, true},
	} {
		list, err := Detected("Q", c.a, c.stated, func(etf.Window) ([]etf.Bar, error) { return nil, nil })
		if err != nil || len(list) > 1 || (len(list) == 1) != c.want {
			t.Errorf("%s: %v, %v", c.name, list, err)
		}
	}
}

// Of two ratios for one ex-date, the one that the closes beside it show better is proposed, whichever window came first; where they don't tell, the more
// usual one.
func TestTheBetterRatioIsProposed(t *testing.T) {
	t.Parallel()
	const at, n = 60, 120
	for _, c := range []struct {
		name string
		gone [2]int  // rows that are nowhere
		step float64 // what the closes are divided by
		next float64 // the market's move on the ex-date
		want int64
	}{
		{"exactly 50", [2]int{}, 50, 0, 50},
		{"exactly 49", [2]int{}, 49, 0, 49},
		{"50, and half a volatility", [2]int{}, 50, .005, 50},
		{"between the two", [2]int{}, 49.5, 0, 50},
		{"a gap before", [2]int{at - 1, at}, 50, 0, 50},
		{"the closes show neither", [2]int{}, 20, 0, 50},
		{"none before", [2]int{0, at}, 49, 0, 50},
		{"none after", [2]int{at, n}, 49, 0, 50},
	} {
		bars := walk(t, etf.XNYS, n, 0.005, newRandom(31))
		scale := bars[at-1].Close.Float() / bars[at].Close.Float() / c.step * (1 + c.next)
		scalePricesOnly(bars[at:], scale)
		ex := bars[at].Session
		bars = slices.Delete(bars, c.gone[0], c.gone[1])
		closes := func(w etf.Window) ([]etf.Bar, error) {
			in := slices.DeleteFunc(slices.Clone(bars), func(b etf.Bar) bool { return !w.Contains(b.Session) })
			slices.Reverse(in)
			return append(in, in...), nil
		}
		for _, first := range []int64{49, 50} {
			second := 99 - first
			var stated []etf.StatedAction
			for _, ratio := range []int64{first, second, first} {
				changes, err := Detected("Q", etf.Action{Kind: etf.Split, Ex: ex, Numerator: ratio, Denominator: 1}, stated, closes)
				if err != nil {
					t.Fatal(err)
				}
				stated = WithChanges(stated, changes)
			}
			var proposed []int64
			for _, s := range stated {
				if s.Status == etf.Proposed {
					proposed = append(proposed, s.Numerator)
				} else if s.Status != etf.Cancelled || s.Why == "" || s.By != BySource(etf.SourceDetection) {
					t.Errorf("%s: %+v", c.name, s)
				}
			}
			if !slices.Equal(proposed, []int64{c.want}) {
				t.Errorf("%s, %d:1 first: %v are proposed, want %d", c.name, first, proposed, c.want)
			}
		}
	}
	// Of two that are too far apart to be the same, one between them takes the place of both.
	bars, day := flat("100", "2", "2"), "2026-11-20"
	ends := []etf.StatedAction{statement(etf.SourceDetection, splitOn(day, 49, 1), etf.Proposed, BySource(etf.SourceDetection)), statement(etf.SourceDetection, splitOn(day, 51, 1), etf.Proposed, BySource(etf.SourceDetection))}
	between, err := Detected("Q", splitOn(day, 50, 1), ends, func(etf.Window) ([]etf.Bar, error) { return bars, nil })
	if err != nil || len(between) != 3 || between[0].Status != etf.Cancelled || between[1].Status != etf.Cancelled || between[2].Numerator != 50 {
		t.Errorf("between two: %+v, %v", between, err)
	}
	stated := []etf.StatedAction{statement(etf.SourceDetection, splitOn("2026-11-20", 49, 1), etf.Proposed, "kim")}
	list, err := Detected("Q", splitOn("2026-11-20", 50, 1), stated, func(etf.Window) ([]etf.Bar, error) { return nil, nil })
	if err != nil || len(list) > 0 {
		t.Errorf("a person has decided: %v, %v", list, err)
	}
	stated[0].By = BySource(etf.SourceDetection)
	if _, err := Detected("Q", splitOn("2026-11-20", 50, 1), stated, func(etf.Window) ([]etf.Bar, error) { return nil, context.Canceled }); err == nil {
		t.Error("the closes can't be read, and nobody says so")
	}
}
