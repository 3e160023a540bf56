// Package retry waits for servers that are not up yet, so that processes can start in any order. It knows no particular
// server: the caller passes the call to repeat, and the kind of its error says whether waiting helps.
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

// Limit is for calls without a timeout of their own: a server may accept a connection and never respond.
const Limit = 10 * time.Second

// Until calls do until it succeeds, with pauses growing from 0.25 s to 5 s. limit is the timeout of each attempt; 0 = none.
// It returns ctx's error when ctx ends, and do's error if waiting can't help: any kind but KindUnavailable and
// KindRateLimited. It logs each new reason for waiting.
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
