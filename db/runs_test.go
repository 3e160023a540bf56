package db_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func testRuns(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	start := time.Date(2090, 1, 2, 3, 4, 5, 678901000, time.UTC) // newer than every other test's
	whole := etf.Run{ID: "daily:XNYS:2025-09-26", Workflow: "daily", Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), StartedAt: start}
	if session, err := s.LastCompleted(ctx, etf.XNYS); err != nil || session != 0 {
		t.Fatalf("last completed before the first run: %s, %v", session, err)
	}
	must(s.StartRun(ctx, whole))
	whole.Status = etf.RunRunning
	if got, err := s.Run(ctx, whole.ID); err != nil || !reflect.DeepEqual(got, whole) {
		t.Fatalf("%+v, %v; want %+v", got, err, whole)
	}
	counts := etf.RunCounts{Due: 11, Updated: 1, Unchanged: 2, Quarantined: 3, Failed: 4, Elsewhere: 5, Cancelled: 6, RowsNew: 7, RowsUnchanged: 8, RowsRevised: 9, Forecasts: 10}
	rows := []etf.RunETF{
		{Symbol: "SPY", Session: whole.Session, Stage: etf.StageFetch, Outcome: etf.OutcomeRunning},
		{Symbol: "QQQ", Session: whole.Session, Stage: etf.StagePersist, Outcome: etf.OutcomeFailed, Source: "yahoo", RowsNew: 1, RowsUnchanged: 2, RowsRevised: 3,
			RowsQuarantined: 4, Findings: 5, Forecasts: 6, Attempts: 7, ErrorType: "Unavailable", ErrorMessage: "it's \\ down \"now\"\nü"},
	}
	must(s.RecordOutcomes(ctx, whole.ID, counts, rows))
	rows[0].Stage, rows[0].Outcome = etf.StageDone, etf.OutcomeUpdated
	must(s.RecordOutcomes(ctx, whole.ID, counts, rows[:1]))
	if got, err := s.RunETFs(ctx, whole.ID, "", 10); err != nil || !reflect.DeepEqual(got, []etf.RunETF{rows[1], rows[0]}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := s.RunETFs(ctx, whole.ID, "QQQ", 10); err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	must(s.FinishRun(ctx, etf.RunEnd{Run: whole.ID, Status: etf.RunFailed, Counts: counts, Closed: true, Reason: "no such workers"}))
	got, err := s.Run(ctx, whole.ID)
	if err != nil || got.Status != etf.RunFailed || got.Counts != counts || !got.Closed || got.Error != "no such workers" || got.FinishedAt.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	must(s.StartRun(ctx, whole)) // a late repeat of the same start
	if late, err := s.Run(ctx, whole.ID); err != nil || !reflect.DeepEqual(late, got) {
		t.Fatalf("a repeated start changed %+v to %+v, %v", got, late, err)
	}
	again := whole
	again.StartedAt = start.Add(time.Minute)
	must(s.StartRun(ctx, again))
	if got, err := s.Run(ctx, whole.ID); err != nil || got.Status != etf.RunRunning || got.Error != "" || got.Closed || !got.FinishedAt.IsZero() || !got.StartedAt.Equal(again.StartedAt) {
		t.Fatalf("started again: %+v, %v", got, err)
	}

	subset := whole
	subset.ID, subset.Session, subset.Symbols = "daily:XNYS:2025-09-29:abcdefabcdef", etf.MustSession("2025-09-29"), []etf.Symbol{"QQQ", "SPY"}
	must(s.StartRun(ctx, subset))
	must(s.FinishRun(ctx, etf.RunEnd{Run: subset.ID, Status: etf.RunCompleted, Counts: counts}))
	if session, err := s.LastCompleted(ctx, etf.XNYS); err != nil || session != 0 {
		t.Fatalf("a subset counts as completed: %s, %v", session, err)
	}
	if got, err := s.Run(ctx, subset.ID); err != nil || !reflect.DeepEqual(got.Symbols, subset.Symbols) {
		t.Fatalf("%+v, %v", got, err)
	}
	rerun := whole
	for _, suffix := range []etf.RunID{":rerun-2", ":rerun-10", ":rerun-3"} {
		rerun.ID = whole.ID + suffix
		must(s.StartRun(ctx, rerun))
		must(s.FinishRun(ctx, etf.RunEnd{Run: rerun.ID, Status: etf.RunCompleted, Counts: counts}))
	}
	if session, err := s.LastCompleted(ctx, etf.XNYS); err != nil || session != whole.Session {
		t.Fatalf("last completed: %s, %v", session, err)
	}
	for id, want := range map[etf.RunID]int{whole.ID: 10, subset.ID: 1, "daily:XNYS:1999-01-04": 0} {
		if n, err := s.RerunCount(ctx, id); err != nil || n != want {
			t.Errorf("attempts of %s: %d, %v; want %d", id, n, err, want)
		}
	}
	var ids []string
	var cursor etf.Cursor
	for {
		page, next, err := s.Runs(ctx, etf.RunFilter{Exchange: etf.XNYS, Statuses: []etf.RunStatus{etf.RunCompleted}}, cursor, 2)
		must(err)
		for _, r := range page {
			ids = append(ids, string(r.ID))
		}
		if cursor = next; cursor.IsZero() {
			break
		}
	}
	if want := []string{string(subset.ID), string(whole.ID + ":rerun-3"), string(whole.ID + ":rerun-2"), string(whole.ID + ":rerun-10")}; !reflect.DeepEqual(ids, want) {
		t.Errorf("pages %v, want %v", ids, want)
	}
	_, err = s.Run(ctx, "none")
	wantKind(t, err, etf.KindNotFound, "id")
	wantKind(t, s.RecordOutcomes(ctx, "none", counts, nil), etf.KindNotFound, "id")
	wantKind(t, s.FinishRun(ctx, etf.RunEnd{Run: "none", Status: etf.RunFailed, Counts: counts}), etf.KindNotFound, "id")
}
