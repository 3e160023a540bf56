package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdktemporal "go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/dispatch/dispatchtest"
	"github.com/etfcast/etfcast/etf"
)

// scripted is a source whose requests end as the script says, one step each: "refuse", "die" (the worker is killed) or
// "down" (the source is down, and so is the database at the next two attempts).
type scripted struct {
	store  *memory
	script []string
	asked  atomic.Int32
	over   chan struct{}
}

func (*scripted) Name() string { return "scripted" }

func (s *scripted) Fetch(ctx context.Context, _ etf.Query) (etf.Response, error) {
	step := s.script[s.asked.Add(1)-1]
	switch step {
	case "die":
		ctx.Value(dieKey{}).(context.CancelFunc)()
		<-s.over
	case "down":
		s.store.setDown(true)
		time.AfterFunc(4*time.Second, func() { s.store.setDown(false) }) // the source gets its next attempt after 2 s
	}
	return etf.Response{}, &etf.Error{Kind: etf.KindUnavailable, Message: "503"}
}

func fetchOnce(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 2 * time.Minute, HeartbeatTimeout: 2 * time.Second,
		RetryPolicy: &sdktemporal.RetryPolicy{InitialInterval: time.Millisecond, BackoffCoefficient: 1},
	})
	return workflow.ExecuteActivity(ctx, "Fetch", activities.FetchInput{
		Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Session: etf.MustSession("2025-09-26"), Ref: "SPY",
	}).Get(ctx, nil)
}

// A source is given up after as many refusals as it is allowed, whatever happened between them: neither attempts lost to
// the database nor a killed worker use them up, and neither makes the count forget one.
func TestRefusalsAreCountedOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t).SDK()
	ctx := within(t)
	source := &scripted{store: newMemory("SPY"), script: []string{"down", "die", "refuse", "refuse", "refuse", "refuse"}, over: make(chan struct{})}
	w := sdkworker.New(c, "refusals", sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{&mortal{}, &activities.Interceptor{}}})
	w.RegisterWorkflowWithOptions(fetchOnce, workflow.RegisterOptions{Name: "FetchOnce"})
	w.RegisterActivity(&activities.Fetching{Store: source.store, Source: source, Now: time.Now})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { close(source.over); w.Stop() }()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "refusals", TaskQueue: "refusals"}, "FetchOnce")
	if err != nil {
		t.Fatal(err)
	}
	err = run.Get(ctx, nil)
	var app *sdktemporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != activities.TypeSourceUnavailable {
		t.Fatalf("ended with %v", err)
	}
	// The request during which the worker died is not among the refusals.
	if want := activities.SourceAttempts + 1; int(source.asked.Load()) != want {
		t.Errorf("the source was asked %d times, want %d", source.asked.Load(), want)
	}
	var detail activities.ErrorDetail
	if err := app.Details(&detail); err != nil || int(detail.Attempt) < int(source.asked.Load())+2 {
		t.Errorf("%d attempts, %v: the database lost none of them", detail.Attempt, err)
	}
}
