package dispatch

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// StartBackfill starts the workflow of a backfill, unless it is running (started is false). The record says whether one that has ended is to
// be started again.
func (c *Client) StartBackfill(ctx context.Context, in workflows.BackfillInput) (started bool, err error) {
	return c.start(ctx, BackfillOptions(in), workflows.BackfillWorkflow, in)
}

// BackfillOptions returns the options to start workflows.BackfillWorkflow with; in is its only argument.
func BackfillOptions(in workflows.BackfillInput) client.StartWorkflowOptions {
	return recordedOptions(etf.BackfillWorkflowID(in.ID), in, workflows.BackfillPriority, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
}

// PauseBackfill and ResumeBackfill tell the workflow of a backfill to start no further window, and to go on. KindNotFound if it is not running.
func (c *Client) PauseBackfill(ctx context.Context, id string) error {
	return c.pauseBackfill(ctx, id, true)
}

// ResumeBackfill is described with PauseBackfill.
func (c *Client) ResumeBackfill(ctx context.Context, id string) error {
	return c.pauseBackfill(ctx, id, false)
}

func (c *Client) pauseBackfill(ctx context.Context, id string, pause bool) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	workflowID, what := etf.BackfillWorkflowID(id), "resume "
	if pause {
		what = "pause "
	}
	return temporalError(ctx, c.sdk.SignalWorkflow(ctx, workflowID, "", workflows.PauseSignal, pause), what+workflowID)
}
