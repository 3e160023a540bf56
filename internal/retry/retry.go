// Package retry waits for servers that are not up yet, so that the order in which processes start does not matter. It
// refuses to know which servers: callers say what they try, and errors of the kinds of package etf say whether waiting helps.
package retry

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

// Limit bounds one attempt where nothing else does: a server that accepts a connection and says nothing is tried again.
const Limit = 10 * time.Second

// Until calls do until it succeeds, with pauses growing from 0.25 s to 5 s. Each attempt may take the given limit; 0 is
// none. It gives up when ctx ends, with ctx's error, and when do's error is one that waiting does not mend (any but
// KindUnavailable and KindRateLimited), with that. The log is told of each new reason to wait.
func Until(ctx context.Context, log *slog.Logger, limit time.Duration, do func(context.Context) error) error {
	pause, last := firstPause, ""
	for {
		err := attempt(ctx, limit, do)
		if err == nil {
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
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*2, longestPause)
	}
}

func attempt(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	if limit <= 0 {
		return do(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}
