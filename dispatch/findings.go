package dispatch

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// decideTimeout limits the wait for a worker to apply a decision.
const decideTimeout = 30 * time.Second

// Decide sends a decision to the workflow that waits for it and returns the decided finding. KindNotFound if no workflow
// is waiting, KindConflict if a different decision was made before, KindUnavailable if no worker has applied it in time:
// a repeat is safe.
func (c *Client) Decide(ctx context.Context, finding string, d workflows.Decision) (etf.Finding, error) {
	return decided(ctx, func(ctx context.Context) (client.WorkflowUpdateHandle, error) {
		return c.sdk.UpdateWorkflow(ctx, decideOptions(finding, d))
	})
}

// StartAndDecide starts the workflow of a finding that has none waiting and sends it the decision, in one call. If one is
// waiting after all, it gets the decision.
func (c *Client) StartAndDecide(ctx context.Context, in workflows.ResolveFindingInput, d workflows.Decision) (etf.Finding, error) {
	return decided(ctx, func(ctx context.Context) (client.WorkflowUpdateHandle, error) {
		return c.sdk.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.sdk.NewWithStartWorkflowOperation(FindingOptions(in), workflows.ResolveFindingWorkflow, in),
			UpdateOptions:          decideOptions(in.Finding, d),
		})
	})
}

func decideOptions(finding string, d workflows.Decision) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID: workflows.FindingID(finding), UpdateName: workflows.DecideUpdate,
		WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{d},
	}
}

func decided(ctx context.Context, update func(context.Context) (client.WorkflowUpdateHandle, error)) (etf.Finding, error) {
	within, stop := context.WithTimeout(ctx, decideTimeout)
	defer stop()
	var finding etf.Finding
	handle, err := update(within)
	if err == nil {
		err = handle.Get(within, &finding)
	}
	switch updateErr := workflows.ErrorOf(err); {
	case err == nil:
		return finding, nil
	case updateErr != nil:
		return etf.Finding{}, updateErr
	case ctx.Err() == nil && within.Err() != nil:
		return etf.Finding{}, &etf.Error{Kind: etf.KindUnavailable, Field: "finding", Message: "no worker has applied the decision in time",
			Remedy: "run `etfcast doctor`, then decide again: a repeat changes nothing", Err: err}
	}
	return etf.Finding{}, temporalError(within, err, "send a decision")
}
