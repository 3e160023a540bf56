package db_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func backfillOf(symbols ...etf.Symbol) etf.BackfillRequest {
	return etf.BackfillRequest{Exchange: etf.XNYS, Symbols: symbols, Window: etf.Window{From: day(0), To: day(60)}, Attempt: 1}
}

// recordWindow records a request, and leaves how far its ETF is as it is.
func recordWindow(t *testing.T, s *db.Store, w etf.BackfillWindow) error {
	t.Helper()
	_, err := s.AdvanceBackfillETF(t.Context(), w.Backfill, w.Symbol, &w, func(row etf.BackfillETF, asked []etf.BackfillWindow) etf.BackfillETF {
		if !slices.ContainsFunc(asked, func(a etf.BackfillWindow) bool {
			return a.Source == w.Source && a.Window == w.Window && a.Backfill == w.Backfill
		}) {
			t.Errorf("%+v is not among what was asked for: %+v", w, asked)
		}
		return row
	})
	return err
}

// A backfill that only fills in changes no stored bar, whatever the source says now: believed, quarantined or held.
func TestOnlyNew(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		s := d.Store
		register(t, s, "SPY")
		stored := weekdays(day(0), 10)
		quarantined := stored[4].Session
		had := slices.Concat(stored[:3], stored[4:6])
		ingest(t, s, "SPY", had, findingBy("spike", quarantined))
		before := closes(t, s, "SPY")

		other := scaled(stored) // every session, at other prices
		other[4].Close = stored[4].Close
		f := fetchOf("SPY", other)
		if err := s.SaveFetch(t.Context(), f, etf.Response{Bars: other, Basis: f.Basis}); err != nil {
			t.Fatal(err)
		}
		j := etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, len(other))}
		j.Verdicts[9], j.Findings = etf.VerdictQuarantine, []etf.Finding{finding(f, "spike", other[9].Session)}
		if _, err := s.SaveFindings(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		p, _, err := s.Replace(t.Context(), f.ID, etf.Replacement{OnlyNew: true})
		if err != nil {
			t.Fatal(err)
		}
		if p.New != 5 || p.Unchanged != 5 || p.Revised != 0 || p.Quarantined != 1 {
			t.Errorf("%+v", p)
		}
		after := closes(t, s, "SPY")
		for session, price := range before {
			if after[session] != price {
				t.Errorf("%s was %v and is %v", session, price, after[session])
			}
		}
		if len(after) != 10 || after[other[9].Session] != -other[9].Close || after[other[3].Session] != other[3].Close {
			t.Errorf("stored %v", after)
		}
		if again, _, err := s.Replace(t.Context(), f.ID, etf.Replacement{OnlyNew: true}); err != nil || again.New != p.New || again.Unchanged != p.Unchanged {
			t.Errorf("a repeat is %+v, %v", again, err)
		}
		if e := etfOf(t, s, "SPY"); e.Bars != 10 || e.Quarantined != 2 || e.First != stored[0].Session || e.Last != stored[9].Session {
			t.Errorf("%+v", e)
		}
		if got, err := s.StoredSessions(t.Context(), "SPY", etf.Window{From: stored[2].Session, To: stored[4].Session}); err != nil || !slices.Equal(got, []etf.Session{stored[2].Session, stored[3].Session, stored[4].Session}) {
			t.Errorf("%v, %v", got, err)
		}
		_, err = s.StoredSessions(t.Context(), "NONE", etf.Window{})
		wantKind(t, err, etf.KindNotFound, "symbol")
	})
}

// A row with the numbers of a fetch that is only new is not stored if all its sessions are.
func TestOnlyNewOfNothingNew(t *testing.T) {
	t.Parallel()
	s := dbtest.New(t)
	register(t, s, "SPY")
	bars := weekdays(day(0), 5)
	ingest(t, s, "SPY", bars)
	version := etfOf(t, s, "SPY").DataVersion
	f := fetchOf("SPY", scaled(bars))
	if err := s.SaveFetch(t.Context(), f, etf.Response{Bars: scaled(bars), Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	if err := saveFindings(s, etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, 5)}); err != nil {
		t.Fatal(err)
	}
	p, _, err := s.Replace(t.Context(), f.ID, etf.Replacement{OnlyNew: true})
	if err != nil || p.New+p.Revised != 0 || p.Unchanged != 5 || etfOf(t, s, "SPY").DataVersion != version {
		t.Errorf("%+v, %v", p, err)
	}
}

// What a backfill does is recorded once however often it is said, counted, and found again; its run is recorded with it.
func TestBackfillRecord(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		s := d.Store
		for _, symbol := range []etf.Symbol{"QQQ", "SPY"} {
			register(t, s, symbol)
		}
		ctx := t.Context()
		request := backfillOf("QQQ", "SPY")
		b, started, err := s.StartBackfill(ctx, request, false)
		if err != nil || !started || b.ID != request.ID() || b.Status != etf.RunRunning || b.Window != request.Window || !slices.Equal(b.Symbols, request.Symbols) {
			t.Fatalf("%+v, %v, %v", b, started, err)
		}
		if _, started, err := s.StartBackfill(ctx, request, false); err != nil || started {
			t.Errorf("a repeat: %v, %v", started, err)
		}
		run, err := s.Run(ctx, etf.BackfillRunID(b.ID))
		if err != nil || run.Workflow != etf.BackfillRun || run.Status != etf.RunRunning || run.Session != request.Window.To {
			t.Errorf("%+v, %v", run, err)
		}
		plan := []etf.BackfillETF{{Symbol: "QQQ", Status: etf.RunRunning, Sessions: 40}, {Symbol: "SPY", Status: etf.RunCompleted}}
		counts, err := s.PlanBackfill(ctx, b.ID, plan)
		if err != nil || counts.ETFs != 2 || counts.ETFsDone != 1 || counts.Sessions != 40 {
			t.Errorf("%+v, %v", counts, err)
		}
		if counts, err = s.PlanBackfill(ctx, b.ID, plan[:1]); err != nil || counts.ETFs != 2 {
			t.Errorf("planned again: %+v, %v", counts, err)
		}
		if left, err := s.PendingBackfillETFs(ctx, b.ID, "", 10); err != nil || len(left) != 1 || left[0].Symbol != "QQQ" {
			t.Errorf("%+v, %v", left, err)
		}
		window := etf.BackfillWindow{Backfill: b.ID, Symbol: "QQQ", Source: "yahoo", Window: etf.Window{From: day(0), To: day(30)}, Fetch: newID(), RowsNew: 20, RowsQuarantined: 1}
		failed := etf.BackfillWindow{Backfill: b.ID, Symbol: "QQQ", Source: "file", Window: etf.Window{From: day(31), To: day(60)}, ErrorType: "SourceDenied", Error: "no"}
		for range 2 {
			for _, w := range []etf.BackfillWindow{window, failed} {
				if err := recordWindow(t, s, w); err != nil {
					t.Fatal(err)
				}
			}
		}
		asked, err := s.AskedWindows(ctx, "QQQ")
		if err != nil || len(asked) != 2 {
			t.Fatalf("%+v, %v", asked, err)
		}
		// The last window and the end that it leads to are one transaction: without the one, the other is not recorded.
		last := etf.BackfillWindow{Source: "yahoo", Window: etf.Window{From: day(31), To: day(60)}, RowsNew: 1}
		_, err = s.AdvanceBackfillETF(ctx, b.ID, "QQQ", &last, func(row etf.BackfillETF, _ []etf.BackfillWindow) etf.BackfillETF {
			row.Status = etf.RunStatus(strings.Repeat("x", 17)) // too long for its column
			return row
		})
		if again, failed := s.AskedWindows(ctx, "QQQ"); err == nil || failed != nil || len(again) != 2 {
			t.Errorf("%v: %+v, %v", err, again, failed)
		}
		for i := range 2 {
			counts, err = s.AdvanceBackfillETF(ctx, b.ID, "QQQ", &last, func(row etf.BackfillETF, asked []etf.BackfillWindow) etf.BackfillETF {
				if len(asked) != 3 || row.Status != []etf.RunStatus{etf.RunRunning, etf.RunFailed}[i] {
					t.Errorf("%+v, %+v", row, asked)
				}
				row.Status, row.SessionsDone, row.StillMissing, row.Error = etf.RunFailed, 40, 20, "file: no"
				return row
			})
		}
		if err != nil || counts.ETFsDone != 2 || counts.ETFsFailed != 1 || counts.RowsNew != 21 || counts.RowsQuarantined != 1 || counts.Requests != 3 || counts.SessionsDone != 40 || counts.StillMissing != 20 {
			t.Errorf("%+v, %v", counts, err)
		}
		until := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
		if err := s.SetBackfillWait(ctx, b.ID, etf.BackfillWait{For: "the daily quota of yahoo", Until: until, Paused: true}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Backfill(ctx, b.ID); err != nil || !got.Paused || got.WaitsFor != "the daily quota of yahoo" || !got.WaitsUntil.Equal(until) || got.Counts != counts {
			t.Errorf("%+v, %v", got, err)
		}
		for range 2 {
			if err := s.FinishBackfill(ctx, etf.BackfillEnd{ID: b.ID, Status: etf.RunFailed, Error: "why"}); err != nil {
				t.Fatal(err)
			}
		}
		run, err = s.Run(ctx, etf.BackfillRunID(b.ID))
		if err != nil || run.Status != etf.RunFailed || run.Counts.Due != 2 || run.Counts.Failed != 1 || run.Counts.Updated != 0 || run.Counts.Unchanged != 1 || run.Counts.RowsNew != 21 {
			t.Errorf("%+v, %v", run, err)
		}
		rows, err := s.RunETFs(ctx, etf.BackfillRunID(b.ID), "", 10)
		if err != nil || len(rows) != 2 || rows[0].Outcome != etf.OutcomeFailed || rows[0].RowsNew != 21 || rows[1].Outcome != etf.OutcomeUnchanged {
			t.Errorf("%+v, %v", rows, err)
		}
		// Nothing that assumes a daily run sees it.
		if last, err := s.LastCompleted(ctx, etf.XNYS); err != nil || !last.IsZero() {
			t.Errorf("%v, %v", last, err)
		}
		if runs, _, err := s.Runs(ctx, etf.RunFilter{Workflow: etf.DailyRun}, etf.Cursor{}, 10); err != nil || len(runs) != 0 {
			t.Errorf("%+v, %v", runs, err)
		}
		if runs, _, err := s.Runs(ctx, etf.RunFilter{Workflow: etf.BackfillRun}, etf.Cursor{}, 10); err != nil || len(runs) != 1 {
			t.Errorf("%+v, %v", runs, err)
		}
		wantKind(t, recordWindow(t, s, window), etf.KindNotFound, "id") // it has ended
		wantKind(t, s.SetBackfillWait(ctx, b.ID, etf.BackfillWait{}), etf.KindNotFound, "id")

		// Started again, it is planned anew; what was answered is known, what failed is asked for again.
		again, started, err := s.StartBackfill(ctx, request, false)
		if err != nil || !started || again.Status != etf.RunRunning || again.Paused || again.WaitsFor != "" {
			t.Fatalf("%+v, %v, %v", again, started, err)
		}
		if _, err := s.PlanBackfill(ctx, b.ID, plan[:1]); err != nil {
			t.Fatal(err)
		}
		failed.ErrorType, failed.Error, failed.RowsNew, failed.Fetch = "", "", 7, newID()
		if err := recordWindow(t, s, failed); err != nil {
			t.Fatal(err)
		}
		if asked, err = s.AskedWindows(ctx, "QQQ"); err != nil || len(asked) != 3 || slices.ContainsFunc(asked, func(w etf.BackfillWindow) bool { return w.ErrorType != "" }) {
			t.Errorf("%+v, %v", asked, err)
		}
		if got, err := s.BackfillETFs(ctx, b.ID, "", 10); err != nil || len(got) != 1 || got[0].RowsNew != 7 || got[0].Requests != 1 || got[0].Source != "file" {
			t.Errorf("%+v, %v", got, err)
		}
		list, next, err := s.Backfills(ctx, etf.BackfillFilter{Exchange: etf.XNYS, Statuses: []etf.RunStatus{etf.RunRunning}}, etf.Cursor{}, 1)
		if err != nil || len(list) != 1 || !next.IsZero() || list[0].Counts.RowsNew != 7 {
			t.Errorf("%+v, %v, %v", list, next, err)
		}
		if n, err := s.BackfillAttempts(ctx, request.BaseID()); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		if open, err := s.OpenBackfills(ctx, 5); err != nil || len(open) != 1 {
			t.Errorf("%+v, %v", open, err)
		}
		if by, err := s.CountBackfills(ctx); err != nil || by[etf.RunRunning] != 1 {
			t.Errorf("%v, %v", by, err)
		}
		_, err = s.Backfill(ctx, newID())
		wantKind(t, err, etf.KindNotFound, "id")
		none := window
		none.Symbol = "NONE"
		wantKind(t, recordWindow(t, s, none), etf.KindNotFound, "symbol")
	})
}

// A completed backfill stays as it is, unless there is more to do; one in which an ETF failed is running again when it is started again.
func TestStartBackfillAgain(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		s, ctx := d.Store, t.Context()
		register(t, s, "SPY")
		request := backfillOf("SPY")
		for _, status := range []etf.RunStatus{etf.RunFailed, etf.RunCompleted} {
			b, started, err := s.StartBackfill(ctx, request, false)
			if err != nil || !started {
				t.Fatalf("%+v, %v, %v", b, started, err)
			}
			if _, err := s.PlanBackfill(ctx, b.ID, []etf.BackfillETF{{Symbol: "SPY", Status: status, Sessions: 40}}); err != nil {
				t.Fatal(err)
			}
			if err := s.FinishBackfill(ctx, etf.BackfillEnd{ID: b.ID, Status: etf.RunCompleted}); err != nil {
				t.Fatal(err)
			}
		}
		if b, started, err := s.StartBackfill(ctx, request, false); err != nil || started || b.Status != etf.RunCompleted || b.Counts.ETFsFailed != 0 {
			t.Errorf("%+v, %v, %v", b, started, err)
		}
		if b, started, err := s.StartBackfill(ctx, request, true); err != nil || !started || b.Status != etf.RunRunning {
			t.Errorf("with more to do: %+v, %v, %v", b, started, err)
		}
	})
}

// What is recorded and read under the symbol that an ETF had when the backfill was planned is that of the ETF, whatever it is called now.
func TestBackfillOfRenamedETF(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		s, ctx := d.Store, t.Context()
		register(t, s, "OLD")
		bars := weekdays(day(0), 10)
		ingest(t, s, "OLD", bars)
		b, _, err := s.StartBackfill(ctx, backfillOf("OLD"), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.PlanBackfill(ctx, b.ID, []etf.BackfillETF{{Symbol: "OLD", Status: etf.RunRunning, Sessions: 40}}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.RenameETF(ctx, etf.Rename{Symbol: "OLD", To: "NEW", Last: bars[9].Session}); err != nil {
			t.Fatal(err)
		}
		w := etf.BackfillWindow{Backfill: b.ID, Symbol: "OLD", Source: "yahoo", Window: etf.Window{From: day(0), To: day(30)}, RowsNew: 20}
		if err := recordWindow(t, s, w); err != nil {
			t.Fatal(err)
		}
		for _, symbol := range []etf.Symbol{"OLD", "NEW"} {
			asked, err := s.AskedWindows(ctx, symbol)
			if err != nil || len(asked) != 1 {
				t.Errorf("%s: %+v, %v", symbol, asked, err)
			}
			stored, err := s.StoredSessions(ctx, symbol, etf.Window{From: day(0), To: day(60)})
			if err != nil || len(stored) != 10 {
				t.Errorf("%s: %v, %v", symbol, stored, err)
			}
		}
		if rows, err := s.BackfillETFs(ctx, b.ID, "", 10); err != nil || len(rows) != 1 || rows[0].Symbol != "OLD" || rows[0].RowsNew != 20 {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}
