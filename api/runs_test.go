package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/workflows"
)

const friday = `{"workflow":"daily","exchange":"XNYS","session":"2025-09-26"}`

func (f *fixture) setExecution(id string, x etf.Execution) {
	f.temporal.mu.Lock()
	defer f.temporal.mu.Unlock()
	f.temporal.executions[id] = x
}

func (f *fixture) setRun(r etf.Run) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	if r.Workflow == "" {
		key, _ := r.ID.Key()
		r.Workflow, r.Exchange, r.Session = key.Workflow, key.Exchange, key.Session
	}
	f.store.runs[r.ID] = r
}

func TestCreateRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.post("/v1/runs", friday).want(t, http.StatusAccepted)
	if got := a.header.Get("Location"); got != "/v1/runs/daily:XNYS:2025-09-26" {
		t.Errorf("Location %q", got)
	}
	run := decode[gen.Run](t, a)
	if run.Status != etf.RunRunning || run.WorkflowId != "daily/XNYS/2025-09-26" || run.FinishedAt != nil ||
		*run.Links.Temporal != "http://127.0.0.1:8233/namespaces/default/workflows/daily%2FXNYS%2F2025-09-26" {
		t.Errorf("run %s", a.body)
	}
	// The same request finds the run, before and after a worker has recorded it, and after it completed.
	f.post("/v1/runs", friday).want(t, http.StatusAccepted)
	f.setRun(etf.Run{ID: "daily:XNYS:2025-09-26", Status: etf.RunRunning, StartedAt: testNow})
	f.post("/v1/runs", friday).want(t, http.StatusAccepted)
	f.setRun(etf.Run{ID: "daily:XNYS:2025-09-26", Status: etf.RunCompleted, StartedAt: testNow, FinishedAt: testNow})
	again := f.post("/v1/runs", friday).want(t, http.StatusAccepted)
	if again.header.Get("Location") != a.header.Get("Location") || decode[gen.Run](t, again).Status != etf.RunCompleted {
		t.Errorf("the repeated request gets %v %s", again.header, again.body)
	}
	if f.starts() != 1 {
		t.Errorf("%d starts, want 1", f.starts())
	}
}

func TestCompletedRunOutlivesTemporalsRetention(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.setRun(etf.Run{ID: "daily:XNYS:2025-09-26", Status: etf.RunCompleted, StartedAt: testNow, FinishedAt: testNow})
	f.post("/v1/runs", friday).want(t, http.StatusAccepted)
	if f.starts() != 0 {
		t.Error("a run recorded as completed was restarted")
	}
}

func TestUnsuccessfulRunIsRestarted(t *testing.T) {
	t.Parallel()
	for _, status := range []etf.RunStatus{etf.RunFailed, etf.RunCancelled, etf.RunTerminated, etf.RunTimedOut} {
		f := newFixture(t)
		f.setExecution("daily/XNYS/2025-09-26", etf.Execution{Status: status, StartedAt: testNow.Add(-time.Hour), FinishedAt: testNow.Add(-time.Minute)})
		f.setRun(etf.Run{ID: "daily:XNYS:2025-09-26", Status: status, StartedAt: testNow.Add(-time.Hour), FinishedAt: testNow.Add(-time.Minute), Error: "old"})
		a := f.post("/v1/runs", friday).want(t, http.StatusAccepted)
		if a.header.Get("Location") != "/v1/runs/daily:XNYS:2025-09-26" || f.starts() != 1 {
			t.Errorf("after %s: %v, %d starts", status, a.header, f.starts())
		}
		// The old row must not hide the new execution.
		if run := decode[gen.RunDetail](t, f.get("/v1/runs/daily:XNYS:2025-09-26")); run.Status != etf.RunRunning || run.Error != nil || run.FinishedAt != nil {
			t.Errorf("restarted after %s, the run is %+v", status, run)
		}
	}
}

func TestSubsetsHaveTheirOwnIdentity(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY", "QQQ", "IWM")
	with := func(symbols string) string {
		return strings.Replace(friday, "}", `,"symbols":[`+symbols+`]}`, 1)
	}
	whole := f.post("/v1/runs", friday).header.Get("Location")
	one := f.post("/v1/runs", with(`"SPY","QQQ"`)).want(t, http.StatusAccepted).header.Get("Location")
	same := f.post("/v1/runs", with(`"QQQ","SPY","QQQ"`)).want(t, http.StatusAccepted).header.Get("Location")
	other := f.post("/v1/runs", with(`"SPY"`)).want(t, http.StatusAccepted)
	if one != same || one == whole || other.header.Get("Location") == one || f.starts() != 3 {
		t.Errorf("%s %s %s %s, %d starts", whole, one, same, other.header.Get("Location"), f.starts())
	}
	if !slices.Equal(f.temporal.starts[1].Symbols, []etf.Symbol{"QQQ", "SPY"}) {
		t.Errorf("started with %v", f.temporal.starts[1].Symbols)
	}
	// Only Temporal knows which symbols were requested.
	run := decode[gen.RunDetail](t, f.get(other.header.Get("Location")).want(t, http.StatusOK))
	if !slices.Equal(run.Symbols, []etf.Symbol{"SPY"}) {
		t.Errorf("symbols %v", run.Symbols)
	}
}

func TestManySymbols(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var names []string
	for i := range 1500 {
		f.register(etf.XNYS, etf.Symbol(fmt.Sprintf("S%04d", i)))
		names = append(names, fmt.Sprintf(`"S%04d"`, i))
	}
	body := func(symbols []string) string {
		return strings.Replace(friday, "}", `,"symbols":[`+strings.Join(symbols, ",")+`]}`, 1)
	}
	f.post("/v1/runs", body(names[:1000])).want(t, http.StatusAccepted)
	f.post("/v1/runs", body(names[:1001])).wantProblem(t, http.StatusBadRequest, "symbols")
	f.post("/v1/runs", body(append([]string{`"NOPE"`}, names[1400:1450]...))).wantProblem(t, http.StatusBadRequest, "symbols[0]")
}

func TestRerun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rerun := strings.Replace(friday, "}", `,"rerun":true}`, 1)
	want := func(location string) {
		t.Helper()
		if got := f.post("/v1/runs", rerun).want(t, http.StatusAccepted).header.Get("Location"); got != "/v1/runs/daily:XNYS:2025-09-26"+location {
			t.Errorf("Location %q, want the suffix %q", got, location)
		}
	}
	want("")         // nothing to re-run: the first run
	want(":rerun-2") // while the first is running
	want(":rerun-3")
	// Recorded re-runs count even if Temporal has forgotten them, and so do those that no worker has recorded yet.
	f.setRun(etf.Run{ID: "daily:XNYS:2025-09-26:rerun-5", Status: etf.RunCompleted})
	want(":rerun-6")
	want(":rerun-7")
	f.get("/v1/runs/daily:XNYS:2025-09-26:rerun-7").want(t, http.StatusOK)
	if f.starts() != 5 {
		t.Errorf("%d starts, want 5", f.starts())
	}
}

func TestConcurrentIdenticalRequestsStartOneRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const n = 16
	locations := make([]string, n)
	atOnce(n, func(i int) { locations[i] = f.post("/v1/runs", friday).header.Get("Location") })
	if len(slices.Compact(locations)) != 1 || f.starts() != 1 {
		t.Errorf("%d starts, locations %v", f.starts(), locations)
	}
}

func TestSessionOmittedIsTheLastClosed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.post("/v1/runs", `{"workflow":"daily","exchange":"XKRX"}`).want(t, http.StatusAccepted)
	if got := a.header.Get("Location"); got != "/v1/runs/daily:XKRX:2025-09-26" {
		t.Errorf("Location %q", got)
	}
	// One second before the close of XNYS (16:00 in New York is 20:00 UTC in summer) it is the day before.
	f.now = time.Date(2025, 9, 26, 19, 59, 59, 0, time.UTC)
	a = f.post("/v1/runs", `{"workflow":"daily","exchange":"XNYS","session":null}`).want(t, http.StatusAccepted)
	if got := a.header.Get("Location"); got != "/v1/runs/daily:XNYS:2025-09-25" {
		t.Errorf("Location %q", got)
	}
	f.post("/v1/runs", friday).wantProblem(t, http.StatusBadRequest, "session")
	f.advance(time.Second)
	f.post("/v1/runs", friday).want(t, http.StatusAccepted)
}

func TestCreateRunRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.register(etf.XKRX, "069500")
	for _, tc := range []struct {
		name, body string
		fields     []string
	}{
		{"everything at once", `{"workflow":"weekly","exchange":"XPAR","session":"26.9.2025","symbols":["spy"]}`, []string{"workflow", "exchange", "session", "symbols[0]"}},
		{"missing", `{}`, []string{"exchange", "workflow"}},
		{"empty workflow", `{"workflow":"","exchange":"XNYS"}`, []string{"workflow"}},
		{"Saturday", `{"workflow":"daily","exchange":"XNYS","session":"2025-09-20"}`, []string{"session"}},
		{"holiday", `{"workflow":"daily","exchange":"XNYS","session":"2025-07-04"}`, []string{"session"}},
		{"future", `{"workflow":"daily","exchange":"XNYS","session":"2025-09-29"}`, []string{"session"}},
		{"beyond the calendar", `{"workflow":"daily","exchange":"XNYS","session":"2099-01-02"}`, []string{"session"}},
		{"empty session", `{"workflow":"daily","exchange":"XNYS","session":""}`, []string{"session"}},
		{"unknown symbols", `{"workflow":"daily","exchange":"XNYS","symbols":["SPY","ZZZ","YYY"]}`, []string{"symbols[1]", "symbols[2]"}},
		{"symbol of the other exchange", `{"workflow":"daily","exchange":"XNYS","symbols":["069500"]}`, []string{"symbols[0]"}},
		{"no symbols", `{"workflow":"daily","exchange":"XNYS","symbols":[]}`, []string{"symbols"}},
		{"symbols as text", `{"workflow":"daily","exchange":"XNYS","symbols":"SPY"}`, []string{"symbols"}},
		{"symbol as number", `{"workflow":"daily","exchange":"XNYS","symbols":[69500]}`, []string{"symbols[0]"}},
		{"rerun as text", `{"workflow":"daily","exchange":"XNYS","rerun":"yes"}`, []string{"rerun"}},
		{"unknown field", `{"workflow":"daily","exchange":"XNYS","date":"2025-09-26"}`, []string{"date"}},
		{"malformed", `{"workflow":"daily"`, []string{"body"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fixture{t: t, server: f.server, router: f.router}
			f.post("/v1/runs", tc.body).wantProblem(t, http.StatusBadRequest, tc.fields...)
		})
	}
	if f.starts() != 0 {
		t.Errorf("%d runs started", f.starts())
	}
}

func TestRunningRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	session := etf.MustSession("2025-09-26")
	id := "daily:XNYS:2025-09-26"
	f.post("/v1/runs", friday)

	// No worker yet.
	run := decode[gen.RunDetail](t, f.get("/v1/runs/"+id).want(t, http.StatusOK))
	if run.Status != etf.RunRunning || run.Counts != (etf.RunCounts{}) || len(run.Etfs.Items) != 0 || run.Symbols == nil {
		t.Errorf("before a worker: %+v", run)
	}

	f.setRun(etf.Run{ID: etf.RunID(id), Status: etf.RunRunning, StartedAt: testNow, Counts: etf.RunCounts{Due: 1}})
	f.store.runETFs[id] = []etf.RunETF{
		{Symbol: "AAA", Session: session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "file", RowsNew: 5, Attempts: 1},
		{Symbol: "CCC", Session: session, Stage: etf.StageFetch, Outcome: etf.OutcomeFailed, ErrorType: "NotFound", ErrorMessage: "no file"},
	}
	f.temporal.statuses["daily/XNYS/2025-09-26"] = workflows.DailyStatus{
		Run:    etf.Run{Counts: etf.RunCounts{Due: 5, Updated: 2}},
		Recent: []etf.RunETF{{Symbol: "BBB", Session: session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated}},
		Active: []etf.RunETF{
			{Symbol: "EEE", Session: session, Outcome: etf.OutcomeRunning}, {Symbol: "DDD", Session: session, Outcome: etf.OutcomeRunning},
			{Symbol: "CCC", Session: session, Outcome: etf.OutcomeRunning}, // recorded by an earlier execution
		},
	}
	f.setExecution("update/DDD/2025-09-26", etf.Execution{Status: etf.RunRunning, Pending: []etf.PendingActivity{{Type: "Persist", Attempt: 3, Failure: "locked", FailureType: "Unavailable"}}})
	f.setExecution("update/EEE/2025-09-26", etf.Execution{Status: etf.RunRunning, Pending: []etf.PendingActivity{{Type: "SomethingNew", Attempt: 1}}})

	run = decode[gen.RunDetail](t, f.get("/v1/runs/"+id).want(t, http.StatusOK))
	var got []string
	for _, e := range run.Etfs.Items {
		got = append(got, fmt.Sprintf("%s %s %s %d %s", e.Symbol, e.Outcome, textOf(e.Stage), e.Attempts, textOf(e.ErrorType)))
	}
	want := []string{"AAA updated done 1 ", "BBB updated done 0 ", "CCC running  0 ", "DDD running persist 3 Unavailable", "EEE running  1 "}
	if !slices.Equal(got, want) {
		t.Errorf("ETFs %q, want %q", got, want)
	}
	if run.Counts.Due != 5 || run.Counts.Updated != 2 {
		t.Errorf("counts %+v", run.Counts)
	}

	// Paging returns the same list.
	got = nil
	path := "/v1/runs/" + id + "?limit=2"
	for range 3 {
		page := decode[gen.RunDetail](t, f.get(path).want(t, http.StatusOK)).Etfs
		for _, e := range page.Items {
			got = append(got, string(e.Symbol))
		}
		if page.NextCursor == nil {
			break
		}
		path = "/v1/runs/" + id + "?limit=2&cursor=" + *page.NextCursor
	}
	if fmt.Sprint(got) != "[AAA BBB CCC DDD EEE]" {
		t.Errorf("the pages list %v", got)
	}
}

func TestRunStatusJoinsRecordAndTemporal(t *testing.T) {
	t.Parallel()
	const id, wid = "daily:XNYS:2025-09-26", "daily/XNYS/2025-09-26"
	began, ended := testNow.Add(-time.Hour), testNow.Add(-time.Minute)
	for _, tc := range []struct {
		name   string
		row    etf.RunStatus // "" = none
		rowEnd time.Time
		x      etf.RunStatus // "" = unknown to Temporal
		xBegan time.Time
		status int
		want   etf.RunStatus
		error  string
	}{
		{name: "neither", status: 404},
		{name: "completed, forgotten", row: etf.RunCompleted, rowEnd: ended, status: 200, want: etf.RunCompleted},
		{name: "failed, forgotten", row: etf.RunFailed, rowEnd: ended, status: 200, want: etf.RunFailed, error: "row"},
		{name: "running, lost", row: etf.RunRunning, status: 200, want: etf.RunTerminated, error: "recorded as running, but Temporal does not know this run any more: start it again"},
		{name: "running", row: etf.RunRunning, x: etf.RunRunning, xBegan: began, status: 200, want: etf.RunRunning, error: "row"},
		{name: "terminated without recording it", row: etf.RunRunning, x: etf.RunTerminated, xBegan: began, status: 200, want: etf.RunTerminated, error: "temporal"},
		{name: "timed out without recording it", row: etf.RunRunning, x: etf.RunTimedOut, xBegan: began, status: 200, want: etf.RunTimedOut, error: "temporal"},
		{name: "terminated unrecorded", x: etf.RunTerminated, xBegan: began, status: 200, want: etf.RunTerminated, error: "temporal"},
		{name: "completed unrecorded", x: etf.RunCompleted, xBegan: began, status: 200, want: etf.RunCompleted, error: "temporal"},
		{name: "failed as recorded", row: etf.RunFailed, rowEnd: ended, x: etf.RunFailed, xBegan: began, status: 200, want: etf.RunFailed, error: "row"},
		{name: "cancelled as recorded", row: etf.RunCancelled, rowEnd: ended, x: etf.RunCancelled, xBegan: began, status: 200, want: etf.RunCancelled, error: "row"},
		{name: "failed, restarted", row: etf.RunFailed, rowEnd: ended, x: etf.RunRunning, xBegan: testNow, status: 200, want: etf.RunRunning},
		{name: "failed, restarted, terminated", row: etf.RunFailed, rowEnd: ended, x: etf.RunTerminated, xBegan: testNow, status: 200, want: etf.RunTerminated, error: "temporal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			if tc.row != "" {
				f.setRun(etf.Run{ID: etf.RunID(id), Status: tc.row, StartedAt: began, FinishedAt: tc.rowEnd, Error: "row"})
			}
			if tc.x != "" {
				f.setExecution(wid, etf.Execution{Status: tc.x, StartedAt: tc.xBegan, FinishedAt: testNow, Failure: "temporal"})
			}
			a := f.get("/v1/runs/"+id).want(t, tc.status)
			if tc.status != 200 {
				a.wantProblem(t, tc.status, "id")
				return
			}
			run := decode[gen.RunDetail](t, a)
			wantError := tc.error
			if tc.row == etf.RunCompleted {
				wantError = "row"
			}
			if run.Status != tc.want || textOf(run.Error) != wantError {
				t.Errorf("status %s, error %q; want %s, %q", run.Status, textOf(run.Error), tc.want, wantError)
			}
			if (run.FinishedAt == nil) != (tc.want == etf.RunRunning) && tc.name != "running, lost" {
				t.Errorf("%s finished at %v", run.Status, run.FinishedAt)
			}
		})
	}
}

func TestRunThatEndsBetweenTheReads(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const id = "daily:XNYS:2025-09-26"
	f.setRun(etf.Run{ID: etf.RunID(id), Status: etf.RunRunning, StartedAt: testNow.Add(-time.Minute)})
	f.setExecution("daily/XNYS/2025-09-26", etf.Execution{Status: etf.RunCompleted, StartedAt: testNow.Add(-time.Minute), FinishedAt: testNow})
	reads := 0
	f.store.onRun = func(etf.RunID) {
		if reads++; reads == 2 {
			f.setRun(etf.Run{ID: etf.RunID(id), Status: etf.RunCompleted, StartedAt: testNow.Add(-time.Minute), FinishedAt: testNow, Counts: etf.RunCounts{Due: 9, Updated: 9}})
		}
	}
	if run := decode[gen.RunDetail](t, f.get("/v1/runs/"+id)); run.Status != etf.RunCompleted || run.Counts.Updated != 9 {
		t.Errorf("run %+v", run)
	}
}

func TestListRuns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i, day := range []string{"22", "23", "24", "25", "26"} {
		status := etf.RunCompleted
		if i >= 2 {
			status = etf.RunRunning
		}
		f.setRun(etf.Run{ID: etf.RunID("daily:XNYS:2025-09-" + day), Status: status, StartedAt: testNow.Add(time.Duration(i) * time.Hour)})
	}
	f.setRun(etf.Run{ID: "daily:XKRX:2025-09-26", Status: etf.RunCompleted, StartedAt: testNow.Add(-time.Hour)})
	f.setExecution("daily/XNYS/2025-09-24", etf.Execution{Status: etf.RunTerminated, StartedAt: testNow, FinishedAt: testNow, Failure: "killed"})
	f.setExecution("daily/XNYS/2025-09-25", etf.Execution{Status: etf.RunTimedOut, StartedAt: testNow, FinishedAt: testNow})
	f.setExecution("daily/XNYS/2025-09-26", etf.Execution{Status: etf.RunRunning, StartedAt: testNow})

	list := func(query string) (ids []string) {
		t.Helper()
		path := "/v1/runs" + query
		for range 20 {
			page := decode[gen.RunList](t, f.get(path).want(t, http.StatusOK))
			for _, r := range page.Items {
				ids = append(ids, strings.TrimPrefix(r.Id, "daily:")+" "+string(r.Status))
			}
			if page.NextCursor == nil {
				return ids
			}
			path = "/v1/runs" + query + "&cursor=" + *page.NextCursor
		}
		t.Fatal("the list does not end")
		return nil
	}
	all := []string{
		"XNYS:2025-09-26 running", "XNYS:2025-09-25 timed_out", "XNYS:2025-09-24 terminated", "XNYS:2025-09-23 completed",
		"XNYS:2025-09-22 completed", "XKRX:2025-09-26 completed",
	}
	for query, want := range map[string][]string{
		"":                                all,
		"?limit=1":                        all,
		"?limit=4":                        all,
		"?exchange=XKRX":                  all[5:],
		"?status=running":                 all[:1],
		"?status=terminated&limit=1":      all[2:3],
		"?status=timed_out":               all[1:2],
		"?status=completed&exchange=XNYS": all[3:5],
		"?status=failed":                  nil,
	} {
		if got := list(query); !slices.Equal(got, want) {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
	}
	// Without Temporal, the stored record is returned unchanged.
	f.temporal.err = etf.Wrap(etf.KindUnavailable, errors.New("refused"), "Temporal can't be reached")
	if got := list("?status=running"); len(got) != 3 {
		t.Errorf("without Temporal: %q", got)
	}
}

func TestCancelRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const path = "/v1/runs/daily:XNYS:2025-09-26"
	f.post(path+"/cancel", "").wantProblem(t, http.StatusNotFound, "id")
	f.post("/v1/runs", friday)
	for range 2 { // repeating the request is harmless
		a := f.post(path+"/cancel", "").want(t, http.StatusAccepted)
		if a.header.Get("Location") != path || decode[gen.Run](t, a).Status != etf.RunRunning {
			t.Errorf("%v %s", a.header, a.body)
		}
	}
	if !slices.Equal(f.temporal.cancelled, []string{"daily/XNYS/2025-09-26", "daily/XNYS/2025-09-26"}) {
		t.Errorf("cancelled %v", f.temporal.cancelled)
	}
	f.setExecution("daily/XNYS/2025-09-26", etf.Execution{Status: etf.RunCancelled, StartedAt: testNow, FinishedAt: testNow})
	p := f.post(path+"/cancel", "").wantProblem(t, http.StatusConflict, "id")
	if !strings.Contains(p.Detail, "cancelled") {
		t.Errorf("detail %q", p.Detail)
	}
	f.setRun(etf.Run{ID: "daily:XNYS:2025-09-25", Status: etf.RunCompleted})
	f.post("/v1/runs/daily:XNYS:2025-09-25/cancel", "").wantProblem(t, http.StatusConflict, "id")
	f.post("/v1/runs/nonsense/cancel", "").wantProblem(t, http.StatusBadRequest, "id")
	f.post(path+"/cancel", `{"why":"x"}`).wantProblem(t, http.StatusBadRequest, "body")
	f.post(path+"/cancel", ` {} `).wantProblem(t, http.StatusConflict, "id")
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if page := decode[gen.ScheduleList](t, f.get("/v1/schedules").want(t, http.StatusOK)); len(page.Items) != 0 {
		t.Errorf("schedules %+v", page)
	}
	p := f.post("/v1/schedules/daily-XKRX/pause", "").wantProblem(t, http.StatusNotFound, "id")
	if r := (*p.Errors)[0].Remedy; r == nil || !strings.Contains(*r, "schedule apply") {
		t.Errorf("remedy %v", r)
	}
	f.temporal.schedules["daily-XNYS"] = etf.Schedule{
		ID: "daily-XNYS", Exchange: etf.XNYS, Fires: "17:30 New York", TimeZone: "America/New_York", Next: []time.Time{testNow},
		Recent: []etf.Firing{{ScheduledAt: testNow, StartedAt: testNow, WorkflowID: "tick/XNYS-2025"}},
	}
	page := decode[gen.ScheduleList](t, f.get("/v1/schedules").want(t, http.StatusOK))
	if len(page.Items) != 1 || page.Items[0].Recent[0].WorkflowId != "tick/XNYS-2025" {
		t.Errorf("schedules %+v", page)
	}
	if one := decode[gen.Schedule](t, f.post("/v1/schedules/daily-XNYS/pause", "").want(t, http.StatusOK)); !one.Paused || one.Note != "paused by the API" {
		t.Errorf("paused: %+v", one)
	}
	because := f.post("/v1/schedules/daily-XNYS/pause?why=a+new+provider", "").want(t, http.StatusOK)
	if one := decode[gen.Schedule](t, because); one.Note != "paused by the API: a new provider" {
		t.Errorf("paused for a reason: %+v", one)
	}
	f.post("/v1/schedules/daily-XNYS/pause?why="+strings.Repeat("x", service.MaxScheduleWhy+1), "").wantProblem(t, http.StatusBadRequest, "why")
	if one := decode[gen.Schedule](t, f.post("/v1/schedules/daily-XNYS/resume", "{}").want(t, http.StatusOK)); one.Paused {
		t.Errorf("resumed: %+v", one)
	}
	f.post("/v1/schedules/daily-XNYS/trigger", "").want(t, http.StatusAccepted)
	if len(f.temporal.triggered) != 1 {
		t.Errorf("triggered %v", f.temporal.triggered)
	}
	for _, id := range []string{"daily-XPAR", "x", "daily-xnys"} {
		for _, act := range []string{"pause", "resume", "trigger"} {
			f.post("/v1/schedules/"+id+"/"+act, "").wantProblem(t, http.StatusNotFound, "id")
		}
	}
	f.post("/v1/schedules/daily-XNYS/trigger", `{"now":true}`).wantProblem(t, http.StatusBadRequest, "body")
	if one, created, err := f.service.ApplySchedule(t.Context(), etf.XKRX); err != nil || !created || one.ID != "daily-XKRX" {
		t.Errorf("applied %+v %v %v", one, created, err)
	}
}

func TestServicesDown(t *testing.T) {
	t.Parallel()
	down := &etf.Error{Kind: etf.KindUnavailable, Message: "it can't be reached", Err: errors.New("dial tcp 10.0.0.1:3306: refused")}
	id := strings.Repeat("ab", 16)
	check := func(t *testing.T, f *fixture, method, path, body string) {
		t.Helper()
		a := f.post(path, body)
		if method == http.MethodGet {
			a = f.get(path)
		}
		a.wantProblem(t, http.StatusServiceUnavailable)
		if a.header.Get("Retry-After") != "5" || strings.Contains(string(a.body), "10.0.0.1") {
			t.Errorf("%s %s: %v %s", method, path, a.header, a.body)
		}
	}
	t.Run("database", func(t *testing.T) {
		f := newFixture(t)
		f.store.err = down
		for _, path := range []string{
			"/v1/etfs", "/v1/etfs/SPY", "/v1/etfs/SPY/bars", "/v1/etfs/SPY/forecasts/latest", "/v1/forecasts/" + id, "/v1/forecasts/" + id + "/fit", "/v1/runs",
			"/v1/runs/daily:XNYS:2025-09-26", "/v1/ledger/checkpoint", "/v1/ledger/checkpoint?size=3", "/v1/ledger/consistency?from=3", "/v1/ledger/proof?forecast=" + id,
		} {
			check(t, f, http.MethodGet, path, "")
		}
		check(t, f, http.MethodPost, "/v1/etfs", spy)
		check(t, f, http.MethodPost, "/v1/runs", friday)
		check(t, f, http.MethodPost, "/v1/runs", strings.Replace(friday, "}", `,"symbols":["SPY"],"rerun":true}`, 1))
		check(t, f, http.MethodPost, "/v1/runs/daily:XNYS:2025-09-26/cancel", "")
		if f.starts() != 0 {
			t.Error("a run was started without the database")
		}
		// An invalid request is still reported as such.
		f.post("/v1/runs", `{"workflow":"daily","exchange":"X"}`).wantProblem(t, http.StatusBadRequest, "exchange")
	})
	t.Run("Temporal", func(t *testing.T) {
		f := newFixture(t)
		f.temporal.err = down
		f.setRun(etf.Run{ID: "daily:XNYS:2025-09-25", Status: etf.RunFailed, FinishedAt: testNow})
		f.setRun(etf.Run{ID: "daily:XNYS:2025-09-24", Status: etf.RunRunning})
		for _, path := range []string{"/v1/runs/daily:XNYS:2025-09-26", "/v1/runs/daily:XNYS:2025-09-24", "/v1/schedules"} {
			check(t, f, http.MethodGet, path, "")
		}
		check(t, f, http.MethodPost, "/v1/runs", friday)
		check(t, f, http.MethodPost, "/v1/runs", strings.Replace(friday, "}", `,"rerun":true}`, 1))
		check(t, f, http.MethodPost, "/v1/runs/daily:XNYS:2025-09-26/cancel", "")
		for _, act := range []string{"pause", "resume", "trigger"} {
			check(t, f, http.MethodPost, "/v1/schedules/daily-XNYS/"+act, "")
		}
		f.get("/v1/runs/daily:XNYS:2025-09-25").want(t, http.StatusOK) // the stored record is enough
		f.get("/v1/etfs").want(t, http.StatusOK)
	})
}
