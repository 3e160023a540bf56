package dispatch

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// acceptTimeout limits the wait until a worker has taken a decision into the history of its workflow.
const acceptTimeout = 20 * time.Second

// Decide sends a decision to the workflow that waits for it, waits up to `wait` until it is applied, and returns the decided
// finding. applied is false if the workflow has the decision and will apply it. KindNotFound if no workflow is waiting,
// KindConflict if a different decision was made before, KindUnavailable if no worker has taken it in time: a repeat is safe.
func (c *Client) Decide(ctx context.Context, finding string, d workflows.Decision, wait time.Duration) (f etf.Finding, applied bool, err error) {
	return decided(ctx, wait, func(ctx context.Context) (client.WorkflowUpdateHandle, error) {
		return c.sdk.UpdateWorkflow(ctx, decideOptions(finding, d))
	})
}

// StartAndDecide starts the workflow of a finding that has none waiting and sends it the decision, in one call. If one is
// waiting after all, it gets the decision.
func (c *Client) StartAndDecide(ctx context.Context, in workflows.ResolveFindingInput, d workflows.Decision, wait time.Duration) (f etf.Finding, applied bool, err error) {
	return decided(ctx, wait, func(ctx context.Context) (client.WorkflowUpdateHandle, error) {
		return c.sdk.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.sdk.NewWithStartWorkflowOperation(FindingOptions(in), workflows.ResolveFindingWorkflow, in),
			UpdateOptions:          decideOptions(in.Finding, d),
		})
	})
}

func decideOptions(finding string, d workflows.Decision) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID: workflows.FindingID(finding), UpdateName: workflows.DecideUpdate,
		WaitForStage: client.WorkflowUpdateStageAccepted, Args: []any{d},
	}
}

func decided(ctx context.Context, wait time.Duration, update func(context.Context) (client.WorkflowUpdateHandle, error)) (finding etf.Finding, applied bool, err error) {
	began := time.Now()
	within, stop := context.WithTimeout(ctx, max(wait, acceptTimeout))
	defer stop()
	handle, err := update(within)
	taken := err == nil
	waiting := within
	if taken {
		var stopWaiting context.CancelFunc
		waiting, stopWaiting = context.WithTimeout(within, max(wait-time.Since(began), time.Millisecond))
		defer stopWaiting()
		err = handle.Get(waiting, &finding)
	}
	switch updateErr := workflows.ErrorOf(err); {
	case err == nil:
		return finding, true, nil
	case updateErr != nil:
		return etf.Finding{}, false, updateErr
	case taken && ctx.Err() == nil && waiting.Err() != nil:
		return etf.Finding{}, false, nil
	case ctx.Err() == nil && within.Err() != nil:
		return etf.Finding{}, false, &etf.Error{Kind: etf.KindUnavailable, Field: "finding", Message: "no worker has taken the decision in time",
			Remedy: "run `etfcast doctor`, then decide again: a repeat changes nothing", Err: err}
	}
	return etf.Finding{}, false, temporalError(within, err, "send a decision")
}
