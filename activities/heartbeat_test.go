package activities

import (
	"context"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
)

func TestBeatReportsProgressUntilStopped(t *testing.T) {
	t.Parallel()
	told := make(chan int32, 1)
	probe := func(ctx context.Context) error {
		var calls atomic.Int32
		third := make(chan struct{})
		stop := beat(ctx, time.Millisecond, func() any {
			n := calls.Add(1)
			if n == 3 {
				close(third)
			}
			return n
		})
		<-third
		stop()
		stop() // harmless
		return nil
	}
	env := newEnv(t)
	env.RegisterActivity(probe)
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var n int32
		if err := details.Get(&n); err != nil {
			t.Error(err)
		}
		select {
		case told <- n:
		default: // the SDK passes on what is needed, not every beat
		}
	})
	if _, err := env.ExecuteActivity(probe); err != nil {
		t.Fatal(err)
	}
	if n := <-told; n != 1 {
		t.Errorf("the first heartbeat carries %d", n)
	}
}

// Workflows call activities by their methods' names, and the names are in histories.
func TestWireNames(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range []any{&Fetching{}, &Validating{}, &Persisting{}, &Forecasting{}, &Deciding{}, &Recording{}, &Planning{}} {
		for m := range reflect.TypeOf(s).Methods() {
			got = append(got, m.Name)
		}
	}
	want := []string{"Fetch", "Validate", "Persist", "Forecast", "Decide", "BeginRun", "FinishRun", "RecordOutcomes", "AwaitRun", "DueETFs", "SessionsDue"}
	if !slices.Equal(got, want) {
		t.Errorf("the activities are %v, want %v", got, want)
	}
}
