package db_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// saveWhole stages a whole history and saves verdicts on it; those not given are keep.
func saveWhole(t *testing.T, s *db.Store, symbol etf.Symbol, bars []etf.Bar, verdicts map[etf.Session]etf.Verdict, rules ...func(etf.Fetch) etf.Finding) etf.Fetch {
	t.Helper()
	f := fetchOf(symbol, bars)
	f.Window.From = 0
	if err := s.SaveFetch(t.Context(), f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	j := etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, len(bars))}
	for i, b := range bars {
		j.Verdicts[i] = verdicts[b.Session]
	}
	for _, rule := range rules {
		j.Findings = append(j.Findings, rule(f))
	}
	if _, err := s.SaveFindings(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	return f
}

func takeOver(t *testing.T, s *db.Store, fetch string) etf.Persisted {
	t.Helper()
	p, _, err := s.Replace(t.Context(), fetch, etf.Replacement{Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scaled returns the bars with prices times 994/1000, which is what a distribution does to a total-adjusted series.
func scaled(bars []etf.Bar) []etf.Bar {
	out := slices.Clone(bars)
	for i := range out {
		for _, p := range []*etf.Price{&out[i].Open, &out[i].High, &out[i].Low, &out[i].Close} {
			*p, _ = p.MulRatio(994, 1000)
		}
	}
	return out
}

// closes returns the closes of all current bars by session, quarantined ones negative.
func closes(t *testing.T, s *db.Store, symbol etf.Symbol) map[etf.Session]etf.Price {
	t.Helper()
	bars, err := s.BarsPage(t.Context(), symbol, etf.Window{}, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	out := map[etf.Session]etf.Price{}
	for _, b := range bars {
		out[b.Session] = b.Close
		if b.Quarantined {
			out[b.Session] = -b.Close
		}
	}
	return out
}

func closesOf(bars []etf.Bar) map[etf.Session]etf.Price {
	out := map[etf.Session]etf.Price{}
	for _, b := range bars {
		out[b.Session] = b.Close
	}
	return out
}

// settled returns the findings that have been settled, with the reason.
func settled(t *testing.T, d dbtest.Database) map[string]string {
	t.Helper()
	rows, err := d.Admin(t).QueryContext(t.Context(), "SELECT finding_id, why FROM decisions WHERE decision = 'refetch' AND in_force = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var id, why string
		if err := rows.Scan(&id, &why); err != nil {
			t.Fatal(err)
		}
		out[id] = why
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// A less preferred source's response may have nothing to store.
func testEveryRowDropped(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "DROPS")
	bars := weekdays(day(0), 5)
	first, _ := ingest(t, s, "DROPS", bars)
	drop := map[etf.Session]etf.Verdict{}
	for _, b := range bars {
		drop[b.Session] = etf.VerdictDrop
	}
	f := saveWhole(t, s, "DROPS", scaled(bars), drop)
	p, err := s.Persist(t.Context(), f.ID)
	if err != nil || p.New+p.Unchanged+p.Revised+p.Quarantined != 0 || p.DataVersion != first.DataVersion {
		t.Fatalf("persisted %+v, %v", p, err)
	}
	if got := closes(t, s, "DROPS"); !reflect.DeepEqual(got, closesOf(bars)) {
		t.Errorf("stored %v", got)
	}
}

func testTakeOver(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "WHOLE")
	all := weekdays(day(0), 2500) // more than one batch
	stored := slices.Clone(all[:2499])
	bad := stored[2498].Session
	first, found := ingest(t, s, "WHOLE", stored, findingBy("restated_series", bad))
	if got, err := s.Stored(ctx, "WHOLE"); err != nil || got.Last != bad || got.LastUsed != stored[2497].Session {
		t.Errorf("stored %+v, %v", got, err)
	}
	now := append(scaled(stored), all[2499])
	f := saveWhole(t, s, "WHOLE", now, nil)

	staged, err := s.Staged(ctx, f.ID)
	if err != nil || len(staged.Known) != 2498 {
		t.Fatalf("%d bars known to a whole history, %v", len(staged.Known), err)
	}
	p := takeOver(t, s, f.ID)
	if p.New != 1 || p.Revised != 2499 || p.Unchanged != 0 || p.Quarantined != 0 || p.DataVersion.Number != first.DataVersion.Number+1 {
		t.Fatalf("persisted %+v", p)
	}
	if got := closes(t, s, "WHOLE"); !reflect.DeepEqual(got, closesOf(now)) {
		t.Error("the series is not the response's")
	}
	e := etfOf(t, s, "WHOLE")
	if e.Bars != 2500 || e.Quarantined != 0 || e.First != all[0].Session || e.Last != all[2499].Session || e.DataVersion != p.DataVersion {
		t.Errorf("etf %+v", e)
	}
	revisions, err := s.BarRevisions(ctx, "WHOLE", all[7].Session)
	if err != nil || len(revisions) != 2 || revisions[0].Bar != all[7] || !revisions[0].KnownTo.Equal(p.KnownFrom) || revisions[1].Fetch != f.ID {
		t.Errorf("revisions %+v, %v", revisions, err)
	}
	if why := settled(t, d)[found[0].ID]; why != "the whole history was fetched again, in fetch "+f.ID {
		t.Errorf("the finding on the old level is settled with %q", why)
	}
	again, names, err := s.Replace(ctx, f.ID, etf.Replacement{Whole: true})
	if err != nil || !reflect.DeepEqual(again, p) || !slices.Equal(names, []string{found[0].ID}) {
		t.Errorf("again: %+v, settled %v, %v", again, names, err)
	}
	// The same history once more changes nothing.
	if p2 := takeOver(t, s, saveWhole(t, s, "WHOLE", now, nil).ID); p2.New+p2.Revised != 0 || p2.Unchanged != 2500 || p2.DataVersion != p.DataVersion {
		t.Errorf("the same history: %+v", p2)
	}
	// And the next update is an ordinary one.
	next := append(slices.Clone(now[2490:]), bar(all[2499].Session+30, 3))
	if p3, _ := ingest(t, s, "WHOLE", next); p3.New != 1 || p3.Unchanged != 10 {
		t.Errorf("the next update: %+v", p3)
	}
}

// Where the level has changed, bars without a row go; where it has not, they stay.
func testTakeOverWithHoles(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "HOLES")
	all := weekdays(day(0), 60)
	ingest(t, s, "HOLES", all)
	now := append(scaled(all[:40]), all[40:]...)
	oldHole, newHole := now[10].Session, now[50].Session
	now = slices.DeleteFunc(now, func(b etf.Bar) bool { return b.Session == oldHole || b.Session == newHole })
	p := takeOver(t, s, saveWhole(t, s, "HOLES", now, nil).ID)
	if p.New != 0 || p.Revised != 40 || p.Unchanged != 19 {
		t.Fatalf("persisted %+v", p)
	}
	want := closesOf(now)
	want[newHole] = all[50].Close
	if got := closes(t, s, "HOLES"); !reflect.DeepEqual(got, want) {
		t.Errorf("stored %v", got)
	}
	if e := etfOf(t, s, "HOLES"); e.Bars != 59 {
		t.Errorf("etf %+v", e)
	}
	revisions, err := s.BarRevisions(t.Context(), "HOLES", oldHole)
	if err != nil || len(revisions) != 1 || revisions[0].KnownTo.IsZero() {
		t.Errorf("revisions of the bar that went: %+v, %v", revisions, err)
	}
	// A bar that went may come back.
	if p, _ := ingest(t, s, "HOLES", scaled(all[10:11])); p.New != 1 {
		t.Errorf("its return: %+v", p)
	}
}

// A bad row of the whole history is quarantined. Numbers that a person has rejected come back quarantined, findings that
// still keep something out stay open.
func testTakeOverAndDecisions(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "DECIDE")
	all := weekdays(day(0), 60)
	now := scaled(all)
	bad, rejected, disputed := all[20].Session, all[30].Session, all[40].Session
	_, found := ingest(t, s, "DECIDE", all, findingBy("spike", bad), findingBy("jump", disputed))
	// Numbers of the new level that a person has rejected.
	_, more := ingest(t, s, "DECIDE", now[30:31], findingBy("spike", rejected))
	if _, err := s.Decide(ctx, etf.Ruling{Finding: more[0].ID, Decision: etf.Reject, By: "Kim", Why: "a bad tick"}); err != nil {
		t.Fatal(err)
	}
	f := saveWhole(t, s, "DECIDE", now, map[etf.Session]etf.Verdict{disputed: etf.VerdictQuarantine}, findingBy("jump", disputed))
	p := takeOver(t, s, f.ID)
	want := closesOf(now)
	want[rejected], want[disputed] = -want[rejected], -want[disputed]
	if got := closes(t, s, "DECIDE"); !reflect.DeepEqual(got, want) {
		t.Errorf("stored %v", got)
	}
	if e := etfOf(t, s, "DECIDE"); e.Quarantined != 2 || p.Quarantined != 2 || p.Revised != 60 {
		t.Errorf("etf %+v, persisted %+v", e, p)
	}
	// The same history once more: what has been rejected stays out, although no rule speaks against it.
	p = takeOver(t, s, saveWhole(t, s, "DECIDE", now, map[etf.Session]etf.Verdict{disputed: etf.VerdictQuarantine}, findingBy("jump", disputed)).ID)
	if p.New+p.Revised != 0 || p.Quarantined != 2 || !reflect.DeepEqual(closes(t, s, "DECIDE"), want) {
		t.Errorf("the same history: %+v", p)
	}
	done := settled(t, d)
	if done[found[0].ID] == "" || done[found[1].ID] != "" {
		t.Errorf("settled %v; the first of %v should be, the second is still about a quarantined bar", done, found)
	}
}

func testListing(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	e := etf.ETF{Symbol: "LISTED1", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "file", Ref: "L.csv"}}, Listed: day(10)}
	e.Sources = append(e.Sources, etf.SourceRef{Name: "yahoo", Ref: "L"})
	stored, created, err := s.CreateETF(ctx, e)
	if err != nil || !created || stored.Listed != day(10) {
		t.Fatalf("registered %+v, %v, %v", stored, created, err)
	}
	if again, created, err := s.CreateETF(ctx, e); err != nil || created || !reflect.DeepEqual(again, stored) {
		t.Errorf("again: %+v, %v, %v", again, created, err)
	}
	e.Listed = day(11)
	_, _, err = s.CreateETF(ctx, e)
	wantKind(t, err, etf.KindConflict, "listed")

	first := fetchOf("LISTED1", nil)
	if err := s.SaveFetch(ctx, first, etf.Response{Defects: []etf.Defect{{Where: "x"}}}); err != nil {
		t.Fatal(err)
	}
	if staged, err := s.Staged(ctx, first.ID); err != nil || staged.Listed != day(10) || !slices.Equal(staged.Sources, e.Sources) {
		t.Errorf("staged before any change: %+v, %v", staged, err)
	}

	later, none, name := day(20), etf.Session(0), "Fund"
	change(t, d, etf.ETFEdit{Symbol: "LISTED1", Listed: &later, By: "Kim"}, true)
	change(t, d, etf.ETFEdit{Symbol: "LISTED1", Listed: &later, By: "Kim"}, false)
	if got := change(t, d, etf.ETFEdit{Symbol: "LISTED1", Name: &name, Sources: []etf.SourceRef{{Name: "yahoo", Ref: "L"}, {Name: "file", Ref: "L.csv"}}}, true); got.Listed != day(20) {
		t.Errorf("after another change: %+v", got)
	}
	f := fetchOf("LISTED1", nil)
	if err := s.SaveFetch(ctx, f, etf.Response{Defects: []etf.Defect{{Where: "x"}}}); err != nil {
		t.Fatal(err)
	}
	staged, err := s.Staged(ctx, f.ID)
	if err != nil || staged.Listed != day(20) || len(staged.Sources) != 2 || staged.Sources[0].Name != "yahoo" || !staged.First.IsZero() {
		t.Errorf("staged %+v, %v", staged, err)
	}
	if got := change(t, d, etf.ETFEdit{Symbol: "LISTED1", Listed: &none, By: "Lee"}, true); !got.Listed.IsZero() {
		t.Errorf("after removing it: %+v", got)
	}
	change(t, d, etf.ETFEdit{Symbol: "LISTED1", By: "Lee", Why: "only a note", Note: true}, true)
	changes, err := s.ETFChanges(ctx, "LISTED1")
	if err != nil || len(changes) != 4 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	if got := fmt.Sprint(changes[0].Listed, changes[1].Listed, changes[2].Listed, changes[3].Why); got != fmt.Sprint(day(20), day(20), etf.Session(0), "only a note") {
		t.Errorf("changes %+v", changes)
	}
}

// Bars from before the listing go in a data version of their own, with the findings about them.
func testEarlyBars(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "EARLY")
	all := weekdays(day(0), 61)
	listed := all[25].Session
	_, found := ingest(t, s, "EARLY", all[:60], findingBy("reused_ticker", all[3].Session, all[4].Session), findingBy("spike", all[30].Session))
	f := saveWhole(t, s, "EARLY", all[50:], nil)
	p, names, err := s.Replace(ctx, f.ID, etf.Replacement{Listed: listed})
	if err != nil || p.New != 1 || p.Unchanged != 10 || p.Revised != 25 || p.DataVersion.Number != 3 || !slices.Equal(names, []string{found[0].ID}) {
		t.Fatalf("persisted %+v, settled %v, %v", p, names, err)
	}
	e := etfOf(t, s, "EARLY")
	if e.First != listed || e.Bars != 36 || e.Quarantined != 1 || e.Last != all[60].Session || e.DataVersion != p.DataVersion {
		t.Errorf("etf %+v", e)
	}
	h, err := s.History(ctx, "EARLY", all[60].Session, 1000)
	if err != nil || len(h.Bars) != 35 || h.Bars[0].Session != listed {
		t.Errorf("a history of %d bars, %v", len(h.Bars), err)
	}
	revisions, err := s.BarRevisions(ctx, "EARLY", all[0].Session)
	if err != nil || len(revisions) != 1 || !revisions[0].KnownTo.Before(p.KnownFrom) {
		t.Errorf("revisions %+v, %v", revisions, err)
	}
	done := settled(t, d)
	if done[found[0].ID] == "" || done[found[1].ID] != "" {
		t.Errorf("settled %v of %v", done, found)
	}
	var cause string
	if err := d.Admin(t).QueryRowContext(ctx, "SELECT v.cause FROM data_versions v JOIN etfs e ON e.id = v.etf_id WHERE e.symbol = 'EARLY' AND v.number = 2").Scan(&cause); err != nil || cause != "listing" {
		t.Errorf("cause %q, %v", cause, err)
	}
	again, _, err := s.Replace(ctx, f.ID, etf.Replacement{Listed: listed})
	if err != nil || !reflect.DeepEqual(again, p) {
		t.Errorf("again: %+v, %v", again, err)
	}
}
