package dispatch_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/dispatch/dispatchtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// eventually waits for a condition, for up to a minute.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(20 * time.Millisecond) // between two checks of the condition
	}
}

func wantExecution(t *testing.T, temporal *dispatch.Client, id string, status etf.RunStatus) etf.Execution {
	t.Helper()
	var x etf.Execution
	eventually(t, id+" is "+string(status), func() bool {
		var err error
		if x, err = temporal.Execution(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return x.Status == status
	})
	return x
}

func TestRunsOnAServer(t *testing.T) {
	temporal := dispatchtest.Connect(t)
	c := temporal.SDK()
	ctx := t.Context()
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Symbols: []etf.Symbol{"QQQ", "SPY"}, Attempt: 1}
	id := in.Run().WorkflowID()
	start := func(restart, want bool) {
		t.Helper()
		started, err := temporal.StartDaily(ctx, in, restart)
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
	if served, err := temporal.Served(ctx, workflows.TaskQueue); err != nil || served {
		t.Errorf("served %t, %v", served, err)
	}
	began := time.Now()
	_, err := temporal.DailyStatus(ctx, id)
	if etf.KindOf(err) != etf.KindUnavailable || time.Since(began) > 5*time.Second {
		t.Errorf("status without a worker after %v: %v", time.Since(began), err)
	}

	// A terminated run is started again only with restart.
	if err := c.TerminateWorkflow(ctx, id, "", "test"); err != nil {
		t.Fatal(err)
	}
	if x := wantExecution(t, temporal, id, etf.RunTerminated); x.FinishedAt.IsZero() {
		t.Errorf("execution %+v", x)
	}
	start(false, false)
	start(true, true)

	// A worker with a stand-in for Daily: it handles the query, waits for a signal, and ends as the signal says.
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
	eventually(t, "the worker handles the query", func() bool {
		status, err := temporal.DailyStatus(ctx, id)
		return err == nil && status.Run.Counts.Due == 7 && status.Run.ID == in.Run()
	})
	eventually(t, "the queue is served", func() bool {
		served, err := temporal.Served(ctx, workflows.TaskQueue)
		return err == nil && served
	})
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
		t.Error("the reason for the failure is missing")
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

func TestSchedulesOnAServer(t *testing.T) {
	temporal := dispatchtest.Connect(t)
	ctx := t.Context()
	const id = "daily-XNYS"
	state := func() etf.Schedule {
		t.Helper()
		one, err := temporal.Schedule(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	for name, act := range map[string]func() error{
		"describing": func() error { _, err := temporal.Schedule(ctx, id); return err },
		"pausing":    func() error { return temporal.PauseSchedule(ctx, id, "") },
	} {
		if err := act(); etf.KindOf(err) != etf.KindNotFound {
			t.Errorf("%s a schedule that does not exist: %v", name, err)
		}
	}
	created, err := temporal.ApplySchedule(ctx, etf.XNYS, 0)
	if one := state(); err != nil || !created || one.Exchange != etf.XNYS || one.TimeZone != "America/New_York" || one.Fires == "" || len(one.Next) == 0 ||
		one.CatchUpSeconds != 7*24*60*60 { // a week (ScheduleOptions)
		t.Fatalf("%+v, created %v, %v", one, created, err)
	}
	if err := temporal.PauseSchedule(ctx, id, "by a test"); err != nil {
		t.Fatal(err)
	}
	if one := state(); !one.Paused || one.Note != "by a test" || len(one.Next) != 0 {
		t.Errorf("paused: %+v", one)
	}
	// Applying again leaves it paused.
	created, err = temporal.ApplySchedule(ctx, etf.XNYS, 0)
	if one := state(); err != nil || created || !one.Paused {
		t.Errorf("applied again: %+v, created %v, %v", one, created, err)
	}
	if err := temporal.ResumeSchedule(ctx, id, "by a test"); err != nil {
		t.Fatal(err)
	}
	if one := state(); one.Paused {
		t.Errorf("resumed: %+v", one)
	}
	if err := temporal.TriggerSchedule(ctx, id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the firing is recorded", func() bool {
		recent := state().Recent
		return len(recent) == 1 && recent[0].WorkflowID != ""
	})
}

// A server that is not up yet, or has gone down, is KindUnavailable within the timeout of one call.
func TestOutOfReach(t *testing.T) {
	temporal, err := dispatch.New(client.Options{HostPort: "127.0.0.1:1"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer temporal.Close()
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
		"served":   func() error { _, err := temporal.Served(ctx, "x"); return err },
		"decide":   func() error { _, _, err := temporal.Decide(ctx, "x", workflows.Decision{}, time.Second); return err },
		"check":    func() error { return temporal.Check(ctx) },
		"schedule": func() error { _, err := temporal.Schedule(ctx, "x"); return err },
		"pause":    func() error { return temporal.PauseSchedule(ctx, "x", "") },
		"resume":   func() error { return temporal.ResumeSchedule(ctx, "x", "") },
		"trigger":  func() error { return temporal.TriggerSchedule(ctx, "x") },
		"apply":    func() error { _, err := temporal.ApplySchedule(ctx, etf.XNYS, 0); return err },
	} {
		if err := call(); etf.KindOf(err) != etf.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
