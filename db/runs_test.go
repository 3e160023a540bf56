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
	finish := func(end etf.RunEnd) {
		t.Helper()
		_, err := s.FinishRun(ctx, end)
		must(err)
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
	must(s.RecordOutcomes(ctx, whole.ID, nil, counts, rows))
	rows[1].Findings, rows[1].Forecasts = 0, 0 // none is stored
	rows[0].Stage, rows[0].Outcome = etf.StageDone, etf.OutcomeUpdated
	must(s.RecordOutcomes(ctx, whole.ID, nil, counts, rows[:1]))
	if got, err := s.RunETFs(ctx, whole.ID, "", 10); err != nil || !reflect.DeepEqual(got, []etf.RunETF{rows[1], rows[0]}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := s.RunETFs(ctx, whole.ID, "QQQ", 10); err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	finish(etf.RunEnd{Run: whole.ID, Status: etf.RunFailed, Counts: counts, Closed: true, Reason: "no such workers"})
	counts.RowsNew, counts.RowsUnchanged, counts.RowsRevised, counts.Forecasts = 1, 2, 3, 0 // the sums of the rows
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
	finish(etf.RunEnd{Run: subset.ID, Status: etf.RunCompleted, Counts: counts})
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
		finish(etf.RunEnd{Run: rerun.ID, Status: etf.RunCompleted, Counts: counts})
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
	wantKind(t, s.RecordOutcomes(ctx, "none", nil, counts, nil), etf.KindNotFound, "id")
	_, err = s.FinishRun(ctx, etf.RunEnd{Run: "none", Status: etf.RunFailed, Counts: counts})
	wantKind(t, err, etf.KindNotFound, "id")
}

// A run's counts are those of what is stored for it, whatever the results of its steps said.
func testRunCounts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	run := etf.Run{ID: "daily:XNYS:2025-01-03", Workflow: "daily", Exchange: etf.XNYS, Session: day(1), StartedAt: time.Date(2025, 1, 3, 22, 0, 0, 0, time.UTC)}
	if err := s.StartRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	issue := func(symbol etf.Symbol, v etf.DataVersion, by etf.RunID, origin etf.Session, models ...string) {
		t.Helper()
		for _, model := range models {
			f := forecastOf(symbol, model, origin, v)
			f.Run = by
			if _, _, err := appendOne(ctx, s, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Each fetch stores three rows, one of them with a finding.
	stored := func(symbol etf.Symbol, by etf.RunID) etf.DataVersion {
		t.Helper()
		register(t, s, symbol)
		bars := []etf.Bar{bar(day(-1), 0), bar(day(0), 1), bar(day(1), 2)}
		f := fetchOf(symbol, bars)
		f.Run = by
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
			t.Fatal(err)
		}
		found := []etf.Finding{finding(f, "RULE", day(0))}
		if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: found, Verdicts: verdictsOf(bars, found)}); err != nil {
			t.Fatal(err)
		}
		p, err := s.Persist(ctx, f.ID)
		if err != nil {
			t.Fatal(err)
		}
		return p.DataVersion
	}
	v := stored("COUNTA", run.ID) // the result of its forecasts said none
	issue("COUNTA", v, run.ID, day(1), "drift", "prophet")
	issue("COUNTA", v, run.ID, day(0), "drift") // of another session
	issue("COUNTA", v, run.ID, day(1), "former")
	v = stored("COUNTB", "daily:XNYS:other") // all its forecasts are another run's
	issue("COUNTB", v, "daily:XNYS:other", day(1), "drift", "prophet")
	v = stored("COUNTE", run.ID) // updated, and unchanged when the run was started again
	issue("COUNTE", v, run.ID, day(1), "drift", "prophet")
	v = stored("COUNTC", run.ID) // cancelled: of its steps no result is known
	issue("COUNTC", v, run.ID, day(1), "drift")
	register(t, s, "COUNTD") // failed before it stored anything
	of := func(symbol etf.Symbol, outcome etf.Outcome) etf.RunETF {
		return etf.RunETF{Symbol: symbol, Session: day(1), Stage: etf.StageForecast, Outcome: outcome}
	}
	a, b, c, e := of("COUNTA", etf.OutcomeUpdated), of("COUNTB", etf.OutcomeUnchanged), of("COUNTC", etf.OutcomeCancelled), of("COUNTD", etf.OutcomeFailed)
	a.RowsNew, a.Findings = 3, 1
	b.RowsUnchanged, b.Findings, b.Forecasts = 3, 1, 2
	again := of("COUNTE", etf.OutcomeUnchanged)
	again.RowsUnchanged, again.Findings, again.Forecasts = 3, 1, 2
	counts := etf.RunCounts{Due: 5, Updated: 1, Unchanged: 2, Cancelled: 1, Failed: 1, RowsNew: 3, RowsUnchanged: 6, Forecasts: 4}
	models := []string{"drift", "prophet"}
	for range 2 { // a repeat changes nothing
		if err := s.RecordOutcomes(ctx, run.ID, models, counts, []etf.RunETF{a, b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RecordOutcomes(ctx, run.ID, models, counts, []etf.RunETF{c, e, again}); err != nil {
		t.Fatal(err)
	}
	a.Forecasts, b.Forecasts, b.Findings = 2, 0, 0
	again.RowsNew, again.RowsUnchanged, again.RowsQuarantined = 3, 0, 1
	c.RowsNew, c.RowsQuarantined, c.Findings, c.Forecasts = 3, 1, 1, 1
	if got, err := s.RunETFs(ctx, run.ID, "", 10); err != nil || !reflect.DeepEqual(got, []etf.RunETF{a, b, c, e, again}) {
		t.Errorf("recorded %+v, %v; want %+v", got, err, []etf.RunETF{a, b, c, e, again})
	}
	counts.RowsNew, counts.RowsUnchanged, counts.Forecasts = 9, 3, 5
	if got, err := s.Run(ctx, run.ID); err != nil || got.Counts != counts {
		t.Errorf("while it runs %+v, %v; want %+v", got.Counts, err, counts)
	}
	wrong := counts
	wrong.RowsNew, wrong.Forecasts = 0, 0
	if got, err := s.FinishRun(ctx, etf.RunEnd{Run: run.ID, Status: etf.RunCompleted, Counts: wrong}); err != nil || got != counts {
		t.Errorf("at its end %+v, %v; want %+v", got, err, counts)
	}
	if got, err := s.Run(ctx, run.ID); err != nil || got.Counts != counts {
		t.Errorf("after its end %+v, %v; want %+v", got.Counts, err, counts)
	}
}
