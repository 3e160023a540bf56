package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeatEvery is a third of the heartbeat timeouts in workflows/policy.go: two may be lost. An activity that
// is done before the first one costs nothing.
const heartbeatEvery = 10 * time.Second

// keepAlive heartbeats until stop is called, for work that has no steps of its own to report. The heartbeat is also
// how the activity's context learns of a cancellation.
func keepAlive(ctx context.Context) (stop func()) {
	return beat(ctx, func() any { return nil })
}

// beat is keepAlive for work that can say how far it is. progress is called from another goroutine.
func beat(ctx context.Context, progress func() any) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(heartbeatEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx, progress())
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
