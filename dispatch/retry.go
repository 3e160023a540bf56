package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
)

// Retry calls do until it succeeds, with pauses growing from 0.25 s to 5 s: the order in which processes start does not
// matter. It gives up when ctx ends, with ctx's error, and when do's error is one that waiting does not mend (any but
// KindUnavailable and KindRateLimited), with that. report, which may be nil, is told of each new reason, and nil at the
// end; the log is told too.
func Retry(ctx context.Context, log *slog.Logger, report func(error), do func(context.Context) error) error {
	if report == nil {
		report = func(error) {}
	}
	pause, last := firstPause, ""
	for {
		err := do(ctx)
		if err == nil {
			report(nil)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if kind := etf.KindOf(err); kind != etf.KindUnavailable && kind != etf.KindRateLimited {
			return err
		}
		if err.Error() != last {
			last = err.Error()
			log.Info("waiting", "for", last)
			report(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*2, longestPause)
	}
}

// Within bounds each call of do, for Retry: a server that accepts a connection and says nothing is tried again.
func Within(limit time.Duration, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return do(ctx)
	}
}
