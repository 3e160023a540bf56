package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// startLimit is how long a server may take to become ready. It usually takes about a second, but longer on a machine that
// is busy with a build, or with a large folder after a kill.
const startLimit = 2 * time.Minute

// until calls probe until it returns nil. If startLimit passes or ctx ends first, the error contains the probe's last one.
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
			return errors.Join(context.Cause(ctx), fmt.Errorf("last attempt: %w", err))
		case <-timer.C:
		}
	}
}
