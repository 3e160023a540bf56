package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// startLimit is how long a server may take to answer. It takes about a second; a machine busy with a build, or a large
// folder after a kill, needs more.
const startLimit = 2 * time.Minute

// until calls probe until it returns nil. Its error is the probe's last one, when time ran out or ctx ended.
func until(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	const pause = 10 * time.Millisecond
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		attempt, done := context.WithTimeout(ctx, 5*time.Second)
		err := probe(attempt)
		done()
		if err == nil {
			return nil
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), fmt.Errorf("last answer: %w", err))
		case <-timer.C:
		}
	}
}
