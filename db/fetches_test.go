package db_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func testFetch(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FET")
	// The source's order and duplicates are kept; a KRX session without a trade has zeros; numbers keep every digit.
	bars := []etf.Bar{bar(day(3), 1), bar(day(1), 2), bar(day(3), 3),
		{Session: day(2), Close: etf.MustPrice("26775"), Volume: 0},
		{Session: day(4), Open: etf.MustPrice("92233720368.54775807"), High: etf.MustPrice("0.00000001"), Low: etf.MustPrice("-1"), Close: etf.MustPrice("661.82000732"), Volume: etf.VolumeUnknown}}
	f := fetchOf("FET", bars)
	f.FetchedAt = time.Date(2025, 3, 9, 2, 30, 0, 123456789, time.FixedZone("", -5*3600))
	a := etf.Response{
		Bars: bars, Basis: etf.AsTraded, Raw: bytes.Repeat([]byte("a \x00'\\\"\r\n\x1aü"), 500), MediaType: "text/csv",
		Actions: []etf.Action{{Kind: etf.Dividend, Ex: day(1), Amount: etf.MustPrice("1.83111")}, {Kind: etf.Split, Ex: day(2), Numerator: 2, Denominator: 1}},
		Defects: []etf.Defect{{Where: "SPY.csv:17", Text: "한국 'x' \\ \"y\"", Reason: "not a number"}},
		Splits:  []etf.Action{{Kind: etf.Split, Ex: day(9), Numerator: 3, Denominator: 2}},
	}
	if err := s.SaveFetch(ctx, f, a); err != nil {
		t.Fatal(err)
	}
	before := dump(t, d, "fetches", "staged_bars", "fetch_bodies")
	changed := a
	changed.Raw = []byte("other")
	if err := s.SaveFetch(ctx, f, changed); err != nil {
		t.Fatal(err)
	}
	if after := dump(t, d, "fetches", "staged_bars", "fetch_bodies"); after != before {
		t.Error("a repeat with the same ID changed something")
	}
	got, err := s.Staged(ctx, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.FetchedAt = f.FetchedAt.UTC().Truncate(time.Microsecond)
	if want := (etf.Staged{Fetch: f, Bars: bars, Actions: a.Actions, Defects: a.Defects, Initial: true, IDsAs: "FET",
		Sources: []etf.SourceRef{{Name: "simulated", Ref: "FET"}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("staged\n%+v, want\n%+v", got, want)
	}
	raw, err := s.FetchBody(ctx, f.ID)
	if err != nil || !bytes.Equal(raw, a.Raw) {
		t.Errorf("body of %d bytes, %v", len(raw), err)
	}

	_, err = s.Staged(ctx, newID())
	wantKind(t, err, etf.KindNotFound, "fetch")
	wantKind(t, s.SaveFetch(ctx, fetchOf("FETX", nil), etf.Response{}), etf.KindNotFound, "symbol")
	wantKind(t, s.SaveFetch(ctx, fetchOf("FET", nil), a), etf.KindInvalid, "rows")
	wantKind(t, s.SaveFetch(ctx, fetchOf("FET", make([]etf.Bar, 1)), etf.Response{Bars: make([]etf.Bar, 1)}), etf.KindInvalid, "bars[0].session")

	empty := fetchOf("FET", nil)
	if err := s.SaveFetch(ctx, empty, etf.Response{}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Staged(ctx, empty.ID); err != nil || len(got.Bars) != 0 {
		t.Errorf("an empty fetch staged %+v, %v", got, err)
	}
}

// testStaging checks that LOAD DATA LOCAL and multi-row INSERT stage the same rows.
func testStaging(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	register(t, d.Store, "ROAD")
	bars := weekdays(etf.MustSession("2010-01-01"), 5000) // more than fit in one INSERT
	bars[5].Volume, bars[6].AdjClose, bars[7].Open = etf.VolumeUnknown, 0, 0
	for name, s := range map[string]*db.Store{
		"load data as the pipeline": d.Store,
		"load data as administrator": func() *db.Store {
			admin := d
			admin.UserDSN = d.RootDSN
			return admin.Another(t, db.Options{})
		}(),
		"insert": d.Another(t, db.Options{NoLocalInfile: true}),
	} {
		f := fetchOf("ROAD", bars)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
			t.Fatal(name, err)
		}
		got, err := s.Staged(ctx, f.ID)
		if err != nil || !reflect.DeepEqual(got.Bars, bars) {
			t.Errorf("%s: %d bars staged, %v", name, len(got.Bars), err)
		}
	}
}

func testKnown(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "KNOWN")
	var history []etf.Bar
	for i := range 300 {
		history = append(history, bar(day(i), i))
	}
	ingest(t, s, "KNOWN", history, findingBy("rule", day(250), day(100)))
	// Good bars: 0..299 without 100 and 250.
	for _, c := range []struct{ first, last, wantFirst, wantLast, want int }{
		{290, 304, 229, 299, 70}, // 10 of the span, and 60 before it: 230..289 without 250 is 59, so one more
		{270, 299, 209, 299, 90}, // 30 of the span
		{150, 299, 89, 299, 120}, // the newest 60 of the span, and 60 before 150 without 100
		{0, 10, 0, 10, 11},
		{400, 410, 239, 299, 60},
	} {
		var window []etf.Bar
		for i := c.first; i <= c.last; i++ {
			if i == c.first || i == c.last || i%2 == 0 {
				window = append(window, bar(day(i), i))
			}
		}
		f := fetchOf("KNOWN", window)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: window}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Staged(ctx, f.ID)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("window %d..%d", c.first, c.last)
		if got.Initial || len(got.Known) != c.want {
			t.Errorf("%s: %d bars known, want %d (initial %v)", name, len(got.Known), c.want, got.Initial)
			continue
		}
		if k := got.Known; k[0].Session != day(c.wantFirst) || k[len(k)-1].Session != day(c.wantLast) {
			t.Errorf("%s: known bars %s..%s, want %s..%s", name, k[0].Session, k[len(k)-1].Session, day(c.wantFirst), day(c.wantLast))
		}
		for i, b := range got.Known {
			if b.Quarantined || b.Source != "simulated" || b.Basis != etf.AsTraded || (i > 0 && b.Session <= got.Known[i-1].Session) {
				t.Errorf("%s: %+v at %d", name, b, i)
			}
		}
	}
}

// testVerdicts checks that each row gets its own verdict, in any order and with gaps between the ordinals.
func testVerdicts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "VERD")
	var bars []etf.Bar
	var ordinals []int
	var verdicts []etf.Verdict
	var quarantined []etf.Session
	for i := range 5000 {
		bars, ordinals, verdicts = append(bars, bar(day(i/2), i)), append(ordinals, 3*i+i%2+i/1000*40_000), append(verdicts, etf.VerdictDrop)
		if i%2 == 1 {
			verdicts[i] = etf.VerdictKeep
		}
		if i%10 == 1 {
			verdicts[i], quarantined = etf.VerdictQuarantine, append(quarantined, day(i/2))
		}
	}
	f := fetchOf("VERD", bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Ordinals: ordinals}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Staged(ctx, f.ID); err != nil || !slices.Equal(got.Ordinals, ordinals) || !slices.Equal(got.Bars, bars) {
		t.Fatalf("%d bars staged with %d ordinals, %v", len(got.Bars), len(got.Ordinals), err)
	}
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{finding(f, "rule", quarantined...)}, Verdicts: verdicts}); err != nil {
		t.Fatal(err)
	}
	rows, err := d.Admin(t).QueryContext(ctx, "SELECT ordinal, verdict FROM staged_bars WHERE fetch_id = ? ORDER BY ordinal", f.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		var ordinal, verdict int
		if err := rows.Scan(&ordinal, &verdict); err != nil || ordinal != ordinals[i] || etf.Verdict(verdict) != verdicts[i] {
			t.Fatalf("row %d has ordinal %d and verdict %d, %v; want %d and %d", i, ordinal, verdict, err, ordinals[i], verdicts[i])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Persist(ctx, f.ID); err != nil || p.New != 2500 || p.Quarantined != 500 {
		t.Errorf("persisted %+v, %v", p, err)
	}
}

// testDiscard checks which staged rows are discarded: those that no update will store. Responses stay.
func testDiscard(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "DISC")
	const ending etf.RunID = "daily:XKRX:2025-01-02/ending"
	if _, err := s.DiscardStaged(ctx, ending); err != nil { // what other tests have left
		t.Fatal(err)
	}
	start := func(name string, status etf.RunStatus) etf.RunID {
		id := etf.RunID("daily:XKRX:2025-01-0" + name)
		if err := s.StartRun(ctx, etf.Run{ID: id, Workflow: etf.DailyRun, Exchange: etf.XKRX, Session: day(0), Status: etf.RunRunning, StartedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if status != etf.RunRunning {
			if _, err := s.FinishRun(ctx, etf.RunEnd{Run: id, Status: status}); err != nil {
				t.Fatal(err)
			}
		}
		return id
	}
	running := start("2/running", etf.RunRunning)
	stage := func(run etf.RunID, age time.Duration) string {
		f := fetchOf("DISC", weekdays(day(0), 15))
		f.Run, f.FetchedAt = run, time.Now().Add(-age)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: weekdays(day(0), 15), Raw: []byte("raw")}); err != nil {
			t.Fatal(err)
		}
		return f.ID
	}
	kept := []string{stage(running, 0), stage(running, 13*24*time.Hour), stage("daily:XKRX:2025-01-02/unrecorded", 0)}
	gone := []string{
		stage(ending, 0),
		stage(start("2/completed", etf.RunCompleted), 0), stage(start("2/failed", etf.RunFailed), 0), stage(start("2/cancelled", etf.RunCancelled), 0),
		stage(running, 15*24*time.Hour), stage("daily:XKRX:2025-01-02/unrecorded", 15*24*time.Hour),
	}
	if n, err := s.DiscardStaged(ctx, ending); err != nil || n != len(gone) {
		t.Errorf("rows of %d fetches discarded, %v; want %d", n, err, len(gone))
	}
	for _, id := range kept {
		if got, err := s.Staged(ctx, id); err != nil || len(got.Bars) != 15 {
			t.Errorf("%d rows of a fetch in use are left, %v", len(got.Bars), err)
		}
	}
	for _, id := range gone {
		_, err := s.Staged(ctx, id)
		wantKind(t, err, etf.KindNotFound, "fetch")
		if raw, err := s.FetchBody(ctx, id); err != nil || string(raw) != "raw" {
			t.Errorf("the response is %q, %v", raw, err)
		}
	}
	// An update that is still at work cannot store a fetch without its rows.
	late := stage(running, 0)
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: late, Verdicts: make([]etf.Verdict, 15)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.FinishRun(ctx, etf.RunEnd{Run: running, Status: etf.RunCancelled}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DiscardStaged(ctx, ending); err != nil {
		t.Fatal(err)
	}
	_, err := s.Persist(ctx, late)
	wantKind(t, err, etf.KindNotFound, "fetch")
}

func testPrune(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	register(t, d.Store, "PRUNE")
	old := d.Another(t, db.Options{Now: func() time.Time { return time.Now().Add(-48 * time.Hour) }})
	ids := map[*db.Store]string{}
	for _, s := range []*db.Store{old, d.Store} {
		f := fetchOf("PRUNE", nil)
		ids[s] = f.ID
		if err := s.SaveFetch(ctx, f, etf.Response{Raw: []byte("response")}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.Store.PruneFetches(ctx, time.Now().Add(-24*time.Hour)); err != nil || n != 1 {
		t.Fatalf("pruned %d, %v", n, err)
	}
	_, err := d.Store.FetchBody(ctx, ids[old])
	wantKind(t, err, etf.KindNotFound, "fetch")
	if _, err := d.Store.FetchBody(ctx, ids[d.Store]); err != nil {
		t.Error(err)
	}
	if _, err := d.Store.Staged(ctx, ids[old]); err != nil {
		t.Error("the fetch's record was deleted with the response:", err)
	}
}
