package quality

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func bar(session, close string, volume int64) etf.Bar {
	p := etf.MustPrice(close)
	return etf.Bar{Session: etf.MustSession(session), Open: p, High: p, Low: p, Close: p, AdjClose: p, Volume: etf.Shares(volume)}
}

func splitOn(session string, num, den int64) etf.Action {
	return etf.Action{Kind: etf.Split, Ex: etf.MustSession(session), Numerator: num, Denominator: den}
}

func closes(bars []etf.Bar) (out []string) {
	for _, b := range bars {
		out = append(out, b.Close.String())
	}
	return out
}

func TestAdjust(t *testing.T) {
	t.Parallel()
	// iShares Core S&P Mid-Cap (IJH) as traded: split 2:1 on 2005-06-09 and 5:1 on 2024-02-22, closes of the real file.
	raw := []etf.Bar{bar("2005-06-08", "135", 1000), bar("2005-06-09", "68.05", 2000), bar("2024-02-21", "280.68", 3000), bar("2024-02-22", "57.01", 15000)}
	actions := []etf.Action{splitOn("2024-02-22", 5, 1), splitOn("2005-06-09", 2, 1), {Kind: etf.Dividend, Ex: etf.MustSession("2010-01-04"), Amount: etf.MustPrice("1")}}
	known := stored(raw, etf.AsTraded)
	for _, c := range []struct {
		name    string
		bars    []etf.StoredBar
		actions []etf.Action
		asOf    string
		want    []string
	}{
		{"after both splits", known, actions, "2024-02-22", []string{"13.5", "13.61", "56.136", "57.01"}},
		{"stated twice", known, append(slices.Clone(actions), actions...), "2024-02-22", []string{"13.5", "13.61", "56.136", "57.01"}},
		{"the same ratio in other terms", known, append(slices.Clone(actions), splitOn("2024-02-22", 10, 2)), "2024-02-22", []string{"13.5", "13.61", "56.136", "57.01"}},
		{"before the second split", known[:3], actions, "2024-02-21", []string{"67.5", "68.05", "280.68"}},
		{"on the first ex-date", known[:2], actions, "2005-06-09", []string{"67.5", "68.05"}},
		{"before both", known[:1], actions, "2005-06-08", []string{"135"}},
		{"without splits", known, nil, "2024-02-22", []string{"135", "68.05", "280.68", "57.01"}},
		{"split-adjusted already", stored(raw, etf.SplitAdjusted), actions, "2024-02-22", []string{"135", "68.05", "280.68", "57.01"}},
		{"unknown basis", stored(raw, etf.BasisUnknown), actions, "2024-02-22", []string{"135", "68.05", "280.68", "57.01"}},
		{"no bars", nil, actions, "2024-02-22", nil},
		// 1:3 then 3:1 cancel exactly; a product of rounded factors would not.
		{"thirds cancel", known[:2], []etf.Action{splitOn("2005-06-09", 1, 3), splitOn("2005-06-10", 3, 1)}, "2005-06-10", []string{"135", "22.68333333"}},
		// 280.68 / 7 = 40.0971428571..., rounded once.
		{"rounded half away from zero", known[2:3], []etf.Action{splitOn("2024-02-22", 7, 1)}, "2024-02-22", []string{"40.09714286"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Adjust(c.bars, c.actions, etf.MustSession(c.asOf))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(closes(got), c.want) {
				t.Errorf("closes %v, want %v", closes(got), c.want)
			}
		})
	}
	got, err := Adjust(known, actions, etf.MustSession("2024-02-22"))
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Volume != etf.Shares(10000) || got[0].AdjClose != raw[0].AdjClose || raw[0].Close != etf.MustPrice("135") {
		t.Errorf("volume %s, adjusted close %s, input close %s", got[0].Volume, got[0].AdjClose, raw[0].Close)
	}
}

func TestAdjustKeepsUntradedAndUnknown(t *testing.T) {
	t.Parallel()
	b := etf.Bar{Session: etf.MustSession("2024-01-02"), Close: etf.MustPrice("53000"), Volume: etf.VolumeUnknown}
	got, err := Adjust(stored([]etf.Bar{b}, etf.AsTraded), []etf.Action{splitOn("2024-01-03", 5, 1)}, etf.MustSession("2024-01-03"))
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Close != etf.MustPrice("10600") || got[0].Open != 0 || got[0].Volume.Known() {
		t.Errorf("bar %+v", got[0])
	}
}

func TestAdjustRefuses(t *testing.T) {
	t.Parallel()
	a, b := bar("2024-01-02", "10", 1), bar("2024-01-03", "10", 1)
	mixed := stored([]etf.Bar{a, b}, etf.AsTraded)
	mixed[1].Basis = etf.SplitAdjusted
	var many []etf.Action
	for s := etf.MustSession("2024-01-03"); len(many) < 30; s++ {
		many = append(many, etf.Action{Kind: etf.Split, Ex: s, Numerator: 50, Denominator: 1})
	}
	for _, c := range []struct {
		name    string
		bars    []etf.StoredBar
		actions []etf.Action
		asOf    string
		kind    etf.Kind
		field   string
	}{
		{"out of order", stored([]etf.Bar{b, a}, etf.AsTraded), nil, "2024-01-05", etf.KindInvalid, "bars[1]"},
		{"the same session twice", stored([]etf.Bar{a, a}, etf.AsTraded), nil, "2024-01-05", etf.KindInvalid, "bars[1]"},
		{"a bar after the origin", stored([]etf.Bar{a, b}, etf.AsTraded), nil, "2024-01-02", etf.KindInvalid, "bars[1]"},
		{"two bases", mixed, nil, "2024-01-05", etf.KindConflict, "bars[1]"},
		{"a ratio of zero", stored([]etf.Bar{a}, etf.AsTraded), []etf.Action{splitOn("2024-01-03", 0, 1)}, "2024-01-05", etf.KindInvalid, "actions[0]"},
		{"two ratios on one day", stored([]etf.Bar{a}, etf.AsTraded), []etf.Action{splitOn("2024-01-03", 2, 1), splitOn("2024-01-03", 3, 1)}, "2024-01-05", etf.KindConflict, "actions"},
		{"a factor too large for any price", stored([]etf.Bar{a}, etf.AsTraded), many, "2024-03-05", etf.KindInternal, "actions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Adjust(c.bars, c.actions, etf.MustSession(c.asOf))
			var e *etf.Error
			if !asError(err, &e) || e.Kind != c.kind || e.Field != c.field || strings.Contains(e.Message, "failed") {
				t.Errorf("error %v, want kind %s and field %s", err, c.kind, c.field)
			}
		})
	}
}

// Adjustment changes no return except on ex-dates, where it takes the split out: forecasts rely on this property. The
// rounding error is at most 1e-8 per price.
func TestAdjustKeepsReturns(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		bars := walk(t, etf.XNYS, 200, .02, newRandom(seed))
		raw := slices.Clone(bars)
		num, den := int64(1+seed%7), int64(1+seed%3)
		scalePrices(raw[120:], den, num)
		got, err := Adjust(stored(raw, etf.AsTraded), []etf.Action{splitOn(bars[120].Session.String(), num, den)}, bars[199].Session)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(got); i++ {
			have := got[i].Close.Float() / got[i-1].Close.Float()
			want := bars[i].Close.Float() / bars[i-1].Close.Float()
			if math.Abs(have-want) > 1e-7 {
				t.Fatalf("seed %d, %d:%d, row %d: return %v, want %v", seed, num, den, i, have, want)
			}
		}
	}
}
