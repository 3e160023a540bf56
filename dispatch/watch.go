package dispatch

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"

	"github.com/etfcast/etfcast/etf"
)

// AwaitEnd returns how the newest execution of a workflow ended, once it has; at once if it had ended before. It follows
// the workflow through continue-as-new. A workflow that Temporal no longer knows is KindNotFound.
func (c *Client) AwaitEnd(ctx context.Context, workflowID string) (etf.RunStatus, error) {
	// Get blocks in long polls until the workflow has closed. Its error may speak of the workflow's own end or of
	// asking, so the end is read separately.
	err := c.sdk.GetWorkflow(ctx, workflowID, "").Get(ctx, nil)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return "", etf.NotFound("workflow", "Temporal does not know "+workflowID, "it may be beyond Temporal's retention: look into the table of runs")
	}
	described, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		if errors.As(err, &notFound) {
			return "", etf.NotFound("workflow", "Temporal no longer knows "+workflowID, "look into the table of runs")
		}
		return "", etf.Wrap(etf.KindUnavailable, err, "asking Temporal how a run ended")
	}
	status := runStatus(described.GetWorkflowExecutionInfo().GetStatus())
	if status == etf.RunRunning {
		return "", &etf.Error{Kind: etf.KindUnavailable, Message: workflowID + " is running still or again"}
	}
	return status, nil
}
