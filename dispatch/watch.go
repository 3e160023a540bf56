package dispatch

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"

	"github.com/etfcast/etfcast/etf"
)

// AwaitEnd waits until the newest execution of a workflow has ended and returns how; at once if it already has. It
// follows the workflow through continue-as-new. A workflow that Temporal no longer knows is KindNotFound.
func (c *Client) AwaitEnd(ctx context.Context, workflowID string) (etf.RunStatus, error) {
	// Get long-polls until the workflow has closed. Its error may be the workflow's own or the call's, so how it ended is
	// read separately.
	err := c.sdk.GetWorkflow(ctx, workflowID, "").Get(ctx, nil)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return "", etf.NotFound("workflow", "Temporal does not know "+workflowID, "it may be past Temporal's retention: see `etfcast run show`")
	}
	described, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		if errors.As(err, &notFound) {
			return "", etf.NotFound("workflow", "Temporal no longer knows "+workflowID, "see `etfcast run show`")
		}
		return "", etf.Wrap(etf.KindUnavailable, err, "describe "+workflowID)
	}
	status := runStatus(described.GetWorkflowExecutionInfo().GetStatus())
	if status == etf.RunRunning {
		return "", &etf.Error{Kind: etf.KindUnavailable, Message: workflowID + " is still running, or running again"}
	}
	return status, nil
}
