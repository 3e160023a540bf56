package db_test

import (
	"context"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// What a window of older history is judged with: the bars in use after it, and the ends of those kept out between.
func TestStagedWithFollowingBars(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		ctx := context.Background()
		s := d.Store
		register(t, s, "SPY")
		bars := weekdays(etf.MustSession("2024-01-02"), 300)
		staged := func(from, to int) etf.Staged {
			t.Helper()
			f := fetchOf("SPY", bars[from:to])
			if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars[from:to], Basis: f.Basis}); err != nil {
				t.Fatal(err)
			}
			st, err := s.Staged(ctx, f.ID)
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
		ingest(t, s, "SPY", bars[200:])
		st := staged(150, 200)
		if n := len(st.Following); n != quality.MostFollowing || st.Following[0].Session != bars[200].Session || st.Following[n-1].Session != bars[259].Session ||
			st.Following[0].Close != bars[200].Close || st.Following[0].Basis != etf.AsTraded || len(st.Parked) != 0 {
			t.Errorf("before the stored bars: %d following from %v, %d parked", n, st.Following, len(st.Parked))
		}
		if st = staged(195, 203); st.Following[0].Session != bars[203].Session || len(st.Known) != 3 {
			t.Errorf("with an overlap: following from %s, %d known", st.Following[0].Session, len(st.Known))
		}
		if st = staged(290, 300); len(st.Following) != 0 {
			t.Errorf("at the newest end, %d bars follow", len(st.Following))
		}
		named := make([]etf.Session, 0, 40)
		for _, b := range bars[160:200] {
			named = append(named, b.Session)
		}
		ingest(t, s, "SPY", bars[160:200], findingBy("split_suspected", named...))
		if st = staged(100, 160); len(st.Parked) != 2 || st.Parked[0].Session != bars[160].Session || st.Parked[1].Session != bars[199].Session || st.Following[0].Session != bars[200].Session {
			t.Errorf("before bars that are kept out: parked %v", st.Parked)
		}
	})
}
