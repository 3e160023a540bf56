package service

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// believed is a store with one ETF of three sessions and two data versions.
type believed struct {
	Store
	bars    []etf.StoredBar // at version 1
	navs    []etf.StoredNAV
	actions []etf.StatedAction
	asked   []int64 // the versions read
}

var firstKnown = time.Date(2025, 9, 26, 20, 0, 0, 0, time.UTC)

func (b *believed) AsOfTime(_ context.Context, _ etf.Symbol, at time.Time) (etf.AsOf, error) {
	if at.Before(firstKnown) {
		return etf.AsOf{Given: true}, nil
	}
	return etf.AsOf{Version: 1, KnownFrom: firstKnown, Given: true}, nil
}

func (b *believed) AsOfVersion(_ context.Context, _ etf.Symbol, n int64) (etf.AsOf, error) {
	return etf.AsOf{Version: n, KnownFrom: firstKnown, Given: true}, nil
}

func (b *believed) page(version int64, after etf.Session, limit int) (page []etf.StoredBar) {
	b.asked = append(b.asked, version)
	for _, bar := range b.bars {
		if bar.Session > after && len(page) < limit {
			page = append(page, bar)
		}
	}
	return page
}

func (b *believed) BarsPage(_ context.Context, _ etf.Symbol, _ etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	return b.page(etf.NewestVersion, after, limit), nil
}

func (b *believed) BarsPageAt(_ context.Context, _ etf.Symbol, version int64, _ etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	return b.page(version, after, limit), nil
}

func (b *believed) NAVsPageAt(_ context.Context, _ etf.Symbol, version int64, w etf.Window, _ etf.Session, _ int) (list []etf.StoredNAV, err error) {
	b.asked = append(b.asked, version)
	for _, n := range b.navs {
		if w.Contains(n.Session) {
			list = append(list, n)
		}
	}
	return list, nil
}

func (b *believed) ActionsAt(context.Context, etf.Symbol, int64) ([]etf.StatedAction, error) {
	return b.actions, nil
}

func (b *believed) BarHistory(context.Context, etf.Symbol, etf.Session) ([]etf.BarBelief, error) {
	first := etf.BarBelief{StoredBar: etf.StoredBar{DataVersion: 1, KnownTo: firstKnown.Add(time.Hour)}, SupersededBy: 4}
	return []etf.BarBelief{first, {StoredBar: etf.StoredBar{DataVersion: 4}}}, nil
}

func TestAsOf(t *testing.T) {
	t.Parallel()
	now := firstKnown.Add(time.Hour)
	s := New(Deps{Store: &believed{}, Now: func() time.Time { return now }})
	for text, want := range map[string]etf.AsOf{
		"":                          {},
		"2025-09-26T20:00:00Z":      {Version: 1, KnownFrom: firstKnown, Given: true},
		"2025-09-26T16:30:00-04:00": {Version: 1, KnownFrom: firstKnown, Given: true},
		"2025-09-26T19:59:59Z":      {Given: true},
		"17":                        {Version: 17, KnownFrom: firstKnown, Given: true},
	} {
		if got, err := s.AsOf(t.Context(), "SPY", text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, message := range map[string]string{
		"yesterday":                      "neither an instant nor a data version",
		"2025-09-26":                     "neither an instant nor a data version",
		"-1":                             "neither an instant nor a data version",
		"2025-09-26T21:00:01Z":           "is in the future",
		"99999999999999999999":           "too large",
		"2025-09-26 20:00:00":            "neither an instant",
		strings.Repeat("9", 100) + "abc": "neither an instant",
	} {
		_, err := s.AsOf(t.Context(), "SPY", text)
		if etf.KindOf(err) != etf.KindInvalid || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: %v, want %q", text, err, message)
		}
	}
}

func TestBarsWithNAV(t *testing.T) {
	t.Parallel()
	price := etf.MustPrice
	store := &believed{
		bars: []etf.StoredBar{
			{Bar: etf.Bar{Session: monday, Close: price("102")}, Basis: etf.SplitAdjusted},
			{Bar: etf.Bar{Session: monday + 1, Close: price("103")}, Basis: etf.SplitAdjusted},
			{Bar: etf.Bar{Session: monday + 2, Close: price("50")}, Basis: etf.SplitAdjusted},
		},
		navs: []etf.StoredNAV{
			{NAV: etf.NAV{Session: monday, NAV: price("100"), Shares: etf.Shares(5)}},
			{NAV: etf.NAV{Session: monday + 2, NAV: price("49"), Shares: etf.VolumeUnknown}},
		},
		actions: []etf.StatedAction{{Status: etf.Accepted, Action: etf.Action{Kind: etf.Split, Ex: monday + 2, Numerator: 2, Denominator: 1}}},
	}
	s := New(Deps{Store: store})
	rows, more, err := s.Bars(t.Context(), BarQuery{Symbol: "SPY", Limit: 3, NAV: true, AsOf: etf.AsOf{Version: 7, Given: true}})
	if err != nil || more || len(rows) != 3 {
		t.Fatalf("%+v, %t, %v", rows, more, err)
	}
	if !reflect.DeepEqual(store.asked, []int64{7, 7}) {
		t.Errorf("read at versions %v", store.asked)
	}
	if rows[0].NAV.NAV != price("100") || rows[0].Premium != nil {
		t.Errorf("before the split its close was restated, so it has no premium: %+v", rows[0])
	}
	if !rows[1].NAV.Session.IsZero() || rows[1].Premium != nil {
		t.Errorf("without a NAV: %+v", rows[1])
	}
	if p := rows[2].Premium; p == nil || math.Abs(*p-(50.0/49-1)) > 1e-12 {
		t.Errorf("premium %v", p)
	}
	store.actions[0].Status = etf.Proposed
	if rows, _, _ := s.Bars(t.Context(), BarQuery{Symbol: "SPY", Limit: 3, NAV: true}); rows[0].Premium == nil {
		t.Error("a split that nobody has accepted takes the premium away")
	}
	read := 0
	if err := s.EachBar(t.Context(), BarQuery{Symbol: "SPY", Limit: 2}, func(BarRow) error { read++; return nil }); err != nil || read != 2 {
		t.Errorf("%d bars with a limit of 2, %v", read, err)
	}
}

func TestBarHistoryAsOf(t *testing.T) {
	t.Parallel()
	s := New(Deps{Store: &believed{}})
	if list, err := s.BarHistory(t.Context(), "SPY", "2025-09-26", ""); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	list, err := s.BarHistory(t.Context(), "SPY", "2025-09-26", "3")
	if err != nil || len(list) != 1 || list[0].SupersededBy != 0 || !list[0].KnownTo.IsZero() {
		t.Errorf("as of version 3, when the first belief was current: %+v, %v", list, err)
	}
	if _, err := s.BarHistory(t.Context(), "SPY", "2025-09-26", "0"); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("before the first belief: %v", err)
	}
	if _, err := s.BarHistory(t.Context(), "spy", "Friday", ""); etf.KindOf(err) != etf.KindInvalid || !strings.Contains(err.Error(), "Friday") || !strings.Contains(err.Error(), "spy") {
		t.Errorf("both problems: %v", err)
	}
}
