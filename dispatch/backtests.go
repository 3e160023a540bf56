package dispatch

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// StartBacktest starts the workflow of a backtest. One that is running or completed stands (started is false); one that failed, was cancelled or
// was terminated is started again.
func (c *Client) StartBacktest(ctx context.Context, in workflows.BacktestInput) (started bool, err error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	options := BacktestOptions(in)
	_, err = c.sdk.ExecuteWorkflow(ctx, options, workflows.BacktestWorkflow, in)
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &exists) {
		return false, nil
	}
	return err == nil, temporalError(ctx, err, "start "+options.ID)
}

// BacktestOptions returns the options to start workflows.BacktestWorkflow with; in is its only argument.
func BacktestOptions(in workflows.BacktestInput) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       etf.BacktestWorkflowID(in.ID),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		StaticSummary:            in.Summary(),
		StaticDetails:            in.Details(),
		TypedSearchAttributes:    in.SearchAttributes(),
		Priority:                 workflows.BacktestPriority,

		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
}
