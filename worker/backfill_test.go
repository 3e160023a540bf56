package worker

import (
	"context"
	"sync/atomic"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/dispatch/dispatchtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// A backfill that is cancelled while it stores a window records the window. The SDK's test environment does not wait for an activity that
// is cancelled.
func TestCancelBackfillOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t)
	in := workflows.BackfillInput{ID: "0123456789abcdef0123456789abcdef", Exchange: etf.XNYS, What: "XNYS: one ETF"}
	var recorded atomic.Pointer[activities.AskedWindow]
	var ended atomic.Pointer[activities.FinishBackfillInput]
	main := sdkworker.New(c.SDK(), workflows.TaskQueue, sdkworker.Options{})
	source := sdkworker.New(c.SDK(), workflows.SourceTaskQueue("simulated"), sdkworker.Options{DisableWorkflowWorker: true})
	RegisterWorkflows(main)
	register := func(w sdkworker.Worker, name string, f any) {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	register(main, "PlanBackfill", func(context.Context, activities.BackfillInput) (activities.BackfillPlan, error) {
		return activities.BackfillPlan{Counts: etf.BackfillCounts{ETFs: 1, Sessions: 1000}}, nil
	})
	register(main, "PendingBackfill", func(context.Context, activities.PendingBackfillInput) (activities.PendingBackfillResult, error) {
		return activities.PendingBackfillResult{Symbols: []etf.Symbol{"SPY"}}, nil
	})
	register(main, "AdvanceBackfill", func(_ context.Context, in activities.AdvanceInput) (activities.AdvanceResult, error) {
		if in.Last != nil {
			recorded.Store(in.Last)
		}
		return activities.AdvanceResult{Source: etf.SourceRef{Name: "simulated"}, Window: etf.Window{From: 1, To: 2}}, nil
	})
	register(main, "Validate", func(context.Context, activities.ValidateInput) (activities.ValidateResult, error) {
		return activities.ValidateResult{}, nil
	})
	register(main, "Persist", func(ctx context.Context, _ activities.PersistInput) (activities.PersistResult, error) {
		return activities.PersistResult{Persisted: etf.Persisted{New: 100}, Settled: []string{"settled"}},
			c.SDK().CancelWorkflow(ctx, etf.BackfillWorkflowID(in.ID), "")
	})
	register(main, "FinishBackfill", func(_ context.Context, in activities.FinishBackfillInput) error {
		ended.Store(&in)
		return nil
	})
	register(source, "Fetch", func(context.Context, activities.FetchInput) (activities.FetchResult, error) {
		return activities.FetchResult{Fetch: "f", Rows: 100}, nil
	})
	for _, w := range []sdkworker.Worker{main, source} {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
	}
	run, err := c.SDK().ExecuteWorkflow(t.Context(), dispatch.BackfillOptions(in), workflows.BackfillWorkflow, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); !temporal.IsCanceledError(err) {
		t.Errorf("it ended with %v", err)
	}
	if end := ended.Load(); end == nil || end.Status != etf.RunCancelled {
		t.Errorf("finished %+v", end)
	}
	if w := recorded.Load(); w == nil || w.Stored.New != 100 {
		t.Errorf("recorded %+v", w)
	}
}
