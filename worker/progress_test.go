package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdktemporal "go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/dispatch/dispatchtest"
	"github.com/etfcast/etfcast/etf"
)

// attempts is an activity whose attempts send what the previous one reported to found, and then run a function from then.
type attempts struct {
	found chan string
	then  chan func(context.Context) error
}

func (a *attempts) Attempt(ctx context.Context) error {
	found := "nothing"
	if activity.HasHeartbeatDetails(ctx) {
		var n int
		if err := activity.GetHeartbeatDetails(ctx, &n); err != nil {
			return err
		}
		found = fmt.Sprint(n)
	}
	a.found <- found
	return (<-a.then)(ctx)
}

// mortal makes activities that can die: their context and their heartbeats end, and the server is not told.
type mortal struct {
	interceptor.WorkerInterceptorBase
}

func (m *mortal) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &mortalActivity{}
	i.Next = next
	return i
}

type mortalActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

// dieKey is the context key of the function that makes the attempt die.
type dieKey struct{}

func (a *mortalActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	ctx, die := context.WithCancel(ctx)
	defer die()
	return a.Next.ExecuteActivity(context.WithValue(ctx, dieKey{}, die), in)
}

func tryAttempts(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, HeartbeatTimeout: 2 * time.Second,
		RetryPolicy: &sdktemporal.RetryPolicy{InitialInterval: time.Millisecond, BackoffCoefficient: 1},
	})
	return workflow.ExecuteActivity(ctx, "Attempt").Get(ctx, nil)
}

// Progress reaches the next attempt, whether the attempt that reported it failed at once or much later, was stopped with
// its worker, or died; and the heartbeats of an attempt that has nothing to report don't erase it.
func TestProgressReachesTheNextAttemptOnAServer(t *testing.T) {
	c := dispatchtest.Connect(t).SDK()
	ctx := within(t)
	a := &attempts{found: make(chan string), then: make(chan func(context.Context) error)}
	serve := func() sdkworker.Worker {
		w := sdkworker.New(c, "progress", sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{&mortal{}, &activities.Interceptor{}}})
		w.RegisterWorkflowWithOptions(tryAttempts, workflow.RegisterOptions{Name: "TryAttempts"})
		w.RegisterActivity(a)
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := serve()
	over := make(chan struct{})
	defer func() { close(over); w.Stop() }()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "progress", TaskQueue: "progress"}, "TryAttempts")
	if err != nil {
		t.Fatal(err)
	}
	busy := &etf.Error{Kind: etf.KindUnavailable, Message: "busy"}
	// waitForHeartbeat waits until the server has a heartbeat from later than since.
	waitForHeartbeat := func(ctx context.Context, since time.Time) {
		for {
			described, err := c.DescribeWorkflowExecution(ctx, run.GetID(), run.GetRunID())
			if err != nil {
				t.Error(err)
				return
			}
			for _, p := range described.GetPendingActivities() {
				if p.GetLastHeartbeatTime().AsTime().After(since) {
					return
				}
			}
			select {
			case <-ctx.Done():
				t.Error("no heartbeat arrived")
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	for _, step := range []struct {
		name  string
		found string
		then  func(context.Context) error
	}{
		{"fails at once", "nothing", func(ctx context.Context) error {
			activities.Progress(ctx, 1)
			return busy
		}},
		{"panics", "1", func(ctx context.Context) error { // early, because an internal error is final from the third attempt on
			activities.Progress(ctx, 2)
			panic("boom")
		}},
		{"has nothing to report", "2", func(ctx context.Context) error {
			waitForHeartbeat(ctx, time.Now())
			return busy
		}},
		{"reports what the SDK keeps, and fails", "2", func(ctx context.Context) error {
			waitForHeartbeat(ctx, time.Now())
			activities.Progress(ctx, 3) // too soon after the heartbeat for the SDK to send it
			return busy
		}},
		{"is stopped with its worker", "3", func(ctx context.Context) error {
			activities.Progress(ctx, 4)
			<-ctx.Done()
			return ctx.Err()
		}},
		{"dies", "4", func(ctx context.Context) error {
			started := time.Now()
			activities.Progress(ctx, 5)
			waitForHeartbeat(ctx, started)
			ctx.Value(dieKey{}).(context.CancelFunc)()
			<-over // the activity does not return either
			return nil
		}},
		{"succeeds", "5", func(context.Context) error { return nil }},
	} {
		select {
		case found := <-a.found:
			if found != step.found {
				t.Errorf("the attempt that %s found %s, want %s", step.name, found, step.found)
			}
			a.then <- step.then
		case <-ctx.Done():
			t.Fatalf("no attempt that %s", step.name)
		}
		if step.name == "is stopped with its worker" {
			w.Stop()
			w = serve()
		}
	}
	if err := run.Get(ctx, nil); err != nil {
		t.Fatal(err)
	}
}
