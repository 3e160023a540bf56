package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/dispatch/dispatchtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/worker"
	"github.com/etfcast/etfcast/workflows"
)

// These tests run the assembled workers on a real Temporal server:
//
//	bin/devstack run --ephemeral -- go test ./worker
//
// Each uses its own namespace, so that workers of other tests don't interfere.

var friday = etf.MustSession("2025-09-26")

var silent = slog.New(slog.DiscardHandler)

// serve runs the workers until the test ends, or stop is called.
func serve(t *testing.T, c *dispatch.Client, m *memory) (stop func(), observed func() map[string]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done, started := make(chan error, 1), make(chan struct{})
	var mu sync.Mutex
	seen := map[string]int{}
	go func() {
		done <- worker.Run(ctx, c.SDK(), worker.Deps{
			Store: m, Watcher: c, Sources: []activities.Source{steady{}}, Models: []activities.Model{last{}, broken{}}, CodeVersion: "test", Log: silent,
			Note: func(string, int64, [32]byte) (string, bool, error) { return "note", false, nil },
			Now:  clock, Started: func() { close(started) },
			Observe: func(a worker.Activity) {
				mu.Lock()
				defer mu.Unlock()
				seen[strings.TrimSpace(a.Name+" "+a.Error)]++
			},
			ModelFailed: func(model string) {
				mu.Lock()
				defer mu.Unlock()
				seen["model "+model]++
			},
		}, worker.Options{StopTimeout: 2 * time.Second})
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	select {
	case <-started:
	case err := <-done:
		t.Fatalf("the workers ended with %v", err)
	}
	return stop, func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(seen)
	}
}

func startDaily(t *testing.T, c *dispatch.Client, in workflows.DailyInput) client.WorkflowRun {
	t.Helper()
	run, err := c.SDK().ExecuteWorkflow(context.Background(), dispatch.DailyOptions(in), workflows.DailyWorkflow, in)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A whole run on a real server: every ETF is updated, one is quarantined and waits for a person, repeating the request
// starts nothing, a re-run changes nothing, and the Web UI's texts and search attributes are set.
func TestDailyOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t)
	m := newMemory("AAA1", "BAD1", "CCC1")
	_, observed := serve(t, c, m)
	ctx := within(t)
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: friday}
	run := startDaily(t, c, in)
	var result workflows.DailyResult
	if err := run.Get(ctx, &result); err != nil {
		t.Fatal(err)
	}
	if n := result.Counts; n.Updated != 2 || n.Quarantined != 1 || n.Due != 3 || n.Forecasts != 2 {
		t.Errorf("the counts are %+v", n)
	}
	if r := m.run(string(in.Run())); r.Status != etf.RunCompleted || r.Counts != result.Counts || len(m.rows[string(in.Run())]) != 3 {
		t.Errorf("recorded %+v with %d rows", r, len(m.rows[string(in.Run())]))
	}
	if again := startDaily(t, c, in); again.GetRunID() != run.GetRunID() {
		t.Error("the same request started another run")
	}
	in.Attempt = 2
	if err := startDaily(t, c, in).Get(ctx, &result); err != nil || result.Counts.Unchanged != 2 || result.Counts.Forecasts != 0 || m.issued() != 2 {
		t.Errorf("the re-run ended with %+v, %v", result.Counts, err)
	}
	if n := m.anchors; len(n) != 2 || n[0].Exchange != etf.XNYS || len(n[0].Symbols) > 0 || result.Checkpoint == nil || result.Checkpoint.Size != 2 {
		t.Errorf("anchored %+v, the last run's checkpoint is %+v", n, result.Checkpoint)
	}
	for _, name := range []string{"Fetch", "Validate", "Persist", "Forecast", "BeginRun", "DueETFs", "RecordOutcomes", "Anchor", "FinishRun"} {
		if observed()[name] == 0 {
			t.Errorf("%s was not observed: %v", name, observed())
		}
	}
	if n := observed(); n["model broken"] != 4 || n["model last"] != 0 { // two ETFs, two runs
		t.Errorf("failures of models: %v", n)
	}
	described, err := c.SDK().DescribeWorkflowExecution(ctx, workflows.UpdateID("AAA1", friday), "")
	if err != nil {
		t.Fatal(err)
	}
	attributes := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	for name, want := range map[string]string{
		"EtfcastSymbol": `"AAA1"`, "EtfcastExchange": `"XNYS"`, "EtfcastOutcome": `"unchanged"`, "EtfcastRun": `"daily:XNYS:2025-09-26:rerun-2"`, "EtfcastSession": `"2025-09-26"`,
	} {
		if got := string(attributes[name].GetData()); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if summary := string(described.GetExecutionConfig().GetUserMetadata().GetSummary().GetData()); summary != `"AAA1 XNYS 2025-09-26"` {
		t.Errorf("the update's summary is %s", summary)
	}
	decide(t, c, m)
}

// decide finds the quarantined row's finding and rejects it.
func decide(t *testing.T, c *dispatch.Client, m *memory) {
	t.Helper()
	ctx := within(t)
	id := ""
	m.mu.Lock()
	for _, f := range m.findings {
		if f.Symbol == "BAD1" && f.Severity == etf.SeverityError {
			id = f.ID
		}
	}
	m.mu.Unlock()
	handle, err := c.SDK().UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.FindingID(id), UpdateName: workflows.DecideUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.Decision{Decision: etf.Reject, By: "jo", Why: "low above high"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var finding etf.Finding
	if err := handle.Get(ctx, &finding); err != nil || finding.Decision != etf.Reject || finding.By != "jo" {
		t.Errorf("the result of the decision is %+v, %v", finding, err)
	}
}

// Three sessions are due, and the API has already started the second: each runs exactly once, in order.
func TestTickOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t)
	m := newMemory("AAA1")
	m.runs["daily:XNYS:2025-09-23"] = etf.Run{Session: friday - 3, Status: etf.RunCompleted}
	serve(t, c, m)
	ctx := within(t)
	thursday := workflows.DailyInput{Exchange: etf.XNYS, Session: friday - 1}
	if err := startDaily(t, c, thursday).Get(ctx, nil); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	r := m.runs[string(thursday.Run())]
	r.Status = etf.RunRunning // as if its end had not been recorded yet: Temporal is right
	m.runs[string(thursday.Run())] = r
	m.mu.Unlock()
	in := workflows.TickInput{Exchange: etf.XNYS, Nominal: time.Date(2025, 9, 26, 21, 30, 0, 0, time.UTC)}
	run, err := c.SDK().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.TickID(etf.XNYS), TaskQueue: workflows.TaskQueue}, workflows.TickWorkflow, in)
	if err != nil {
		t.Fatal(err)
	}
	var result workflows.TickResult
	if err := run.Get(ctx, &result); err != nil {
		t.Fatal(err)
	}
	var ended []string
	for _, s := range result.Sessions {
		ended = append(ended, fmt.Sprintf("%s %s %t", s.Session, s.Status, s.Elsewhere))
	}
	if got := strings.Join(ended, ", "); got != "2025-09-24 completed false, 2025-09-25 completed true, 2025-09-26 completed false" {
		t.Errorf("the Tick's result is %s", got)
	}
	if m.issued() != 3 {
		t.Errorf("%d forecasts for three sessions", m.issued())
	}
}

// The schedule's firings of three days, backfilled at once, each start the right session exactly once: the one of the
// scheduled time, not of the clock.
func TestScheduleOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t)
	m := newMemory("AAA1")
	m.runs["daily:XNYS:2025-09-23"] = etf.Run{Session: friday - 3, Status: etf.RunCompleted}
	serve(t, c, m)
	ctx := within(t)
	options, err := dispatch.ScheduleOptions(etf.XNYS, 0)
	if err != nil {
		t.Fatal(err)
	}
	options.Paused = true // it must fire only when triggered, even if the test runs at 17:30 in New York
	handle, err := c.SDK().ScheduleClient().Create(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	err = handle.Backfill(ctx, client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{
		Start:   time.Date(2025, 9, 24, 0, 0, 0, 0, time.UTC), // 20:00 on the 23rd in New York
		End:     time.Date(2025, 9, 27, 0, 0, 0, 0, time.UTC),
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for m.run("daily:XNYS:2025-09-26").Status != etf.RunCompleted {
		waitABit(t, ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, run := range []string{"daily:XNYS:2025-09-24", "daily:XNYS:2025-09-25", "daily:XNYS:2025-09-26"} {
		if r := m.runs[run]; r.Status != etf.RunCompleted || len(m.rows[run]) != 1 {
			t.Errorf("%s: %s, %d ETFs", run, r.Status, len(m.rows[run]))
		}
	}
	if len(m.runs) != 4 || len(m.forecasts) != 3 {
		t.Errorf("%d runs and %d forecasts", len(m.runs), len(m.forecasts))
	}
}

// Cancelling a run also cancels its current fetch, and everything is recorded.
func TestCancelOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t)
	m := newMemory("AAA1", "SLOW1")
	serve(t, c, m)
	ctx := within(t)
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: friday}
	run := startDaily(t, c, in)
	for m.issued() == 0 {
		waitABit(t, ctx)
	}
	if err := c.SDK().CancelWorkflow(ctx, run.GetID(), run.GetRunID()); err != nil {
		t.Fatal(err)
	}
	if err := run.Get(ctx, nil); err == nil {
		t.Error("the cancelled run completed")
	}
	described, err := c.SDK().DescribeWorkflowExecution(ctx, run.GetID(), "")
	if err != nil || described.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED {
		t.Errorf("the run is %s, %v", described.GetWorkflowExecutionInfo().GetStatus(), err)
	}
	if r := m.run(string(in.Run())); r.Status != etf.RunCancelled || r.Counts.Cancelled != 1 || r.Counts.Updated != 1 {
		t.Errorf("recorded %+v", r)
	}
	if again := startDaily(t, c, in); again.GetRunID() == run.GetRunID() {
		t.Error("the cancelled run was not started again")
	}
}

// During a run the database goes down and comes back, and the workers are restarted.
func TestRestartOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t)
	m := newMemory("AAA1", "BBB1", "CCC1")
	m.setDown(true)
	stop, observed := serve(t, c, m)
	ctx := within(t)
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: friday}
	run := startDaily(t, c, in)
	for observed()["BeginRun Unavailable"] == 0 {
		waitABit(t, ctx)
	}
	stop()
	m.setDown(false)
	serve(t, c, m)
	var result workflows.DailyResult
	if err := run.Get(ctx, &result); err != nil || result.Counts.Updated != 3 {
		t.Errorf("got %+v, %v", result, err)
	}
}

// waitABit pauses before a condition is checked again.
func waitABit(t *testing.T, ctx context.Context) {
	t.Helper()
	select {
	case <-ctx.Done():
		t.Fatal("the condition did not hold within a minute")
	case <-time.After(20 * time.Millisecond):
	}
}

func TestQueuesOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t)
	ctx := within(t)
	queues := worker.Queues([]string{"steady"})
	served := func() (n int) {
		t.Helper()
		for _, queue := range queues {
			ok, err := c.Served(ctx, queue)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				n++
			}
		}
		return n
	}
	if n := served(); n != 0 {
		t.Errorf("without workers %d queues are served", n)
	}
	serve(t, c, newMemory())
	own := func() (n int) {
		t.Helper()
		for _, queue := range queues {
			if ok, err := c.Polling(ctx, queue); err != nil {
				t.Fatal(err)
			} else if ok {
				n++
			}
		}
		return n
	}
	for served() < len(queues) || own() < len(queues) {
		waitABit(t, ctx)
	}
}

func TestRunNeedsItsDeps(t *testing.T) {
	if err := worker.Run(context.Background(), nil, worker.Deps{}, worker.Options{}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("ended with %v", err)
	}
}

func TestOptions(t *testing.T) {
	o := worker.Options{Cores: 2}
	if s := o.Fit(); s.MaxConcurrentActivityExecutionSize != 8 || !s.DisableWorkflowWorker {
		t.Errorf("fits: %+v", s)
	}
	if s := o.Source("yahoo"); s.TaskQueueActivitiesPerSecond != 2 || !s.DisableWorkflowWorker {
		t.Errorf("yahoo: %v a second", s.TaskQueueActivitiesPerSecond)
	}
	if s := o.Source("file"); s.TaskQueueActivitiesPerSecond != 0 {
		t.Errorf("file: %v a second", s.TaskQueueActivitiesPerSecond)
	}
	if s := (worker.Options{SourceRates: map[string]float64{"yahoo": 0.5}}).Source("yahoo"); s.TaskQueueActivitiesPerSecond != 0.5 {
		t.Errorf("yahoo: %v a second", s.TaskQueueActivitiesPerSecond)
	}
	if s := o.Main(); s.DisableWorkflowWorker || s.WorkerStopTimeout <= 0 || s.TaskQueueActivitiesPerSecond != 0 {
		t.Errorf("main: %+v", s)
	}
}
