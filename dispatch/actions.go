package dispatch

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// DecideAction sends a decision to the workflow of a corporate action, which is started if it is not running. Once this returns
// nil, the decision is kept: a worker applies it sooner or later.
func (c *Client) DecideAction(ctx context.Context, in workflows.DecideActionInput, d etf.ActionDecision) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	options := ActionOptions(in)
	_, err := c.sdk.SignalWithStartWorkflow(ctx, options.ID, workflows.DecideActionSignal, d, options, workflows.DecideActionWorkflow, in)
	return temporalError(ctx, err, "send a decision to "+options.ID)
}

// ActionOptions returns the options to start workflows.DecideActionWorkflow with; in is its only argument. A later decision on
// the same action starts it again.
func ActionOptions(in workflows.DecideActionInput) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                    workflows.ActionID(in.Action),
		TaskQueue:             workflows.TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         in.Summary(),
		StaticDetails:         in.Details(),
		TypedSearchAttributes: in.SearchAttributes(),
	}
}
