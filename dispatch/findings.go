package dispatch

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// decideTimeout bounds the wait for a worker to apply a decision.
const decideTimeout = 30 * time.Second

// Decide hands a decision to the workflow that waits for it and returns the decided finding. KindNotFound when no workflow
// waits, KindConflict when another decision was made before, KindUnavailable when no worker has applied it in time: a
// repeat changes nothing.
func (c *Client) Decide(ctx context.Context, finding string, d workflows.Decision) (etf.Finding, error) {
	return decided(ctx, func(ctx context.Context) (client.WorkflowUpdateHandle, error) {
		return c.sdk.UpdateWorkflow(ctx, decideOptions(finding, d))
	})
}

// StartAndDecide starts the workflow of a finding that waits nowhere and hands it the decision, in one call. One that
// waits after all gets the decision.
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

func decided(ctx context.Context, ask func(context.Context) (client.WorkflowUpdateHandle, error)) (etf.Finding, error) {
	within, stop := context.WithTimeout(ctx, decideTimeout)
	defer stop()
	var finding etf.Finding
	handle, err := ask(within)
	if err == nil {
		err = handle.Get(within, &finding)
	}
	var notFound *serviceerror.NotFound
	switch refused := workflows.ErrorOf(err); {
	case err == nil:
		return finding, nil
	case refused != nil:
		return etf.Finding{}, refused
	case errors.As(err, &notFound):
		return etf.Finding{}, temporalError(within, err, "hand over a decision")
	case ctx.Err() == nil && within.Err() != nil:
		return etf.Finding{}, &etf.Error{Kind: etf.KindUnavailable, Field: "finding", Message: "no worker has applied the decision in time",
			Remedy: "see `etfcast doctor`, then decide again: a repeat changes nothing", Err: err}
	}
	return etf.Finding{}, temporalError(within, err, "hand over a decision")
}
