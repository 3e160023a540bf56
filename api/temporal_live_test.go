package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
	"github.com/etfcast/etfcast/worker"
	"github.com/etfcast/etfcast/workflows"
)

// liveTemporal connects to the server at TEMPORAL_ADDRESS in a namespace of the test's own, so that no other
// test's worker takes up what is started here.
func liveTemporal(t *testing.T) client.Client {
	t.Helper()
	address := testenv.Temporal.Value(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	log := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	var b [4]byte
	_, _ = rand.Read(b[:])
	namespace := "api-" + hex.EncodeToString(b[:])
	registrar, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	defer registrar.Close()
	err = registrar.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Namespace: namespace, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := worker.EnsureSearchAttributes(ctx, c, namespace, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	// The server's own copy of the namespaces follows within seconds.
	eventually(t, "the namespace can be used", func() bool {
		_, err := NewTemporal(c).StartDaily(ctx, workflows.DailyInput{Exchange: etf.XKRX, Session: etf.MustSession("2020-01-02"), Attempt: 1}, true)
		return err == nil
	})
	return c
}

// eventually waits for a condition, a minute at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(20 * time.Millisecond) // between two looks at the condition
	}
}

func wantExecution(t *testing.T, temporal Temporal, id string, status etf.RunStatus) Execution {
	t.Helper()
	var x Execution
	eventually(t, id+" is "+string(status), func() bool {
		var err error
		if x, err = temporal.Execution(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return x.Status == status
	})
	return x
}

func TestTemporalAdapter(t *testing.T) {
	c := liveTemporal(t)
	temporal := NewTemporal(c)
	ctx := t.Context()
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Symbols: []etf.Symbol{"QQQ", "SPY"}, Attempt: 1}
	id := in.Run().WorkflowID()
	start := func(again, want bool) {
		t.Helper()
		started, err := temporal.StartDaily(ctx, in, again)
		if err != nil || started != want {
			t.Fatalf("started %v, %v; want %v", started, err, want)
		}
	}

	if _, err := temporal.Execution(ctx, id); etf.KindOf(err) != etf.KindNotFound {
		t.Fatalf("an unknown run: %v", err)
	}
	if err := temporal.Cancel(ctx, id); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("cancelling an unknown run: %v", err)
	}
	start(true, true)
	start(true, false)
	start(false, false)
	x := wantExecution(t, temporal, id, etf.RunRunning)
	if !slices.Equal(x.Symbols, in.Symbols) || x.StartedAt.IsZero() || !x.FinishedAt.IsZero() {
		t.Errorf("execution %+v", x)
	}
	if n, err := temporal.Pollers(ctx, workflows.TaskQueue); err != nil || n != 0 {
		t.Errorf("%d pollers, %v", n, err)
	}
	began := time.Now()
	_, err := temporal.DailyStatus(ctx, id)
	if etf.KindOf(err) != etf.KindUnavailable || time.Since(began) > callTimeout+time.Second {
		t.Errorf("status without a worker after %v: %v", time.Since(began), err)
	}

	// Terminated: started again, but not as a new attempt of the same ID.
	if err := c.TerminateWorkflow(ctx, id, "", "test"); err != nil {
		t.Fatal(err)
	}
	if x := wantExecution(t, temporal, id, etf.RunTerminated); x.FinishedAt.IsZero() {
		t.Errorf("execution %+v", x)
	}
	start(false, false)
	start(true, true)

	// A worker that plays Daily: it answers the query, waits, and ends as it is told.
	w := sdkworker.New(c, workflows.TaskQueue, sdkworker.Options{})
	play := func(ctx workflow.Context, in workflows.DailyInput) error {
		err := workflow.SetQueryHandler(ctx, workflows.StatusQuery, func() (workflows.DailyStatus, error) {
			return workflows.DailyStatus{Run: etf.Run{ID: in.Run(), Counts: etf.RunCounts{Due: 7}}}, nil
		})
		if err != nil {
			return err
		}
		how := ""
		selector := workflow.NewSelector(ctx)
		selector.AddReceive(workflow.GetSignalChannel(ctx, "end"), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &how) })
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		selector.Select(ctx)
		if how == "fail" {
			return etf.Invalid("test", "told to fail", "")
		}
		return ctx.Err()
	}
	w.RegisterWorkflowWithOptions(play, workflow.RegisterOptions{Name: workflows.DailyWorkflow})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	eventually(t, "the worker answers", func() bool {
		status, err := temporal.DailyStatus(ctx, id)
		return err == nil && status.Run.Counts.Due == 7 && status.Run.ID == in.Run()
	})
	if n, err := temporal.Pollers(ctx, workflows.TaskQueue); err != nil || n != 1 {
		t.Errorf("%d pollers, %v", n, err)
	}
	for range 2 {
		if err := temporal.Cancel(ctx, id); err != nil && etf.KindOf(err) != etf.KindNotFound {
			t.Fatal(err)
		}
	}
	wantExecution(t, temporal, id, etf.RunCancelled)
	start(true, true)
	if err := c.SignalWorkflow(ctx, id, "", "end", "fail"); err != nil {
		t.Fatal(err)
	}
	if x := wantExecution(t, temporal, id, etf.RunFailed); x.Failure == "" {
		t.Error("no word of why it failed")
	}
	start(true, true)
	if err := c.SignalWorkflow(ctx, id, "", "end", "well"); err != nil {
		t.Fatal(err)
	}
	wantExecution(t, temporal, id, etf.RunCompleted)
	start(true, false) // a completed run stands
	in.Attempt = 2
	start(false, true)
}

func TestTemporalSchedules(t *testing.T) {
	t.Parallel()
	c := liveTemporal(t)
	ctx := t.Context()
	service := NewService(ServiceDeps{Store: newFakeStore(), Temporal: NewTemporal(c)})
	if _, err := service.PauseSchedule(ctx, "daily-XNYS", "a test"); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("pausing what is not there: %v", err)
	}
	if all, err := service.Schedules(ctx); err != nil || len(all) != 0 {
		t.Errorf("schedules %v, %v", all, err)
	}
	one, created, err := service.ApplySchedule(ctx, etf.XNYS)
	if err != nil || !created || one.TimeZone != "America/New_York" || one.Fires == "" || len(one.Next) != maxFirings {
		t.Fatalf("%+v, created %v, %v", one, created, err)
	}
	if one, err = service.PauseSchedule(ctx, one.ID, "a test"); err != nil || !one.Paused || one.Note != "paused by a test" || len(one.Next) != 0 {
		t.Errorf("paused: %+v, %v", one, err)
	}
	// Applying again leaves it paused.
	if one, created, err = service.ApplySchedule(ctx, etf.XNYS); err != nil || created || !one.Paused {
		t.Errorf("applied again: %+v, created %v, %v", one, created, err)
	}
	if one, err = service.ResumeSchedule(ctx, one.ID, "a test"); err != nil || one.Paused {
		t.Errorf("resumed: %+v, %v", one, err)
	}
	if _, err = service.TriggerSchedule(ctx, one.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the firing is recorded", func() bool {
		all, err := service.Schedules(ctx)
		return err == nil && len(all) == 1 && len(all[0].Recent) == 1 && all[0].Recent[0].WorkflowID != ""
	})
}

// Two requests at once, and a third much later, through HTTP and a real server: one run.
func TestIdentityOnARealServer(t *testing.T) {
	t.Parallel()
	c := liveTemporal(t)
	store := newFakeStore()
	service := NewService(ServiceDeps{Store: store, Temporal: NewTemporal(c), Now: func() time.Time { return testNow }})
	handler, err := New(Deps{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.store = store
	f.server.Close()
	f.server = httptest.NewServer(handler)
	t.Cleanup(f.server.Close)

	locations := make([]string, 8)
	atOnce(len(locations), func(i int) {
		locations[i] = f.post("/v1/runs", friday).want(t, http.StatusAccepted).header.Get("Location")
	})
	if got := slices.Compact(locations); len(got) != 1 {
		t.Errorf("locations %v", got)
	}
	first, err := c.DescribeWorkflowExecution(t.Context(), "daily/XNYS/2025-09-26", "")
	if err != nil {
		t.Fatal(err)
	}
	rerun := `{"workflow":"daily","exchange":"XNYS","session":"2025-09-26","rerun":true}`
	reruns := make([]string, 4)
	atOnce(len(reruns), func(i int) { reruns[i] = f.post("/v1/runs", rerun).want(t, http.StatusAccepted).header.Get("Location") })
	slices.Sort(reruns)
	if want := []string{locations[0] + ":rerun-2", locations[0] + ":rerun-3", locations[0] + ":rerun-4", locations[0] + ":rerun-5"}; !slices.Equal(reruns, want) {
		t.Errorf("re-runs %v", reruns)
	}
	f.post("/v1/runs", friday).want(t, http.StatusAccepted)
	last, err := c.DescribeWorkflowExecution(t.Context(), "daily/XNYS/2025-09-26", "")
	if err != nil || last.GetWorkflowExecutionInfo().GetExecution().GetRunId() != first.GetWorkflowExecutionInfo().GetExecution().GetRunId() {
		t.Errorf("the run was started again: %v", err)
	}
}

// A server that comes up later, or goes away, is KindUnavailable within the time of one call.
func TestTemporalOutOfReach(t *testing.T) {
	t.Parallel()
	c, err := client.NewLazyClient(client.Options{
		HostPort: "127.0.0.1:1", Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	temporal := NewTemporal(c)
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	for name, call := range map[string]func() error{
		"start": func() error {
			_, err := temporal.StartDaily(ctx, workflows.DailyInput{Exchange: etf.XNYS}, true)
			return err
		},
		"describe": func() error { _, err := temporal.Execution(ctx, "x"); return err },
		"query":    func() error { _, err := temporal.DailyStatus(ctx, "x"); return err },
		"cancel":   func() error { return temporal.Cancel(ctx, "x") },
		"pollers":  func() error { _, err := temporal.Pollers(ctx, "x"); return err },
		"check":    func() error { return temporal.Check(ctx) },
		"schedule": func() error { _, err := temporal.Schedule(ctx, "x"); return err },
		"pause":    func() error { return temporal.PauseSchedule(ctx, "x", "") },
		"resume":   func() error { return temporal.ResumeSchedule(ctx, "x", "") },
		"trigger":  func() error { return temporal.TriggerSchedule(ctx, "x") },
		"apply":    func() error { _, err := temporal.ApplySchedule(ctx, etf.XNYS); return err },
	} {
		if err := call(); etf.KindOf(err) != etf.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
