package db_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func decide(t testing.TB, s *db.Store, id string, d etf.Decision) etf.Finding {
	t.Helper()
	f, err := s.Decide(t.Context(), etf.Ruling{Finding: id, Decision: d, By: "kim", Why: "looked at it"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// testQuarantine follows a bar that was quarantined when it was new, through each decision.
func testQuarantine(t *testing.T, d dbtest.Database) {
	s := d.Store
	good, bad, fixed := bar(day(0), 0), bar(day(1), 1), bar(day(1), 50)
	setup := func(symbol etf.Symbol) etf.Finding {
		register(t, s, symbol)
		p, findings := ingest(t, s, symbol, []etf.Bar{good, bad}, findingBy("jump", day(1)))
		if p.New != 2 || p.Quarantined != 1 || !barOn(t, s, symbol, day(1)).Quarantined || barOn(t, s, symbol, day(0)).Quarantined {
			t.Fatalf("%+v", p)
		}
		if e := etfOf(t, s, symbol); e.Quarantined != 1 || e.Bars != 2 {
			t.Fatalf("%+v", e)
		}
		return findings[0]
	}
	state := func(symbol etf.Symbol, quarantined bool, want etf.Bar, version int64) {
		t.Helper()
		b, e := barOn(t, s, symbol, day(1)), etfOf(t, s, symbol)
		n := 0
		if quarantined {
			n = 1
		}
		if b.Quarantined != quarantined || b.Bar != want || e.Quarantined != n || e.DataVersion.Number != version {
			t.Fatalf("%s: bar %+v, etf %+v; want quarantined %v at version %d", symbol, b, e, quarantined, version)
		}
	}
	t.Run("accepted", func(t *testing.T) {
		f := setup("QACC")
		got := decide(t, s, f.ID, etf.Accept)
		if got.Decision != etf.Accept || got.By != "kim" || got.Why != "looked at it" {
			t.Errorf("%+v", got)
		}
		state("QACC", false, bad, 2)
		revisions, err := s.BarRevisions(t.Context(), "QACC", day(1))
		if err != nil || len(revisions) != 2 || !revisions[0].Quarantined || !revisions[0].KnownTo.Equal(revisions[1].KnownFrom) {
			t.Errorf("revisions %+v, %v", revisions, err)
		}
		before := dump(t, d, priceTables...)
		decide(t, s, f.ID, etf.Accept)
		_, err = s.Decide(t.Context(), etf.Ruling{Finding: f.ID, Decision: etf.Reject, By: "lee"})
		wantKind(t, err, etf.KindConflict, "decision")
		// The rule reports the accepted row again: nothing changes, and the new finding takes over the decision.
		p, findings := ingest(t, s, "QACC", []etf.Bar{bad}, findingBy("jump", day(1)))
		if p.Unchanged != 1 || p.Quarantined != 0 {
			t.Errorf("%+v", p)
		}
		if again, err := s.Finding(t.Context(), findings[0].ID); err != nil || again.Decision != etf.Accept || !contains(again.Why, f.ID) {
			t.Errorf("%+v, %v", again, err)
		}
		if dump(t, d, priceTables...) != before {
			t.Error("reporting an accepted row again changed something")
		}
	})
	t.Run("rejected", func(t *testing.T) {
		f := setup("QREJ")
		decide(t, s, f.ID, etf.Reject)
		state("QREJ", true, bad, 1)
		if p, _ := ingest(t, s, "QREJ", []etf.Bar{bad}); p.Unchanged != 1 || p.Quarantined != 1 {
			t.Errorf("the same numbers again: %+v", p)
		}
		state("QREJ", true, bad, 1)
		if p, _ := ingest(t, s, "QREJ", []etf.Bar{fixed}); p.Revised != 1 || p.Quarantined != 0 {
			t.Errorf("other numbers: %+v", p)
		}
		state("QREJ", false, fixed, 2)
	})
	t.Run("undecided", func(t *testing.T) {
		setup("QUND")
		if p, _ := ingest(t, s, "QUND", []etf.Bar{bad}); p.Unchanged != 1 || p.Quarantined != 1 {
			t.Errorf("the same numbers, no finding: %+v", p)
		}
		state("QUND", true, bad, 1)
		if p, _ := ingest(t, s, "QUND", []etf.Bar{fixed}, findingBy("jump", day(1))); p.Revised != 1 || p.Quarantined != 1 {
			t.Errorf("other numbers, with a finding: %+v", p)
		}
		state("QUND", true, fixed, 2)
		if p, _ := ingest(t, s, "QUND", []etf.Bar{bar(day(1), 60)}); p.Revised != 1 || p.Quarantined != 0 {
			t.Errorf("other numbers, no finding: %+v", p)
		}
		state("QUND", false, bar(day(1), 60), 3)
	})
}

// testHeld checks that a quarantined row replaces a good bar only if a person accepts it.
func testHeld(t *testing.T, d dbtest.Database) {
	s := d.Store
	good, tick := bar(day(0), 0), bar(day(0), 300)
	for _, c := range []struct {
		symbol   etf.Symbol
		between  []etf.Bar // a revision stored before the decision
		decision etf.Decision
		want     etf.Bar
		version  int64
	}{
		{"DISA", nil, etf.Accept, tick, 2},
		{"DISR", nil, etf.Reject, good, 1},
		{"DISN", []etf.Bar{bar(day(0), 7)}, etf.Accept, bar(day(0), 7), 2},
	} {
		register(t, s, c.symbol)
		ingest(t, s, c.symbol, []etf.Bar{good})
		p, findings := ingest(t, s, c.symbol, []etf.Bar{tick}, findingBy("jump", day(0)))
		if p.Unchanged != 1 || p.Quarantined != 1 || p.Revised != 0 || p.DataVersion.Number != 1 {
			t.Fatalf("%s: %+v", c.symbol, p)
		}
		if b := barOn(t, s, c.symbol, day(0)); b.Bar != good || b.Quarantined {
			t.Fatalf("%s: replaced by %+v", c.symbol, b)
		}
		if c.between != nil {
			ingest(t, s, c.symbol, c.between)
		}
		decide(t, s, findings[0].ID, c.decision)
		b, e := barOn(t, s, c.symbol, day(0)), etfOf(t, s, c.symbol)
		if b.Bar != c.want || b.Quarantined || e.DataVersion.Number != c.version || e.Quarantined != 0 {
			t.Errorf("%s: bar %+v, etf %+v", c.symbol, b, e)
		}
	}
}

// testRejected checks that numbers a person has rejected do not come back as a revision of a good bar.
func testRejected(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "REJ")
	good, tick := bar(day(0), 0), bar(day(0), 300)
	ingest(t, s, "REJ", []etf.Bar{good})
	_, findings := ingest(t, s, "REJ", []etf.Bar{tick}, findingBy("jump", day(0)))
	decide(t, s, findings[0].ID, etf.Reject)
	p, _ := ingest(t, s, "REJ", []etf.Bar{tick, bar(day(1), 1)})
	if p.New != 1 || p.Unchanged != 1 || p.Revised != 0 {
		t.Fatalf("%+v", p)
	}
	if b := barOn(t, s, "REJ", day(0)); b.Bar != good {
		t.Errorf("the rejected numbers are back: %+v", b)
	}
}

func testTwoRules(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "TWO")
	_, findings := ingest(t, s, "TWO", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, findingBy("jump", day(0), day(1)), findingBy("stale", day(1)))
	decide(t, s, findings[0].ID, etf.Accept)
	if barOn(t, s, "TWO", day(0)).Quarantined || !barOn(t, s, "TWO", day(1)).Quarantined {
		t.Error("accepting one rule's finding must release only the row that no other rule names")
	}
	decide(t, s, findings[1].ID, etf.Accept)
	if barOn(t, s, "TWO", day(1)).Quarantined || etfOf(t, s, "TWO").Quarantined != 0 {
		t.Error("still quarantined")
	}
}

// testDuplicates: each later fetch of a quarantined row makes another finding; one decision settles them all.
func testDuplicates(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "TWIN")
	var ids []string
	for range 3 {
		_, f := ingest(t, s, "TWIN", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, findingBy("jump", day(1)))
		ids = append(ids, f[0].ID)
	}
	_, wider := ingest(t, s, "TWIN", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, findingBy("jump", day(0), day(1)))
	decide(t, s, ids[1], etf.Accept)
	open, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "TWIN", Undecided: true}, etf.Cursor{}, 10)
	if err != nil || len(open) != 1 || open[0].ID != wider[0].ID {
		t.Fatalf("open: %+v, %v", open, err)
	}
	if barOn(t, s, "TWIN", day(1)).Quarantined {
		t.Error("still quarantined")
	}
}

func testDecideEarly(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "EARLY")
	bars := []etf.Bar{bar(day(0), 0)}
	f := fetchOf("EARLY", bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
		t.Fatal(err)
	}
	found := finding(f, "jump", day(0))
	if err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{found}, Verdicts: []etf.Verdict{etf.VerdictQuarantine}}); err != nil {
		t.Fatal(err)
	}
	decide(t, s, found.ID, etf.Accept)
	if p, err := s.Persist(ctx, f.ID); err != nil || p.New != 1 || p.Quarantined != 0 || barOn(t, s, "EARLY", day(0)).Quarantined {
		t.Fatalf("%+v, %v", p, err)
	}
}

func testFindings(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FIND")
	bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1)}
	f := fetchOf("FIND", bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) // newer than every other test's
	var findings []etf.Finding
	for i := range 5 {
		found := finding(f, fmt.Sprintf("rule_%d", i), day(0), day(9)) // the fetch has no row for day 9
		found.FoundAt, found.Evidence = at, "한국 ' \\ \" \n"+strings.Repeat("é", 900)
		if i > 2 {
			found.Severity = etf.SeverityWarning
		}
		findings = append(findings, found)
	}
	verdicts := []etf.Verdict{etf.VerdictQuarantine, etf.VerdictKeep}
	if err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: findings, Verdicts: verdicts}); err != nil {
		t.Fatal(err)
	}
	before := dump(t, d, "findings", "finding_rows", "staged_bars")
	if err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: findings[:1], Verdicts: make([]etf.Verdict, 2)}); err != nil {
		t.Fatal(err)
	}
	if dump(t, d, "findings", "finding_rows", "staged_bars") != before {
		t.Error("a repeat changed something")
	}
	got, err := s.Finding(ctx, findings[0].ID)
	if err != nil || !reflect.DeepEqual(got, findings[0]) {
		t.Fatalf("%+v, %v; want %+v", got, err, findings[0])
	}
	for _, filter := range []etf.FindingFilter{{}, {Symbol: "FIND"}} {
		var seen []string
		var cursor etf.Cursor
		for {
			page, next, err := s.Findings(ctx, filter, cursor, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page {
				if p.Symbol == "FIND" {
					seen = append(seen, p.ID)
				}
			}
			if cursor = next; cursor.IsZero() || len(seen) >= 5 {
				break
			}
		}
		if len(seen) != 5 || seen[0] < seen[4] {
			t.Errorf("%+v: pages %v", filter, seen)
		}
	}
	if open, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "FIND", Undecided: true}, etf.Cursor{}, 10); err != nil || len(open) != 3 {
		t.Errorf("undecided: %d, %v", len(open), err)
	}
	_, err = s.Finding(ctx, "none")
	wantKind(t, err, etf.KindNotFound, "id")
	_, err = s.Decide(ctx, etf.Ruling{Finding: "none", Decision: etf.Accept, By: "kim"})
	wantKind(t, err, etf.KindNotFound, "id")
	_, err = s.Decide(ctx, etf.Ruling{Finding: findings[0].ID, Decision: "maybe", By: "kim"})
	wantKind(t, err, etf.KindInvalid, "decision")
	_, err = s.Decide(ctx, etf.Ruling{Finding: findings[0].ID, Decision: etf.Accept})
	wantKind(t, err, etf.KindInvalid, "by")
}
