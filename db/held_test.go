package db_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// judged takes bars through the pipeline with the given verdicts, each explained by a finding.
func judged(t *testing.T, s *db.Store, symbol etf.Symbol, bars []etf.Bar, verdicts ...etf.Verdict) etf.Persisted {
	t.Helper()
	f := fetchOf(symbol, bars)
	if err := s.SaveFetch(t.Context(), f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	return judgedFetch(t, s, f, bars, verdicts...)
}

func judgedFetch(t *testing.T, s *db.Store, f etf.Fetch, bars []etf.Bar, verdicts ...etf.Verdict) etf.Persisted {
	t.Helper()
	var findings []etf.Finding
	for i, v := range verdicts {
		switch v {
		case etf.VerdictHold:
			held := finding(f, "held_close", bars[i].Session)
			held.Severity = etf.SeverityWarning
			findings = append(findings, held)
		case etf.VerdictQuarantine:
			findings = append(findings, finding(f, "spike", bars[i].Session))
		}
	}
	if _, err := s.SaveFindings(t.Context(), etf.Judgement{Fetch: f.ID, Findings: findings, Verdicts: verdicts}); err != nil {
		t.Fatal(err)
	}
	p, err := s.Persist(t.Context(), f.ID)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Persist(t.Context(), f.ID)
	if err != nil || !reflect.DeepEqual(again, p) {
		t.Fatalf("again %+v, %v; first %+v", again, err, p)
	}
	return p
}

const (
	keep       = etf.VerdictKeep
	quarantine = etf.VerdictQuarantine
	hold       = etf.VerdictHold
)

// testHeldBars checks what becomes of a stored bar when a row of its session gets some verdict, with the same numbers or others.
func testHeldBars(t *testing.T, d dbtest.Database) {
	s := d.Store
	numbers := []etf.Bar{bar(day(1), 1), bar(day(1), 2)}
	type state struct {
		quarantined, held bool
		numbers           int
	}
	believed := func(n int) state { return state{false, false, n} }
	quarantined := func(n int) state { return state{true, false, n} }
	held := func(n int) state { return state{false, true, n} }
	for i, c := range []struct {
		stored, verdict etf.Verdict
		numbers         int
		want            state
		revised         int
		released        bool
	}{
		{hold, keep, 0, believed(0), 1, true},
		{hold, quarantine, 0, quarantined(0), 1, false},
		{hold, hold, 0, held(0), 0, false},
		{hold, keep, 1, believed(1), 1, true},
		{hold, quarantine, 1, quarantined(1), 1, false},
		{hold, hold, 1, held(1), 1, false},
		{keep, hold, 0, believed(0), 0, false},
		{keep, hold, 1, believed(0), 0, false},
		{keep, quarantine, 1, believed(0), 0, false},
		{quarantine, hold, 0, quarantined(0), 0, false},
		{quarantine, hold, 1, held(1), 1, false},
		{quarantine, keep, 0, quarantined(0), 0, false},
		{quarantine, keep, 1, believed(1), 1, false},
	} {
		symbol := etf.Symbol("HB" + string(rune('A'+i)))
		register(t, s, symbol)
		first := judged(t, s, symbol, []etf.Bar{bar(day(0), 0), numbers[0]}, keep, c.stored)
		before := barOn(t, s, symbol, day(1))
		if before.Held != (c.stored == hold) || before.Quarantined != (c.stored == quarantine) {
			t.Errorf("%d: stored %+v", i, before)
		}
		p := judged(t, s, symbol, []etf.Bar{bar(day(0), 0), numbers[c.numbers]}, keep, c.verdict)
		if p.Revised != c.revised || p.Unchanged != 2-c.revised || p.New != 0 || (p.DataVersion != first.DataVersion) != (c.revised > 0) {
			t.Errorf("%d: %+v", i, p)
		}
		if c.released != (len(p.Released) > 0) || c.released && !slices.Equal(p.Released, []etf.Session{day(1)}) {
			t.Errorf("%d: released %v", i, p.Released)
		}
		got := barOn(t, s, symbol, day(1))
		if now := (state{got.Quarantined, got.Held, slices.Index(numbers, got.Bar)}); now != c.want {
			t.Errorf("%d: it is %+v, want %+v", i, now, c.want)
		}
		out := 0
		if c.want.quarantined {
			out = 1
		}
		excluded := out
		if c.stored == keep && c.verdict == quarantine {
			excluded = 1 // the fetch's row is kept out, the stored bar is not
		}
		if e := etfOf(t, s, symbol); e.Quarantined != out || p.Quarantined != excluded || e.Bars != 2 {
			t.Errorf("%d: the ETF has %d quarantined bars, the fetch %d, want %d", i, e.Quarantined, p.Quarantined, out)
		}
		beliefs, err := s.BarRevisions(t.Context(), symbol, day(1))
		if err != nil || len(beliefs) != 1+c.revised || beliefs[0].Bar != numbers[0] || beliefs[0].Held != (c.stored == hold) {
			t.Errorf("%d: beliefs %+v, %v", i, beliefs, err)
		}
		// A bar that keeps its numbers keeps the fetch they came from.
		if c.numbers == 0 && (got.Fetch != before.Fetch || got.Source != before.Source) {
			t.Errorf("%d: it now comes from fetch %s", i, got.Fetch)
		}
		// Neither forecasts nor rules use what is not believed; rules see what is held.
		h, err := s.History(t.Context(), symbol, day(1), 10)
		if err != nil {
			t.Fatal(err)
		}
		if used := h.Bars[len(h.Bars)-1].Session == day(1); used != (!c.want.held && !c.want.quarantined) || h.Held != c.want.held {
			t.Errorf("%d: the history %+v", i, h)
		}
		staged := stagedAfter(t, s, symbol)
		if len(staged.Held) > 0 != c.want.held || c.want.held && staged.Held[0].Bar != numbers[c.want.numbers] || len(staged.Known) != len(h.Bars) {
			t.Errorf("%d: staged with %+v held and %d known", i, staged.Held, len(staged.Known))
		}
	}
}

// stagedAfter stages the next session and returns it with what is stored.
func stagedAfter(t *testing.T, s *db.Store, symbol etf.Symbol) etf.Staged {
	t.Helper()
	bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1), bar(day(2), 2)}
	f := fetchOf(symbol, bars)
	if err := s.SaveFetch(t.Context(), f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	staged, err := s.Staged(t.Context(), f.ID)
	if err != nil {
		t.Fatal(err)
	}
	return staged
}

// testHeldVolume checks that a source that no longer gives a volume does not take the held bar's away.
func testHeldVolume(t *testing.T, d dbtest.Database) {
	register(t, d.Store, "HVOL")
	b := bar(day(1), 1)
	judged(t, d.Store, "HVOL", []etf.Bar{b}, hold)
	without := b
	without.Volume = etf.VolumeUnknown
	judged(t, d.Store, "HVOL", []etf.Bar{without}, keep)
	if got := barOn(t, d.Store, "HVOL", day(1)); got.Held || got.Bar != b {
		t.Errorf("got %+v", got)
	}
}

// testHeldFindings checks that a held row without a finding that says why is refused.
func testHeldFindings(t *testing.T, d dbtest.Database) {
	register(t, d.Store, "HFND")
	bars := []etf.Bar{bar(day(0), 0)}
	f := fetchOf("HFND", bars)
	if err := d.Store.SaveFetch(t.Context(), f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	other := finding(f, "jump", day(0))
	other.Severity = etf.SeverityWarning
	for _, findings := range [][]etf.Finding{nil, {other}} {
		_, err := d.Store.SaveFindings(t.Context(), etf.Judgement{Fetch: f.ID, Findings: findings, Verdicts: []etf.Verdict{hold}})
		wantKind(t, err, etf.KindInvalid, "findings")
	}
	_, err := d.Store.SaveFindings(t.Context(), etf.Judgement{Fetch: f.ID, Verdicts: []etf.Verdict{hold + 1}})
	wantKind(t, err, etf.KindInvalid, "verdicts[0]")
	if p := judgedFetch(t, d.Store, f, bars, hold); p.New != 1 || p.Quarantined != 0 {
		t.Errorf("got %+v", p)
	}
}

func testReleaseHeld(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "REL")
	judged(t, s, "REL", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, keep, hold)
	const run = "daily:XNYS:2025-01-03"
	of := func() etf.SessionBar {
		t.Helper()
		bars, err := s.SessionBars(ctx, etf.XNYS, day(1))
		if err != nil || !slices.IsSortedFunc(bars, func(a, b etf.SessionBar) int { return compare(a.Symbol, b.Symbol) }) {
			t.Fatalf("bars of the session: %+v, %v", bars, err)
		}
		i := slices.IndexFunc(bars, func(b etf.SessionBar) bool { return b.Symbol == "REL" })
		if i < 0 {
			t.Fatalf("no bar among %+v", bars)
		}
		return bars[i]
	}
	if b := of(); !b.Held || !slices.Equal(b.HeldBy, []string{"held_close"}) || b.Released != "" || b.Bar != bar(day(1), 1) {
		t.Errorf("before: %+v", b)
	}
	// A rule that held other numbers of the session does not hold these.
	other := bar(day(1), 1)
	other.Close--
	unfinished := fetchOf("REL", []etf.Bar{other})
	if err := s.SaveFetch(ctx, unfinished, etf.Response{Bars: []etf.Bar{other}, Basis: unfinished.Basis}); err != nil {
		t.Fatal(err)
	}
	found := finding(unfinished, "unfinished_row", day(1))
	found.Severity = etf.SeverityWarning
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: unfinished.ID, Findings: []etf.Finding{found}, Verdicts: []etf.Verdict{hold}}); err != nil {
		t.Fatal(err)
	}
	if b := of(); !slices.Equal(b.HeldBy, []string{"held_close"}) {
		t.Errorf("held by %v", b.HeldBy)
	}
	before := etfOf(t, s, "REL")
	if released, err := s.ReleaseHeld(ctx, "REL", day(0), run); err != nil || released {
		t.Errorf("a bar that is not held: %v, %v", released, err)
	}
	if released, err := s.ReleaseHeld(ctx, "REL", day(5), run); err != nil || released {
		t.Errorf("no bar: %v, %v", released, err)
	}
	if e := etfOf(t, s, "REL"); e.DataVersion != before.DataVersion {
		t.Error("nothing was released in a new data version")
	}
	for i := range 2 {
		if released, err := s.ReleaseHeld(ctx, "REL", day(1), run); err != nil || released != (i == 0) {
			t.Errorf("%d: %v, %v", i, released, err)
		}
	}
	if b := of(); b.Held || b.HeldBy != nil || b.Released != run || b.DataVersion != 2 {
		t.Errorf("after: %+v", b)
	}
	if e := etfOf(t, s, "REL"); e.DataVersion.Number != 2 || e.Quarantined != 0 || e.Bars != 2 {
		t.Errorf("ETF %+v", e)
	}
	open, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "REL", Rule: "held_close", Undecided: true}, etf.Cursor{}, 10)
	if err != nil || len(open) != 0 {
		t.Errorf("nothing is left to decide, but: %+v, %v", open, err)
	}
	beliefs, err := s.BarRevisions(ctx, "REL", day(1))
	if err != nil || len(beliefs) != 2 || !beliefs[0].Held || beliefs[1].Held || beliefs[0].Fetch != beliefs[1].Fetch {
		t.Errorf("beliefs %+v, %v", beliefs, err)
	}
	if h, err := s.History(ctx, "REL", day(1), 10); err != nil || len(h.Bars) != 2 || h.Held {
		t.Errorf("history %+v, %v", h, err)
	}
	_, err = s.ReleaseHeld(ctx, "NOSUCH", day(1), run)
	wantKind(t, err, etf.KindNotFound, "")
}

func compare(a, b etf.Symbol) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// testHeldForecasts checks that the sessions a forecast skipped are stored with it and covered by its hash.
func testHeldForecasts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "HFC")
	p := judged(t, s, "HFC", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, keep, hold)
	f := forecastOf("HFC", "drift", day(1), p.DataVersion)
	f.Held = 2
	stored, isNew, err := appendOne(ctx, s, f)
	if err != nil || !isNew || stored.Held != 2 {
		t.Fatalf("appended %+v, %v", stored, err)
	}
	plain := forecastOf("HFC", "drift", day(0), p.DataVersion)
	if _, _, err := appendOne(ctx, s, plain); err != nil {
		t.Fatal(err)
	}
	again, isNew, err := appendOne(ctx, s, f)
	if err != nil || isNew || again.Held != 2 {
		t.Errorf("again %+v, %v, %v", again, isNew, err)
	}
	latest, err := s.LatestForecasts(ctx, "HFC", "drift")
	if err != nil || len(latest) != 1 || latest[0].Held != 2 {
		t.Errorf("latest %+v, %v", latest, err)
	}
	if got, err := s.Forecast(ctx, plain.ID); err != nil || got.Held != 0 {
		t.Errorf("another forecast %+v, %v", got, err)
	}
	if err := s.VerifyChain(ctx, "HFC", "drift"); err != nil {
		t.Error(err)
	}
	admin := d.Admin(t)
	for _, change := range []string{
		"UPDATE forecast_marks SET skipped = 1 WHERE forecast_id = '" + f.ID + "'",
		"DELETE FROM forecast_marks WHERE forecast_id = '" + f.ID + "'",
	} {
		if _, err := admin.ExecContext(ctx, change); err != nil {
			t.Fatal(err)
		}
		_, err := s.Forecast(ctx, f.ID)
		wantKind(t, err, etf.KindCorrupt, "")
		wantKind(t, s.VerifyChain(ctx, "HFC", "drift"), etf.KindCorrupt, "chain")
	}
	if _, err := admin.ExecContext(ctx, "INSERT INTO forecast_marks SELECT id, 'held', '', 2, issued_at FROM forecasts WHERE id = '"+f.ID+"'"); err != nil {
		t.Fatal(err)
	}
	if err := s.VerifyChain(ctx, "HFC", "drift"); err != nil {
		t.Error(err)
	}
}

func testConfirmations(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "CONF")
	register(t, s, "CONE")
	of := func() etf.Confirmation {
		t.Helper()
		list, err := s.Confirmations(ctx, []etf.Symbol{"CONE", "CONF", "NOSUCH"})
		if _, empty := list["CONE"]; err != nil || empty || len(list) > 1 {
			t.Fatalf("got %+v, %v", list, err)
		}
		return list["CONF"]
	}
	at := time.Date(2025, 1, 2, 22, 30, 0, 0, time.UTC)
	fetched := func(n int, when, dataAt time.Time) {
		t.Helper()
		bars := weekdays(day(0), n)
		f := fetchOf("CONF", bars)
		f.FetchedAt = when
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis, DataAt: dataAt}); err != nil {
			t.Fatal(err)
		}
		judgedFetch(t, s, f, bars, make([]etf.Verdict, n)...)
	}
	want := func(what string, n int, when time.Time) {
		t.Helper()
		session := weekdays(day(0), n)[n-1].Session
		if got := of(); got.Exchange != etf.XNYS || got.Session != session || !got.At.Equal(when) {
			t.Errorf("%s: %+v, want %s at %s", what, got, session, when)
		}
	}
	if got := of(); got != (etf.Confirmation{}) {
		t.Errorf("without bars: %+v", got)
	}
	fetched(1, at, time.Time{})
	want("the first fetch", 1, at)
	fetched(1, at.Add(5*time.Hour), time.Time{})
	want("unchanged, but later", 1, at.Add(5*time.Hour))
	fetched(1, at.Add(2*time.Hour), time.Time{})
	want("stored later, but fetched earlier", 1, at.Add(5*time.Hour))
	fetched(2, at.Add(24*time.Hour), time.Time{})
	want("the next session", 2, at.Add(24*time.Hour))
	fetched(1, at.Add(30*time.Hour), time.Time{})
	want("a fetch without the newest session", 2, at.Add(24*time.Hour))
	fetched(2, at.Add(40*time.Hour), at.Add(23*time.Hour))
	want("a file that is older than when it was read", 2, at.Add(24*time.Hour))
	fetched(2, at.Add(40*time.Hour), at.Add(30*time.Hour))
	want("a newer file", 2, at.Add(30*time.Hour))

	// Before confirmations were recorded, the newest data version tells when the newest bar was seen.
	if _, err := d.Admin(t).ExecContext(ctx, "DELETE FROM etf_confirmations"); err != nil {
		t.Fatal(err)
	}
	if e := etfOf(t, s, "CONF"); of().Session != e.Last || of().At.IsZero() {
		t.Errorf("without a record: %+v", of())
	}
}
