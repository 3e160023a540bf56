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

// Retry calls do until it succeeds, with pauses growing from 0.25 s to 5 s, so that processes may start in any order. It
// gives up when ctx ends, returning ctx's error, and when do returns an error that waiting can't cure (any but
// KindUnavailable and KindRateLimited), returning that. report, which may be nil, is called with each new error, which is
// also logged, and with nil at the end.
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

// Within limits the duration of each call of do, so that Retry also retries if a server accepts a connection but never
// responds.
func Within(limit time.Duration, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return do(ctx)
	}
}
