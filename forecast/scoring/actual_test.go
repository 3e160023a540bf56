package scoring_test

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

func price(v float64) etf.Price { return etf.Price(v*1e8 + .5) }

// The origin is Friday 7 February 2025, the targets are in the week after. Expected prices are close times new shares per old one.
func TestActual(t *testing.T) {
	cal := calendarOf(t, etf.XNYS)
	day := etf.MustSession
	believed := func(s string, close float64, version int64) etf.BarState {
		return etf.BarState{Session: day(s), Close: price(close), Believed: true, DataVersion: version}
	}
	split := func(ex string, n, d int64, status etf.ActionStatus) etf.StatedAction {
		return etf.StatedAction{Action: etf.Action{Kind: etf.Split, Ex: day(ex), Numerator: n, Denominator: d}, Status: status, DataVersion: 1}
	}
	origin, target := "2025-02-07", "2025-02-12"
	f := etf.Forecast{Origin: day(origin), DataVersion: etf.DataVersion{Number: 10}}
	held := f
	held.Held = 2 // the series ends on Wednesday 5 February
	over := believed(origin, 100, 10)
	over.SupersededBy = 20
	quarantined, noTrade, removed := believed(target, 50, 11), believed(target, 50, 11), believed(target, 50, 11)
	quarantined.Believed, noTrade.NoTrade, removed.SupersededBy = false, true, 12
	for _, c := range []struct {
		name   string
		basis  etf.Basis
		f      etf.Forecast
		bars   []etf.BarState
		splits []etf.StatedAction
		want   float64 // 0 for none
	}{
		{"as traded", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, nil, 50},
		{"no bar", etf.AsTraded, f, nil, nil, 0},
		{"quarantined or held", etf.AsTraded, f, []etf.BarState{quarantined}, nil, 0},
		{"taken out", etf.AsTraded, f, []etf.BarState{removed}, nil, 0},
		{"without trade", etf.AsTraded, f, []etf.BarState{noTrade}, nil, 0},
		{"a 2-for-1 split on the target", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split(target, 2, 1, etf.Accepted)}, 100},
		{"a 1-for-10 reverse split between", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split("2025-02-10", 1, 10, etf.Accepted)}, 5},
		{"two splits", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split("2025-02-10", 3, 2, etf.Accepted), split("2025-02-11", 2, 1, etf.Accepted)}, 150},
		{"one split stated twice", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split(target, 2, 1, etf.Accepted), split(target, 4, 2, etf.Accepted)}, 100},
		{"two splits on a day that differ", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split(target, 2, 1, etf.Accepted), split(target, 3, 1, etf.Accepted)}, 0},
		{"a split on the origin is in the forecast already", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split(origin, 2, 1, etf.Accepted)}, 50},
		{"a split after the target", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split("2025-02-13", 2, 1, etf.Accepted)}, 50},
		{"a proposed split", etf.AsTraded, f, []etf.BarState{believed(target, 50, 11)}, []etf.StatedAction{split(target, 2, 1, etf.Proposed)}, 50},
		{"a held origin does not matter as traded", etf.AsTraded, held, []etf.BarState{believed(target, 50, 11)}, nil, 50},
		{"split-adjusted, not restated", etf.SplitAdjusted, f, []etf.BarState{believed(origin, 48, 10), believed(target, 50, 11)}, []etf.StatedAction{split(target, 2, 1, etf.Accepted)}, 50},
		{"restated by half: the return is 50/40 of 100", etf.SplitAdjusted, f, []etf.BarState{over, believed(origin, 40, 20), believed(target, 50, 20)}, nil, 125},
		{"the base is not believed any more", etf.SplitAdjusted, f, []etf.BarState{over, believed(target, 50, 20)}, nil, 0},
		{"a held origin's base is the last believed session", etf.SplitAdjusted, held,
			[]etf.BarState{{Session: day("2025-02-05"), Close: price(90), Believed: true, DataVersion: 8, SupersededBy: 20}, believed("2025-02-05", 45, 20), believed(origin, 40, 20), believed(target, 50, 20)}, nil, 100},
	} {
		got, ok := scoring.Actual(cal, scoring.Prices{Basis: c.basis, Bars: c.bars, Splits: c.splits}, c.f, day(target))
		if ok != (c.want > 0) || got-c.want > 1e-9 || c.want-got > 1e-9 {
			t.Errorf("%s: %v %v, want %v", c.name, got, ok, c.want)
		}
	}
}

// The expected scales are computed by hand from the changes named.
func TestScaleAt(t *testing.T) {
	cal := calendarOf(t, etf.XNYS)
	day := etf.MustSession
	p := scoring.Prices{
		Basis: etf.AsTraded,
		Bars: []etf.BarState{
			{Session: day("2025-02-04"), Close: price(10), Believed: true, DataVersion: 1},
			{Session: day("2025-02-05"), Close: price(24), Believed: true, DataVersion: 2, SupersededBy: 4},
			{Session: day("2025-02-05"), Close: price(99), Believed: true, DataVersion: 4},
			{Session: day("2025-02-06"), Close: price(7), Believed: false, DataVersion: 3},
			{Session: day("2025-02-07"), Close: price(11), Believed: true, DataVersion: 3},
			{Session: day("2025-02-10"), Close: price(1), Believed: true, DataVersion: 3},
		},
		Splits: []etf.StatedAction{
			{Action: etf.Action{Kind: etf.Split, Ex: day("2025-02-07"), Numerator: 2, Denominator: 1}, Status: etf.Accepted, DataVersion: 3},
			{Action: etf.Action{Kind: etf.Split, Ex: day("2025-02-06"), Numerator: 9, Denominator: 1}, Status: etf.Accepted, DataVersion: 4},
		},
	}
	// 10/2 = 5, 24/2 = 12, 11: changes of 7 and -1.
	got := scoring.ScaleAt(cal, p, etf.Forecast{Origin: day("2025-02-07"), DataVersion: etf.DataVersion{Number: 3}})
	if got != (etf.Scale{Absolute: 4, Squared: 25}) {
		t.Error(got)
	}
	// As of version 2 and the session before the held origin: one change of 14, without the split.
	got = scoring.ScaleAt(cal, p, etf.Forecast{Origin: day("2025-02-06"), Held: 1, DataVersion: etf.DataVersion{Number: 2}})
	if got != (etf.Scale{Absolute: 14, Squared: 196}) {
		t.Error(got)
	}
}
