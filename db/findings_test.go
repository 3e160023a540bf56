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
		// The rule reports the accepted row again: nothing changes, and there is no second finding.
		p, findings := ingest(t, s, "QACC", []etf.Bar{bad}, findingBy("jump", day(1)))
		if p.Unchanged != 1 || p.Quarantined != 0 {
			t.Errorf("%+v", p)
		}
		_, err = s.Finding(t.Context(), findings[0].ID)
		wantKind(t, err, etf.KindNotFound, "id")
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
		{"DISN", []etf.Bar{bar(day(0), 7)}, etf.Superseded, bar(day(0), 7), 2},
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
		if c.decision == etf.Superseded { // by the revision
			_, err := s.Decide(t.Context(), etf.Ruling{Finding: findings[0].ID, Decision: etf.Accept, By: "kim"})
			wantKind(t, err, etf.KindConflict, "decision")
		} else {
			decide(t, s, findings[0].ID, c.decision)
		}
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

// testIdentity: reporting the same rows again makes no other finding, and one that names more rows names only the new ones.
func testIdentity(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "TWIN")
	bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1)}
	_, first := ingest(t, s, "TWIN", bars, findingBy("jump", day(1)))
	later := bar(day(1), 1)
	later.Volume += 5 // the provider corrects it the day after
	ingest(t, s, "TWIN", []etf.Bar{later}, findingBy("jump", day(1)))
	f := fetchOf("TWIN", bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	wider := finding(f, "jump", day(0), day(1))
	j := etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{wider}, Verdicts: []etf.Verdict{etf.VerdictQuarantine, etf.VerdictQuarantine}}
	for range 2 { // a repeat reports the same
		reported, err := s.SaveFindings(ctx, j)
		if err != nil || len(reported) != 2 {
			t.Fatalf("%+v, %v", reported, err)
		}
		for _, r := range reported {
			if want := []etf.Session{day(0)}; r.Finding.ID == first[0].ID {
				if want = []etf.Session{day(1)}; r.New || !reflect.DeepEqual(r.Finding.Sessions, want) || r.Finding.Decision != etf.Undecided {
					t.Errorf("%+v", r)
				}
			} else if stored, err := s.Finding(ctx, r.Finding.ID); err != nil || !reflect.DeepEqual(stored.Sessions, want) {
				t.Errorf("%+v, %v", stored, err)
			}
		}
	}
	all, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "TWIN"}, etf.Cursor{}, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if kept, err := s.Finding(ctx, first[0].ID); err != nil || kept.Fetch != first[0].Fetch {
		t.Errorf("the first fetch is not kept: %+v, %v", kept, err)
	}
	decide(t, s, first[0].ID, etf.Accept)
	if b := barOn(t, s, "TWIN", day(1)); b.Quarantined || b.Volume != later.Volume {
		t.Errorf("%+v", b)
	}
}

// testTwinsOf01: before 0.2, each later fetch of a quarantined row made another finding; one decision settles them all, and is
// taken back for them all.
func testTwinsOf01(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "OLDTWIN")
	_, f := ingest(t, s, "OLDTWIN", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, findingBy("jump", day(1)))
	id, twin, admin := f[0].ID, newID(), d.Admin(t)
	for _, statement := range []string{
		"INSERT INTO findings SELECT '" + twin + "', etf_id, fetch_id, rule, severity, evidence, found_at FROM findings WHERE id = '" + id + "'",
		"INSERT INTO finding_rows SELECT '" + twin + "', session, etf_id, staged, open, high, low, close, adj_close, volume FROM finding_rows WHERE finding_id = '" + id + "'",
	} {
		if _, err := admin.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	open := func(want int) {
		t.Helper()
		list, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "OLDTWIN", Undecided: true}, etf.Cursor{}, 10)
		if err != nil || len(list) != want {
			t.Fatalf("%d undecided, want %d: %v", len(list), want, err)
		}
	}
	open(2)
	decide(t, s, id, etf.Accept)
	open(0)
	if r, err := s.FindingRecord(ctx, twin); err != nil || r.Decision != etf.Accept || len(r.Decisions) != 1 || !contains(r.Why, id) {
		t.Errorf("%+v, %v", r, err)
	}
	decide(t, s, id, etf.Undo)
	open(2)
	if !barOn(t, s, "OLDTWIN", day(1)).Quarantined {
		t.Error("not quarantined again")
	}
}

func recordOf(t testing.TB, s *db.Store, id string) etf.FindingRecord {
	t.Helper()
	r, err := s.FindingRecord(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// testUndo takes back each kind of decision that changes bars: the bars are as before, in a data version of their own.
func testUndo(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	good, bad, mended := bar(day(0), 0), bar(day(1), 1), bar(day(1), 40)
	mended.AdjClose = 0
	for _, c := range []struct {
		symbol   etf.Symbol
		severity etf.Severity
		ruling   etf.Ruling
		after    etf.Bar // of day 1, once decided
		out      bool    // it is quarantined then
	}{
		{"UNACC", etf.SeverityError, etf.Ruling{Decision: etf.Accept}, bad, false},
		{"UNREJ", etf.SeverityError, etf.Ruling{Decision: etf.Reject}, bad, true},
		{"UNREP", etf.SeverityError, etf.Ruling{Decision: etf.Replace, Values: []etf.Bar{mended}}, mended, false},
		{"UNRET", etf.SeverityWarning, etf.Ruling{Decision: etf.Retract}, bad, true},
		{"UNWRP", etf.SeverityWarning, etf.Ruling{Decision: etf.Replace, Values: []etf.Bar{mended}}, mended, false},
	} {
		register(t, s, c.symbol)
		_, f := ingest(t, s, c.symbol, []etf.Bar{good, bad}, func(f etf.Fetch) etf.Finding {
			one := finding(f, "jump", day(1))
			one.Severity = c.severity
			return one
		})
		before, wasOut := etfOf(t, s, c.symbol), c.severity == etf.SeverityError
		r := c.ruling
		r.Finding, r.By, r.Why, r.Key = f[0].ID, "kim", "looked", "k1"
		for range 2 {
			if got, err := s.Decide(ctx, r); err != nil || got.Decision != r.Decision || got.By != "kim" {
				t.Fatalf("%s: %+v, %v", c.symbol, got, err)
			}
		}
		b, e := barOn(t, s, c.symbol, day(1)), etfOf(t, s, c.symbol)
		if b.Bar != c.after || b.Quarantined != c.out || e.Quarantined != count(c.out) || e.Bars != 2 {
			t.Fatalf("%s: decided: %+v, %+v", c.symbol, b, e)
		}
		if changed := b.Bar != bad || c.out != wasOut; (e.DataVersion.Number > before.DataVersion.Number) != changed {
			t.Errorf("%s: the data version is %d", c.symbol, e.DataVersion.Number)
		}
		if r.Decision == etf.Replace && (b.Source != etf.SourcePerson || b.Fetch == f[0].Fetch) {
			t.Errorf("%s: %+v", c.symbol, b)
		}
		other := etf.Ruling{Finding: f[0].ID, Decision: etf.Retract, By: "lee", Why: "no"}
		if r.Decision == etf.Retract {
			other.Decision, other.Values = etf.Replace, []etf.Bar{mended}
		}
		_, err := s.Decide(ctx, other)
		wantKind(t, err, etf.KindConflict, "decision")
		other.Key = "k1"
		_, err = s.Decide(ctx, other)
		wantKind(t, err, etf.KindConflict, "key")

		undo := etf.Ruling{Finding: f[0].ID, Decision: etf.Undo, By: "lee", Why: "too soon", Key: "u1"}
		for range 2 {
			if got, err := s.Decide(ctx, undo); err != nil || got.Decision != etf.Undecided {
				t.Fatalf("%s: undone: %+v, %v", c.symbol, got, err)
			}
		}
		b, e = barOn(t, s, c.symbol, day(1)), etfOf(t, s, c.symbol)
		if b.Bar != bad || b.Quarantined != wasOut || b.Source != "simulated" || b.Fetch != f[0].Fetch || e.Quarantined != count(wasOut) || e.Bars != 2 {
			t.Errorf("%s: undone: %+v, %+v", c.symbol, b, e)
		}
		record := recordOf(t, s, f[0].ID)
		if n := len(record.Decisions); n != 2 || record.Decisions[0].InForce || record.Decisions[1].InForce || record.Decisions[1].Decision != etf.Undo || record.Decisions[1].By != "lee" ||
			!reflect.DeepEqual(record.Decisions[0].Values, r.Values) || record.Decisions[0].RowsChanged != record.Decisions[1].RowsChanged {
			t.Errorf("%s: %+v", c.symbol, record.Decisions)
		}
		_, err = s.Decide(ctx, r)
		wantKind(t, err, etf.KindConflict, "key") // the request was taken back
		r.Key = "k2"
		if got, err := s.Decide(ctx, r); err != nil || got.Decision != r.Decision {
			t.Errorf("%s: decided again: %+v, %v", c.symbol, got, err)
		}
		if b := barOn(t, s, c.symbol, day(1)); b.Bar != c.after || b.Quarantined != c.out {
			t.Errorf("%s: decided again: %+v", c.symbol, b)
		}
	}
}

func count(condition bool) int {
	if condition {
		return 1
	}
	return 0
}

// testReplaceMissing: a row that could not be read gets a value; taking it back removes the bar, and what was believed stays.
func testReplaceMissing(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "UNREAD")
	_, f := ingest(t, s, "UNREAD", []etf.Bar{bar(day(0), 0)}, findingBy("unreadable_row", day(1)))
	value := etf.Bar{Session: day(1), Close: etf.MustPrice("101.5"), Volume: etf.VolumeUnknown}
	ruling := etf.Ruling{Finding: f[0].ID, Decision: etf.Replace, By: "kim", Why: "printed list", Values: []etf.Bar{value}}
	for _, c := range []struct {
		change func(*etf.Ruling)
		field  string
	}{
		{func(r *etf.Ruling) { r.Values = nil }, "values"},
		{func(r *etf.Ruling) { r.Values = []etf.Bar{{Session: day(1)}} }, "values.close"},
		{func(r *etf.Ruling) { r.Values = []etf.Bar{{Session: day(5), Close: 1}} }, "values.session"},
		{func(r *etf.Ruling) { r.Values = []etf.Bar{value, value} }, "values.session"},
	} {
		bad := ruling
		c.change(&bad)
		_, err := s.Decide(ctx, bad)
		wantKind(t, err, etf.KindInvalid, c.field)
	}
	if _, err := s.Decide(ctx, ruling); err != nil {
		t.Fatal(err)
	}
	b, e := barOn(t, s, "UNREAD", day(1)), etfOf(t, s, "UNREAD")
	if b.Open != value.Close || b.Low != value.Close || b.Source != etf.SourcePerson || e.Bars != 2 || e.Last != day(1) || e.Quarantined != 0 {
		t.Errorf("%+v, %+v", b, e)
	}
	if raw, err := s.FetchBody(ctx, b.Fetch); err != nil || !contains(string(raw), "101.5") {
		t.Errorf("the values' fetch: %s, %v", raw, err)
	}
	if _, err := s.Decide(ctx, etf.Ruling{Finding: f[0].ID, Decision: etf.Undo, By: "kim", Why: "wrong list"}); err != nil {
		t.Fatal(err)
	}
	if e := etfOf(t, s, "UNREAD"); e.Bars != 1 || e.Last != day(0) || e.DataVersion.Number != 3 {
		t.Errorf("%+v", e)
	}
	if all, err := s.BarRevisions(ctx, "UNREAD", day(1)); err != nil || len(all) != 1 || all[0].KnownTo.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
}

// testRetract: forecasts made from a retracted bar, in any of the versions that had it, are marked, and no others; taking the
// decision back lifts the marks.
func testRetract(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "RETR")
	forecast := func(origin etf.Session) string {
		f := forecastOf("RETR", "drift", origin, etfOf(t, s, "RETR").DataVersion)
		if _, isNew, err := appendOne(ctx, s, f); err != nil || !isNew {
			t.Fatal(err)
		}
		return f.ID
	}
	ingest(t, s, "RETR", []etf.Bar{bar(day(0), 0)})
	before := forecast(day(0)) // had no such bar
	wrong := bar(day(1), 1)
	_, f := ingest(t, s, "RETR", []etf.Bar{wrong}, func(f etf.Fetch) etf.Finding {
		one := finding(f, "jump", day(1))
		one.Severity = etf.SeverityWarning
		return one
	})
	older := forecast(day(0)) // ends before the bar
	made := forecast(day(1))
	wrong.Volume += 3
	ingest(t, s, "RETR", []etf.Bar{wrong})
	also := forecast(day(1))
	ingest(t, s, "RETR", []etf.Bar{bar(day(1), 9)}) // another belief for a while
	between := forecast(day(1))
	ingest(t, s, "RETR", []etf.Bar{wrong})
	again := forecast(day(1))

	_, err := s.Decide(ctx, etf.Ruling{Finding: f[0].ID, Decision: etf.Accept, By: "kim", Why: "x"})
	wantKind(t, err, etf.KindInvalid, "finding") // a warning keeps nothing out
	_, err = s.Decide(ctx, etf.Ruling{Finding: f[0].ID, Decision: etf.Retract, By: "kim", Why: "x", Sessions: []etf.Session{day(7)}})
	wantKind(t, err, etf.KindInvalid, "sessions")
	marked := func(want ...string) {
		t.Helper()
		got, err := s.Retracted(ctx, []string{before, older, made, also, between, again})
		if err != nil || len(got) != len(want) {
			t.Fatalf("marked: %v, %v; want %v", got, err, want)
		}
		for _, id := range want {
			if len(got[id]) != 1 || got[id][0] != f[0].ID {
				t.Errorf("%s is marked by %v", id, got[id])
			}
		}
	}
	marked()
	if _, err := s.Decide(ctx, etf.Ruling{Finding: f[0].ID, Decision: etf.Retract, By: "kim", Why: "never traded"}); err != nil {
		t.Fatal(err)
	}
	if b := barOn(t, s, "RETR", day(1)); !b.Quarantined {
		t.Errorf("%+v", b)
	}
	if h, err := s.History(ctx, "RETR", day(9), 10); err != nil || len(h.Bars) != 1 {
		t.Errorf("%+v, %v", h, err)
	}
	marked(made, also, again)
	// The same prices come back: they stay out, whatever their volume.
	wrong.Volume += 3
	if p, _ := ingest(t, s, "RETR", []etf.Bar{wrong}); p.Revised != 0 || !barOn(t, s, "RETR", day(1)).Quarantined {
		t.Errorf("the retracted prices are back: %+v", p)
	}
	decide(t, s, f[0].ID, etf.Undo)
	if barOn(t, s, "RETR", day(1)).Quarantined {
		t.Error("still quarantined")
	}
	marked()
	decide(t, s, f[0].ID, etf.Retract)
	marked(made, also, again)
}

// testSuperseded: when later rows take the place of those a finding names, nothing is left to decide on it. When its numbers
// come back, it waits again.
func testSuperseded(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "SUPER")
	bad, mended := bar(day(1), 1), bar(day(1), 50)
	_, f := ingest(t, s, "SUPER", []etf.Bar{bar(day(0), 0), bad}, findingBy("jump", day(1)))
	ingest(t, s, "SUPER", []etf.Bar{mended, bar(day(2), 2)})
	r := recordOf(t, s, f[0].ID)
	if r.Decision != etf.Superseded || r.By != "source:simulated" || len(r.Decisions) != 1 {
		t.Fatalf("%+v", r)
	}
	if _, settled, err := s.Replace(ctx, barOn(t, s, "SUPER", day(1)).Fetch, etf.Replacement{}); err != nil || !reflect.DeepEqual(settled, []string{f[0].ID}) {
		t.Errorf("a repeat settles %v, %v", settled, err)
	}
	_, again := ingest(t, s, "SUPER", []etf.Bar{bad}, findingBy("jump", day(1)))
	if r = recordOf(t, s, f[0].ID); r.Decision != etf.Undecided || len(r.Decisions) != 2 || r.Decisions[1].Decision != etf.Reopened {
		t.Errorf("%+v", r)
	}
	_, err := s.Finding(ctx, again[0].ID)
	wantKind(t, err, etf.KindNotFound, "id")
	if b := barOn(t, s, "SUPER", day(1)); b.Bar != mended || b.Quarantined {
		t.Errorf("a suspicious row replaced a good one: %+v", b)
	}
	// So does a row that could not be read before.
	_, unread := ingest(t, s, "SUPER", []etf.Bar{bar(day(2), 2)}, findingBy("unreadable_row", day(3)))
	ingest(t, s, "SUPER", []etf.Bar{bar(day(2), 2), bar(day(3), 3)})
	if r = recordOf(t, s, unread[0].ID); r.Decision != etf.Superseded {
		t.Errorf("%+v", r)
	}
	decide(t, s, f[0].ID, etf.Reject)
	if open, err := s.OldestUndecided(ctx, "SUPER"); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("%+v, %v", open, err)
	}
}

// testRefetchDecision: fetching again settles the finding unless the same numbers come back.
func testRefetchDecision(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "REFETCH")
	bad := bar(day(1), 1)
	_, f := ingest(t, s, "REFETCH", []etf.Bar{bar(day(0), 0), bad}, findingBy("jump", day(1)))
	run := etf.RunID("daily:XNYS:2025-01-03:rerun-2")
	if got, err := s.Decide(ctx, etf.Ruling{Finding: f[0].ID, Decision: etf.Refetch, By: "kim", Why: "corrected since", Run: run}); err != nil || got.Decision != etf.Refetch {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := recordOf(t, s, f[0].ID); r.Decisions[0].Run != run {
		t.Errorf("%+v", r.Decisions)
	}
	ingest(t, s, "REFETCH", []etf.Bar{bad}, findingBy("jump", day(1)))
	if r := recordOf(t, s, f[0].ID); r.Decision != etf.Undecided || len(r.Decisions) != 2 {
		t.Errorf("%+v", r)
	}
	decide(t, s, f[0].ID, etf.Refetch)
	ingest(t, s, "REFETCH", []etf.Bar{bar(day(1), 50)})
	if r := recordOf(t, s, f[0].ID); r.Decision != etf.Refetch || etfOf(t, s, "REFETCH").Quarantined != 0 {
		t.Errorf("%+v", r)
	}
}

// testDecideBetween: a decision that comes between the judgement of a later fetch and its Persist is not lost, even if the
// finding's own fetch was never stored.
func testDecideBetween(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "BETWEEN")
	ingest(t, s, "BETWEEN", []etf.Bar{bar(day(0), 0)})
	bars := []etf.Bar{bar(day(1), 1)}
	judged := func() (fetch string, found []etf.Reported) {
		f := fetchOf("BETWEEN", bars)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
			t.Fatal(err)
		}
		found, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{finding(f, "jump", bars[0].Session)}, Verdicts: []etf.Verdict{etf.VerdictQuarantine}})
		if err != nil {
			t.Fatal(err)
		}
		return f.ID, found
	}
	_, first := judged() // its run is killed
	fetch, second := judged()
	if len(first) != 1 || len(second) != 1 || !first[0].New || second[0].New || first[0].Finding.ID != second[0].Finding.ID {
		t.Fatalf("%+v, %+v", first, second)
	}
	decide(t, s, first[0].Finding.ID, etf.Accept)
	events := happened(t, s, func() error { _, err := s.Persist(ctx, fetch); return err })
	if len(events) != 2 || !strings.HasPrefix(events[0], "etf.stored|") || !strings.HasPrefix(events[1], "bar.released|XNYS|2025-01-02|BETWEEN|") || !strings.HasSuffix(events[1], `|{"session":"2025-01-03"}`) {
		t.Errorf("events: %q", events)
	}
	if e := etfOf(t, s, "BETWEEN"); barOn(t, s, "BETWEEN", day(1)).Quarantined || e.Quarantined != 0 {
		t.Errorf("the decision is lost: %+v", e)
	}
	// The other order: the finding's own fetch is never stored, another one is, and then it is accepted.
	bars = []etf.Bar{bar(day(2), 2)}
	_, first = judged()
	fetch, _ = judged()
	if _, err := s.Persist(ctx, fetch); err != nil || !barOn(t, s, "BETWEEN", day(2)).Quarantined {
		t.Fatal(err)
	}
	decide(t, s, first[0].Finding.ID, etf.Accept)
	if barOn(t, s, "BETWEEN", day(2)).Quarantined {
		t.Error("the decision does not reach the row that another fetch stored")
	}
}

// testFindingFilters checks each filter, and the order in which findings wait.
func testFindingFilters(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FILT")
	at := func(rule string, severity etf.Severity, age time.Duration, sessions ...etf.Session) func(etf.Fetch) etf.Finding {
		return func(f etf.Fetch) etf.Finding {
			one := finding(f, rule, sessions...)
			one.Severity, one.FoundAt = severity, time.Now().Add(-age)
			return one
		}
	}
	_, f := ingest(t, s, "FILT", []etf.Bar{bar(day(0), 0), bar(day(1), 1), bar(day(4), 4)},
		at("jump", etf.SeverityError, 3*time.Hour, day(0)), at("stale", etf.SeverityError, 4*time.Hour, day(1), day(4)),
		at("jump", etf.SeverityWarning, time.Hour, day(4)), at("held_close", etf.SeverityWarning, 5*time.Hour, day(4)))
	for _, c := range []struct {
		name   string
		filter etf.FindingFilter
		want   []int // indexes in f, newest first
	}{
		{"all", etf.FindingFilter{}, []int{2, 0, 1, 3}},
		{"a rule", etf.FindingFilter{Rule: "jump"}, []int{2, 0}},
		{"its exchange", etf.FindingFilter{Exchange: etf.XNYS, Rule: "jump"}, []int{2, 0}},
		{"another exchange", etf.FindingFilter{Exchange: etf.XKRX}, nil},
		{"a severity", etf.FindingFilter{Severity: etf.SeverityError}, []int{0, 1}},
		{"undecided", etf.FindingFilter{Undecided: true}, []int{0, 1, 3}},
		{"from", etf.FindingFilter{Sessions: etf.Window{From: day(2)}}, []int{2, 1, 3}},
		{"to", etf.FindingFilter{Sessions: etf.Window{To: day(0)}}, []int{0}},
		{"between", etf.FindingFilter{Sessions: etf.Window{From: day(2), To: day(3)}}, nil},
	} {
		for _, symbol := range []etf.Symbol{"FILT", ""} {
			c.filter.Symbol = symbol
			list, _, err := s.Findings(ctx, c.filter, etf.Cursor{}, 1000)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, x := range list {
				if x.Symbol == "FILT" {
					got = append(got, x.ID)
				}
			}
			for _, i := range c.want {
				want = append(want, f[i].ID)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, of %q: %v, want %v", c.name, symbol, got, want)
			}
		}
	}
	for _, i := range []int{3, 1, 0} {
		next, err := s.OldestUndecided(ctx, "FILT")
		if err != nil || next.ID != f[i].ID {
			t.Fatalf("%+v, %v; want %s", next, err, f[i].ID)
		}
		decide(t, s, next.ID, etf.Reject)
	}
	if decided, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "FILT", Decided: true}, etf.Cursor{}, 10); err != nil || len(decided) != 3 {
		t.Errorf("%+v, %v", decided, err)
	}
	if _, err := s.OldestUndecided(ctx, "NONE"); etf.KindOf(err) != etf.KindNotFound {
		t.Error(err)
	}
	if _, err := s.OldestUndecided(ctx, ""); err != nil && etf.KindOf(err) != etf.KindNotFound {
		t.Error(err)
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
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{found}, Verdicts: []etf.Verdict{etf.VerdictQuarantine}}); err != nil {
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
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: findings, Verdicts: verdicts}); err != nil {
		t.Fatal(err)
	}
	before := dump(t, d, "findings", "finding_rows", "staged_bars")
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: findings[:1], Verdicts: make([]etf.Verdict, 2)}); err != nil {
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

// testUndoEarly: a row that was accepted before it was stored is in use because of that decision, and is kept out again when the
// decision is taken back.
func testUndoEarly(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "EARLYUNDO")
	ingest(t, s, "EARLYUNDO", []etf.Bar{bar(day(0), 0)})
	bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1)}
	f := fetchOf("EARLYUNDO", bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	// The rule names a row that is in use already, too.
	found := finding(f, "jump", day(0), day(1))
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{found}, Verdicts: verdictsOf(bars, []etf.Finding{found})}); err != nil {
		t.Fatal(err)
	}
	decide(t, s, found.ID, etf.Accept)
	if p, err := s.Persist(ctx, f.ID); err != nil || p.New != 1 || p.Quarantined != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	decide(t, s, found.ID, etf.Undo)
	if before, accepted, e := barOn(t, s, "EARLYUNDO", day(0)), barOn(t, s, "EARLYUNDO", day(1)), etfOf(t, s, "EARLYUNDO"); before.Quarantined || !accepted.Quarantined || e.Quarantined != 1 || e.Bars != 2 {
		t.Errorf("%+v, %+v, %+v", before, accepted, e)
	}
	decide(t, s, found.ID, etf.Accept)
	if b, e := barOn(t, s, "EARLYUNDO", day(1)), etfOf(t, s, "EARLYUNDO"); b.Quarantined || e.Quarantined != 0 {
		t.Errorf("%+v, %+v", b, e)
	}
}
