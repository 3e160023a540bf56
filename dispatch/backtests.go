package dispatch

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// StartBacktest starts the workflow of a backtest. One that is running or completed stands (started is false); one that failed, was cancelled or
// was terminated is started again.
func (c *Client) StartBacktest(ctx context.Context, in workflows.BacktestInput) (started bool, err error) {
	return c.start(ctx, BacktestOptions(in), workflows.BacktestWorkflow, in)
}

// BacktestOptions returns the options to start workflows.BacktestWorkflow with; in is its only argument.
func BacktestOptions(in workflows.BacktestInput) client.StartWorkflowOptions {
	return recordedOptions(etf.BacktestWorkflowID(in.ID), in, workflows.BacktestPriority, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
}
