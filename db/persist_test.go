package db_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// priceTables are the tables that must not change if no price or action does.
var priceTables = []string{"etfs", "data_versions", "bars", "bar_revisions", "actions"}

func testPersist(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "PER")
	bars := []etf.Bar{bar(day(2), 2), bar(day(0), 0), bar(day(1), 1)}
	p, _ := ingest(t, s, "PER", bars)
	if p.New != 3 || p.Unchanged+p.Revised+p.Quarantined+p.Actions != 0 || p.DataVersion.Number != 1 || len(p.DataVersion.Writer) != 32 || p.KnownFrom.IsZero() {
		t.Fatalf("first: %+v", p)
	}
	e := etfOf(t, s, "PER")
	if e.Bars != 3 || e.First != day(0) || e.Last != day(2) || e.Quarantined != 0 || e.DataVersion != p.DataVersion {
		t.Fatalf("etf: %+v", e)
	}
	got := barOn(t, s, "PER", day(1))
	if got.Bar != bars[2] || got.Basis != etf.AsTraded || got.Source != "simulated" || got.DataVersion != 1 || !got.KnownFrom.Equal(p.KnownFrom) || !got.KnownTo.IsZero() {
		t.Fatalf("bar: %+v", got)
	}
	// A revision, two unchanged rows, and a new one before and after them.
	changed := bar(day(1), 1)
	changed.Close++
	p2, _ := ingest(t, s, "PER", []etf.Bar{bar(day(-1), 9), bar(day(0), 0), changed, bar(day(2), 2), bar(day(3), 3)})
	if p2.New != 2 || p2.Unchanged != 2 || p2.Revised != 1 || p2.DataVersion.Number != 2 || !p2.KnownFrom.After(p.KnownFrom) {
		t.Fatalf("second: %+v", p2)
	}
	if e := etfOf(t, s, "PER"); e.Bars != 5 || e.First != day(-1) || e.Last != day(3) {
		t.Fatalf("etf: %+v", e)
	}
	revisions, err := s.BarRevisions(t.Context(), "PER", day(1))
	if err != nil || len(revisions) != 2 {
		t.Fatalf("revisions: %+v, %v", revisions, err)
	}
	was, is := revisions[0], revisions[1]
	if was.Bar != bars[2] || was.DataVersion != 1 || !was.KnownFrom.Equal(p.KnownFrom) || !was.KnownTo.Equal(p2.KnownFrom) {
		t.Errorf("before: %+v", was)
	}
	if is.Bar != changed || is.DataVersion != 2 || !is.KnownFrom.Equal(p2.KnownFrom) || !is.KnownTo.IsZero() {
		t.Errorf("now: %+v", is)
	}
}

// testPersistTwice checks that the fetch is the idempotency key, even after later updates.
func testPersistTwice(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "TWICE")
	bars := []etf.Bar{bar(day(0), 0)}
	f := fetchOf("TWICE", bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Persist(ctx, f.ID)
	wantKind(t, err, etf.KindConflict, "fetch") // not judged yet
	for range 2 {
		if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := s.Persist(ctx, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	ingest(t, s, "TWICE", []etf.Bar{bar(day(0), 7)})
	before := dump(t, d, priceTables...)
	again, err := s.Persist(ctx, f.ID)
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Fatalf("again: %+v, %v; first %+v", again, err, first)
	}
	if dump(t, d, priceTables...) != before {
		t.Error("a repeat changed something")
	}
	_, err = s.Staged(ctx, f.ID)
	wantKind(t, err, etf.KindConflict, "fetch")
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, 1)}); err != nil {
		t.Errorf("saving the findings of a persisted fetch again: %v", err)
	}
	if staged := dump(t, d, "staged_bars"); staged != "" && contains(staged, f.ID) {
		t.Error("staged rows were not deleted")
	}
	_, err = s.Persist(ctx, newID())
	wantKind(t, err, etf.KindNotFound, "fetch")
}

func testUnchanged(t *testing.T, d dbtest.Database) {
	register(t, d.Store, "SAME")
	bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1)}
	first, _ := ingest(t, d.Store, "SAME", bars)
	before := dump(t, d, priceTables...)
	p, _ := ingest(t, d.Store, "SAME", bars)
	if p.Unchanged != 2 || p.New+p.Revised != 0 || p.DataVersion != first.DataVersion || !p.KnownFrom.Equal(first.KnownFrom) {
		t.Fatalf("again: %+v", p)
	}
	if empty, _ := ingest(t, d.Store, "SAME", nil); !reflect.DeepEqual(empty, etf.Persisted{DataVersion: first.DataVersion, KnownFrom: empty.KnownFrom, Symbol: "SAME"}) {
		t.Fatalf("nothing: %+v", empty)
	}
	if dump(t, d, priceTables...) != before {
		t.Error("unchanged rows changed something")
	}
}

func testRevision(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "REV")
	base := bar(day(0), 0)
	ingest(t, s, "REV", []etf.Bar{base})
	for i, c := range []struct {
		name    string
		change  func(*etf.Bar)
		revised bool
	}{
		{"the adjusted close alone", func(b *etf.Bar) { b.AdjClose += 5 }, false},
		{"no adjusted close", func(b *etf.Bar) { b.AdjClose = 0 }, false},
		{"an unknown volume", func(b *etf.Bar) { b.Volume = etf.VolumeUnknown }, false},
		{"open", func(b *etf.Bar) { b.Open++ }, true},
		{"high", func(b *etf.Bar) { b.High++ }, true},
		{"low", func(b *etf.Bar) { b.Low++ }, true},
		{"close by the last digit", func(b *etf.Bar) { b.Close++ }, true},
		{"volume by the last digit", func(b *etf.Bar) { b.Volume++ }, true},
		{"prices, without a volume", func(b *etf.Bar) { b.Close += 2; b.Volume = etf.VolumeUnknown }, true},
		{"a volume that was unknown before", func(b *etf.Bar) { b.Volume = 0 }, true},
		{"zeros of a session without a trade", func(b *etf.Bar) { b.Open, b.High, b.Low, b.Volume = 0, 0, 0, 0 }, true},
	} {
		before := barOn(t, s, "REV", day(0))
		next := before.Bar
		c.change(&next)
		p, _ := ingest(t, s, "REV", []etf.Bar{next})
		after := barOn(t, s, "REV", day(0))
		switch {
		case c.revised && (p.Revised != 1 || after.Bar != next || after.DataVersion != before.DataVersion+1):
			t.Errorf("%s: %+v, now %+v", c.name, p, after)
		case !c.revised && (p.Unchanged != 1 || after != before):
			t.Errorf("%s: %+v, now %+v", c.name, p, after)
		}
		_ = i
	}
}

func testPersistRefusals(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "REF")
	bars := []etf.Bar{bar(day(0), 0), bar(day(0), 1)}
	f := fetchOf("REF", bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, saveFindings(s, etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, 3)}), etf.KindInvalid, "verdicts")
	wantKind(t, saveFindings(s, etf.Judgement{Fetch: f.ID, Verdicts: []etf.Verdict{9, 0}}), etf.KindInvalid, "verdicts[0]")
	wantKind(t, saveFindings(s, etf.Judgement{Fetch: newID()}), etf.KindNotFound, "fetch")
	wantKind(t, saveFindings(s, etf.Judgement{Fetch: f.ID, Verdicts: []etf.Verdict{etf.VerdictQuarantine, etf.VerdictDrop}}), etf.KindInvalid, "findings")
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, 2)}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Persist(ctx, f.ID)
	wantKind(t, err, etf.KindInvalid, "session") // two rows for one session are kept

	g := fetchOf("REF", bars)
	if err := s.SaveFetch(ctx, g, etf.Response{Bars: bars}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: g.ID, Verdicts: []etf.Verdict{etf.VerdictDrop, etf.VerdictKeep}}); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Persist(ctx, g.ID); err != nil || p.New != 1 || barOn(t, s, "REF", day(0)).Bar != bars[1] {
		t.Fatalf("%+v, %v", p, err)
	}

	other := fetchOf("REF", bars[:1])
	other.Basis = etf.TotalAdjusted
	if err := s.SaveFetch(ctx, other, etf.Response{Bars: bars[:1]}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: other.ID, Verdicts: make([]etf.Verdict, 1)}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Persist(ctx, other.ID)
	wantKind(t, err, etf.KindConflict, "basis")
}

func testHistory(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "HIST")
	empty, err := s.History(ctx, "HIST", day(9), 10)
	if err != nil || len(empty.Bars) != 0 || empty.DataVersion != (etf.DataVersion{}) {
		t.Fatalf("empty: %+v, %v", empty, err)
	}
	var bars []etf.Bar
	for i := range 10 {
		bars = append(bars, bar(day(i), i))
	}
	p, _ := ingest(t, s, "HIST", bars, findingBy("rule", day(8)))
	sessions := func(h etf.History, err error) []int {
		if err != nil || h.DataVersion != p.DataVersion || !h.AsOf.Equal(p.KnownFrom) {
			t.Fatalf("%+v, %v", h, err)
		}
		var list []int
		for _, b := range h.Bars {
			if want := bars[b.Session-day(0)]; b.Close != want.Close || b.Volume.Known() || b.Basis != etf.AsTraded {
				t.Errorf("%+v, want %+v", b, want)
			}
			list = append(list, int(b.Session-day(0)))
		}
		return list
	}
	for _, c := range []struct {
		to, limit int
		want      []int
	}{{9, 3, []int{6, 7, 9}}, {20, 3, []int{6, 7, 9}}, {8, 2, []int{6, 7}}, {2, 9, []int{0, 1, 2}}, {-1, 5, nil}} {
		if got := sessions(s.History(ctx, "HIST", day(c.to), c.limit)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("to %d, limit %d: %v, want %v", c.to, c.limit, got, c.want)
		}
	}
	_, err = s.History(ctx, "NOHIST", day(9), 10)
	wantKind(t, err, etf.KindNotFound, "symbol")
}

func testBarsPages(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "PAGE")
	ingest(t, s, "PAGE", weekdays(day(0), 4100))
	all, err := s.BarsPage(ctx, "PAGE", etf.Window{}, 0, 5000)
	if err != nil || len(all) != 4100 {
		t.Fatalf("%d bars, %v", len(all), err)
	}
	var streamed []etf.StoredBar
	if err := s.EachBar(ctx, "PAGE", etf.Window{}, func(b etf.StoredBar) error { streamed = append(streamed, b); return nil }); err != nil || !reflect.DeepEqual(streamed, all) {
		t.Fatalf("streamed %d bars, %v", len(streamed), err)
	}
	page, err := s.BarsPage(ctx, "PAGE", etf.Window{From: all[3].Session, To: all[7].Session}, all[4].Session, 2)
	if err != nil || !reflect.DeepEqual(page, all[5:7]) {
		t.Fatalf("page %+v, %v", page, err)
	}
	if page, err := s.BarsPage(ctx, "PAGE", etf.Window{From: all[3].Session, To: all[7].Session}, all[7].Session, 2); err != nil || len(page) != 0 {
		t.Fatalf("after the last: %+v, %v", page, err)
	}
	_, err = s.BarsPage(ctx, "NOPAGE", etf.Window{}, 0, 1)
	wantKind(t, err, etf.KindNotFound, "symbol")
	if list, err := s.BarRevisions(ctx, "PAGE", day(-5)); err != nil || len(list) != 0 {
		t.Fatalf("never stored: %+v, %v", list, err)
	}
}

// TestKnownFromAscends checks that known_from ascends even if the clock stands still or goes back.
func TestKnownFromAscends(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	s := d.Another(t, db.Options{Now: func() time.Time { return now }})
	register(t, s, "CLOCK")
	last := time.Time{}
	for i := range 4 {
		if i == 2 {
			now = now.Add(-time.Hour)
		}
		p, _ := ingest(t, s, "CLOCK", []etf.Bar{bar(day(0), i)})
		if !p.KnownFrom.After(last) {
			t.Fatalf("known from %s after %s", p.KnownFrom, last)
		}
		last = p.KnownFrom
	}
}
