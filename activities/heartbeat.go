package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeatEvery is a quarter of the heartbeat timeout in workflows/policy.go; the SDK passes on what is needed to keep
// within it. An activity that is done before the first one costs nothing, as nearly all are. Every activity beats, also
// those that only talk to the database: that is how a killed worker's activities are missed within seconds instead of
// after their whole allowance.
const heartbeatEvery = 5 * time.Second

// keepAlive heartbeats until stop is called, for work that has no steps of its own to report. The heartbeat is also
// how the activity's context learns of a cancellation.
func keepAlive(ctx context.Context) (stop func()) {
	return beat(ctx, heartbeatEvery, func() any { return nil })
}

// beat is keepAlive for work that can say how far it is. progress is called from another goroutine.
func beat(ctx context.Context, every time.Duration, progress func() any) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
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
