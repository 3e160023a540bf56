package db_test

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// testFindingsAt: what was known about an ETF's findings, and the decisions in force, at each of its data versions and between.
func testFindingsAt(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FAT")
	start := time.Now()
	_, one := ingest(t, s, "FAT", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, findingBy("jump", day(1))) // version 1
	undecided := time.Now()
	decide(t, s, one[0].ID, etf.Accept)                                                 // version 2
	_, two := ingest(t, s, "FAT", []etf.Bar{bar(day(2), 2)}, findingBy("jump", day(2))) // version 3
	decide(t, s, one[0].ID, etf.Undo)                                                   // version 4
	open := time.Now()
	decide(t, s, two[0].ID, etf.Reject) // no bar changes: still version 4
	first, second := one[0].ID, two[0].ID
	type state map[string]etf.Decision
	for name, x := range map[string]struct {
		version int64
		at      time.Time
		want    state
	}{
		"before the first version": {0, time.Time{}, state{}},
		"before anything":          {0, start, state{}},
		"version 1":                {1, time.Time{}, state{first: ""}},
		"after version 1":          {0, undecided, state{first: ""}},
		"version 2":                {2, time.Time{}, state{first: etf.Accept}},
		"version 3":                {3, time.Time{}, state{first: etf.Accept, second: ""}},
		"version 4":                {4, time.Time{}, state{first: "", second: etf.Reject}},
		"taken back":               {0, open, state{first: "", second: ""}},
		"now":                      {0, time.Now(), state{first: "", second: etf.Reject}},
	} {
		asOf, err := s.AsOfVersion(ctx, "FAT", x.version)
		if !x.at.IsZero() {
			asOf, err = s.AsOfTime(ctx, "FAT", x.at)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, filter := range []etf.FindingFilter{{}, {Undecided: true}, {Decided: true}, {Rule: "other"}, {Sessions: etf.Window{From: day(2)}}} {
			filter.Symbol, filter.AsOf = "FAT", asOf
			want := state{}
			for id, decision := range x.want {
				if filter.Undecided && decision != "" || filter.Decided && decision == "" || filter.Rule != "" || !filter.Sessions.From.IsZero() && id == first {
					continue
				}
				want[id] = decision
			}
			got := state{}
			var cursor etf.Cursor
			for {
				page, next, err := s.Findings(ctx, filter, cursor, 1)
				if err != nil || len(page) > 1 {
					t.Fatalf("%s: %v, %v", name, page, err)
				}
				for _, f := range page {
					got[f.ID] = f.Decision
					if (f.Decision == "") != (f.By == "") || len(f.Sessions) != 1 {
						t.Errorf("%s: %+v", name, f)
					}
				}
				if cursor = next; next.IsZero() {
					break
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s, %+v: %v, want %v", name, filter, got, want)
			}
			for id, decision := range want {
				if is, ok := got[id]; !ok || is != decision {
					t.Errorf("%s, %+v: %v, want %v", name, filter, got, want)
				}
			}
		}
	}
}
