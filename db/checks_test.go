package db_test

import (
	"context"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// What a second source says is kept beside the fetch, once, and shown with the finding; its staged rows never become bars.
func TestSecondOpinionIsKept(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		ctx := context.Background()
		s := d.Store
		register(t, s, "SPY")
		bars := weekdays(etf.MustSession("2025-01-02"), 30)
		save := func(source string, rows []etf.Bar, basis etf.Basis) string {
			t.Helper()
			f := fetchOf("SPY", rows)
			f.Source, f.Basis = source, basis
			split := etf.Action{Kind: etf.Split, Ex: rows[len(rows)-1].Session, Numerator: 2, Denominator: 1}
			if err := s.SaveFetch(ctx, f, etf.Response{Bars: rows, Basis: basis, Actions: []etf.Action{split}}); err != nil {
				t.Fatal(err)
			}
			return f.ID
		}
		first, second, later := save("simulated", bars[20:], etf.AsTraded), save("file", bars, etf.SplitAdjusted), save("yahoo", bars[25:], etf.AsTraded)
		last := bars[29].Session
		for _, other := range []string{second, second, later} { // the first one stands
			if err := s.SaveCheck(ctx, first, other, last); err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, s.SaveCheck(ctx, later, newID(), last), etf.KindNotFound, "fetch")
		st, err := s.Staged(ctx, first)
		if err != nil {
			t.Fatal(err)
		}
		if o := st.Second; o.Fetch != second || o.Source != "file" || o.Basis != etf.SplitAdjusted || len(o.Bars) != 16 || o.Bars[15] != bars[29] || len(o.Actions) != 1 {
			t.Errorf("the opinion is %+v", o)
		}
		if _, err := s.DiscardStaged(ctx, "another"); err != nil {
			t.Fatal(err)
		}
		f := etf.Finding{ID: newID(), Symbol: "SPY", Fetch: first, Rule: "second_source", Severity: etf.SeverityWarning, Sessions: []etf.Session{last}, Evidence: "apart", FoundAt: st.Fetch.FetchedAt}
		if err := saveFindings(s, etf.Judgement{Fetch: first, Findings: []etf.Finding{f}, Verdicts: make([]etf.Verdict, 10)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Persist(ctx, first); err != nil {
			t.Fatal(err)
		}
		record, err := s.FindingRecord(ctx, f.ID)
		if err != nil || len(record.Rows) != 1 || record.Rows[0].Second == nil || record.Rows[0].Second.Source != "file" || record.Rows[0].Second.Close != bars[29].Close {
			t.Fatalf("the finding shows %+v %v", record.Rows, err)
		}
		if n := etfOf(t, s, "SPY").DataVersion.Number; n != 1 {
			t.Errorf("data version %d", n)
		}
		if stored, err := s.Stored(ctx, "SPY"); err != nil || stored.Bars != 10 {
			t.Errorf("%d bars stored, want the first source's 10: %v", stored.Bars, err)
		}
		past, err := s.Past(ctx, "SPY")
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]etf.PastFetch{}
		for _, f := range past.Fetches {
			known[f.ID] = f
		}
		if known[first].Second.Fetch != second || known[second].Source != "file" {
			t.Errorf("the past has %+v", past.Fetches)
		}
	})
}
