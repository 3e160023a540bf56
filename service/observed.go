package service

import (
	"context"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// observed is what Temporal knows of a workflow that is recorded as running.
type observed struct {
	status     etf.RunStatus
	failure    string    // why it has ended, or what an activity of it that is tried again last failed with
	ended      bool      // Temporal knows its end
	finishedAt time.Time // zero unless it has ended
}

// startGrace is how long the record may be ahead of Temporal when a workflow is started.
const startGrace = 30 * time.Second

// observe looks up a workflow that is recorded as running since the given instant. One that Temporal does not know any more, or whose
// execution is an earlier one, counts as terminated after startGrace.
func (s *Service) observe(ctx context.Context, workflowID string, since time.Time) (observed, error) {
	x, err := s.temporal.Execution(ctx, workflowID)
	var lost string
	switch {
	case err != nil && etf.KindOf(err) == etf.KindNotFound:
		lost = "recorded as running, but Temporal does not know it any more: start it again"
	case err != nil:
		return observed{}, err
	case x.Status == etf.RunRunning:
		o := observed{status: x.Status}
		for _, p := range x.Pending {
			if p.Failure != "" {
				o.failure = etf.Clip(fmt.Sprintf("%s, attempt %d: %s", p.Type, p.Attempt, p.Failure), maxWhat*2)
				break
			}
		}
		return o, nil
	case x.StartedAt.Add(time.Minute).Before(since):
		// An earlier execution: the new one is being started, or could not be.
		lost = "recorded as running, but its workflow was not started: start it again"
	default:
		return observed{status: x.Status, failure: x.Failure, ended: true, finishedAt: x.FinishedAt}, nil
	}
	if s.now().Sub(since) > startGrace {
		return observed{status: etf.RunTerminated, failure: lost}, nil
	}
	return observed{status: etf.RunRunning}, nil
}

// closingGrace is how long an execution that has recorded its end may take to close, and closingLook how often that is looked at.
const (
	closingGrace = 5 * time.Second
	closingLook  = 50 * time.Millisecond
)

// startRecorded starts the workflow of something that is recorded as running since an instant. With fresh, it has just been recorded: the execution
// before it has recorded its end, but may not have closed, which is waited for, or the record would be left without a workflow. One that began
// later is another request's.
func (s *Service) startRecorded(ctx context.Context, fresh bool, workflowID string, since time.Time, start func() (bool, error)) (began bool, err error) {
	if !fresh {
		return start()
	}
	limit := time.NewTimer(closingGrace)
	defer limit.Stop()
	look := time.NewTicker(closingLook)
	defer look.Stop()
	for {
		if began, err = start(); began || err != nil {
			return began, err
		}
		x, err := s.temporal.Execution(ctx, workflowID)
		if err != nil && etf.KindOf(err) != etf.KindNotFound || x.Status == etf.RunRunning && !x.StartedAt.Before(since) {
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, etf.Wrap(etf.KindUnavailable, ctx.Err(), "waiting until the earlier execution of "+workflowID+" has closed")
		case <-limit.C:
			return false, nil
		case <-look.C:
		}
	}
}

// apply puts what was observed in the place of what is recorded. While the workflow runs, what is recorded of failures stands.
func (o observed) apply(status *etf.RunStatus, finishedAt *time.Time, failure *string) {
	if o.status != etf.RunRunning || *failure == "" {
		*failure = o.failure
	}
	*status = o.status
	if o.ended {
		*finishedAt = o.finishedAt
	}
}
