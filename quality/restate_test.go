package quality

import (
	"math"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestRestate(t *testing.T) {
	t.Parallel()
	raw := []etf.Bar{bar("2024-01-02", "100", 10), bar("2024-01-03", "98", 10), bar("2024-01-04", "49", 20), bar("2024-01-05", "48", 20)}
	split := splitOn("2024-01-04", 2, 1)
	first, second := dividendOn("2024-01-03", "2"), dividendOn("2024-01-05", "0.98")
	with := func(session, amount string) []etf.Action { return []etf.Action{split, dividendOn(session, amount)} }
	quarantined := stored(raw, etf.AsTraded)
	quarantined[1].Quarantined = true
	for _, c := range []struct {
		name    string
		bars    []etf.StoredBar
		actions []etf.Action
		how     Adjustment
		want    []string
	}{
		{"none", stored(raw, etf.AsTraded), []etf.Action{split, first}, AdjustNone, []string{"100", "98", "49", "48"}},
		{"split", stored(raw, etf.AsTraded), []etf.Action{split, first}, AdjustSplit, []string{"50", "49", "49", "48"}},
		// 2 of 100, then 0.98 of 49: factors 0.98 and 0.98.
		{"total", stored(raw, etf.AsTraded), []etf.Action{split, first, second}, AdjustTotal, []string{"48.02", "48.02", "48.02", "48"}},
		// On the ex-date of the split the dividend is paid on new shares: 0.98 of 98/2.
		{"a dividend on the day of the split", stored(raw, etf.AsTraded), with("2024-01-04", "0.98"), AdjustTotal, []string{"49", "48.02", "49", "48"}},
		{"amounts of one day are added", stored(raw, etf.AsTraded), append(with("2024-01-05", "0.48"), etf.Action{Kind: etf.CapitalGain, Ex: etf.MustSession("2024-01-05"), Amount: etf.MustPrice("0.5")}), AdjustTotal, []string{"49", "48.02", "48.02", "48"}},
		// The close before 2024-01-04 is that of 2024-01-02: 1 of 100/2.
		{"a quarantined close measures nothing", quarantined, with("2024-01-04", "1"), AdjustTotal, []string{"49", "48.02", "49", "48"}},
		{"a dividend to come", stored(raw, etf.AsTraded), []etf.Action{dividendOn("2024-01-08", "1")}, AdjustTotal, []string{"100", "98", "49", "48"}},
		{"before the first bar", stored(raw, etf.AsTraded), []etf.Action{dividendOn("2024-01-02", "1")}, AdjustTotal, []string{"100", "98", "49", "48"}},
		{"split-adjusted, split", stored(raw, etf.SplitAdjusted), []etf.Action{split, first}, AdjustSplit, []string{"100", "98", "49", "48"}},
		{"split-adjusted, total", stored(raw, etf.SplitAdjusted), []etf.Action{split, first}, AdjustTotal, []string{"98", "98", "49", "48"}},
		{"total-adjusted, total", stored(raw, etf.TotalAdjusted), []etf.Action{split, first}, AdjustTotal, []string{"100", "98", "49", "48"}},
		{"unknown, none", stored(raw, etf.BasisUnknown), nil, AdjustNone, []string{"100", "98", "49", "48"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Restate(c.bars, c.actions, etf.MustSession("2024-01-05"), c.how)
			if err != nil || !slices.Equal(closes(got), c.want) {
				t.Errorf("%v %v, want %v", closes(got), err, c.want)
			}
		})
	}
	for _, c := range []struct {
		name    string
		basis   etf.Basis
		actions []etf.Action
		how     Adjustment
	}{
		{"unknown, split", etf.BasisUnknown, nil, AdjustSplit},
		{"unknown, total", etf.BasisUnknown, nil, AdjustTotal},
		{"total-adjusted, split", etf.TotalAdjusted, nil, AdjustSplit},
		{"a dividend of the whole price", etf.AsTraded, []etf.Action{dividendOn("2024-01-03", "100")}, AdjustTotal},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Restate(stored(raw, c.basis), c.actions, etf.MustSession("2024-01-05"), c.how)
			var e *etf.Error
			if !asError(err, &e) || e.Kind != etf.KindConflict || e.Field != "adjust" || e.Remedy == "" {
				t.Errorf("error %v", err)
			}
		})
	}
	for _, text := range []string{"", "none", "split", "total"} {
		if _, err := ParseAdjustment(text); err != nil {
			t.Error(text, err)
		}
	}
	if _, err := ParseAdjustment("Total"); etf.KindOf(err) != etf.KindInvalid {
		t.Error(err)
	}
}

// TestRestateReturns checks that a return over an ex-date includes the distribution, over a long chain of them.
func TestRestateReturns(t *testing.T) {
	t.Parallel()
	bars := walk(t, etf.XNYS, 1000, .01, newRandom(3))
	var actions []etf.Action
	for i := 20; i < len(bars); i += 20 {
		actions = append(actions, etf.Action{Kind: etf.Dividend, Ex: bars[i].Session, Amount: bars[i].Close / 200})
	}
	got, err := Restate(stored(bars, etf.AsTraded), actions, bars[len(bars)-1].Session, AdjustTotal)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(bars); i++ {
		before := bars[i-1].Close.Float()
		if i%20 == 0 {
			before -= bars[i].Close.Float() / 200
		}
		want, have := bars[i].Close.Float()/before, got[i].Close.Float()/got[i-1].Close.Float()
		if math.Abs(have/want-1) > 1e-8 {
			t.Fatalf("row %d: return %v, want %v", i, have, want)
		}
	}
}

func TestFreed(t *testing.T) {
	t.Parallel()
	split := splitOn("2026-11-20", 4, 1)
	sound, traded := flat(timesOver("100", 11)...), flat(append(timesOver("100", 8), timesOver("25", 3)...)...)
	two := flat(append(append(timesOver("400", 4), timesOver("100", 4)...), timesOver("25", 3)...)...)
	other := splitOn("2026-11-16", 4, 1)
	for _, c := range []struct {
		name    string
		bars    []etf.Bar
		basis   etf.Basis
		parked  [][2]int // quarantined rows, from and to
		actions []etf.Action
		want    int // rows freed
	}{
		{"new rows on the new level, no split", traded, etf.AsTraded, [][2]int{{8, 11}}, nil, 0},
		{"new rows on the new level, the split in force", traded, etf.AsTraded, [][2]int{{8, 11}}, []etf.Action{split}, 3},
		{"older rows, no split", traded, etf.AsTraded, [][2]int{{0, 8}}, nil, 0},
		{"older rows, the split in force", traded, etf.AsTraded, [][2]int{{0, 8}}, []etf.Action{split}, 8},
		{"rows that the wrong split parked, in force", sound, etf.AsTraded, [][2]int{{8, 10}}, []etf.Action{split}, 0},
		{"rows that the wrong split parked, withdrawn", sound, etf.AsTraded, [][2]int{{8, 10}}, nil, 2},
		{"older rows before two splits, one in force", two, etf.AsTraded, [][2]int{{0, 8}}, []etf.Action{split}, 4},
		{"older rows before two splits, the older in force", two, etf.AsTraded, [][2]int{{0, 8}}, []etf.Action{other}, 0},
		{"older rows before two splits, both in force", two, etf.AsTraded, [][2]int{{0, 8}}, []etf.Action{other, split}, 8},
		{"the split does not change adjusted prices", traded, etf.SplitAdjusted, [][2]int{{8, 11}}, []etf.Action{split}, 0},
		{"two runs", sound, etf.AsTraded, [][2]int{{2, 3}, {9, 11}}, nil, 3},
		{"nothing in use", sound, etf.AsTraded, [][2]int{{0, 11}}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			bars, candidates := stored(c.bars, c.basis), map[etf.Session]bool{}
			for _, r := range c.parked {
				for i := r[0]; i < r[1]; i++ {
					bars[i].Quarantined, candidates[bars[i].Session] = true, true
				}
			}
			got, err := Freed(etf.XNYS, bars, candidates, c.actions, c.actions)
			if err != nil || len(got) != c.want {
				t.Errorf("%v %v, want %d", got, err, c.want)
			}
			if none, err := Freed(etf.XNYS, bars, nil, c.actions, c.actions); err != nil || len(none) > 0 {
				t.Errorf("without candidates: %v %v", none, err)
			}
		})
	}
}
