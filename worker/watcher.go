package worker

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
)

// watcher implements activities.Watcher.
type watcher struct {
	client client.Client
}

// AwaitEnd implements activities.Watcher. It follows the workflow through continue-as-new.
func (w *watcher) AwaitEnd(ctx context.Context, workflowID string) (etf.RunStatus, error) {
	// Get blocks in long polls until the workflow has closed. Its error may speak of the workflow's own end or of
	// asking, so the end is read separately.
	err := w.client.GetWorkflow(ctx, workflowID, "").Get(ctx, nil)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return "", etf.NotFound("workflow", "Temporal does not know "+workflowID, "it may be beyond Temporal's retention: look into the table of runs")
	}
	described, err := w.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		if errors.As(err, &notFound) {
			return "", etf.NotFound("workflow", "Temporal no longer knows "+workflowID, "look into the table of runs")
		}
		return "", etf.Wrap(etf.KindUnavailable, err, "asking Temporal how a run ended")
	}
	status, ended := RunStatus(described.GetWorkflowExecutionInfo().GetStatus())
	if !ended {
		return "", &etf.Error{Kind: etf.KindUnavailable, Message: workflowID + " is running still or again"}
	}
	return status, nil
}

// RunStatus translates Temporal's state of a workflow into that of a run, and says whether it is over.
func RunStatus(s enumspb.WorkflowExecutionStatus) (status etf.RunStatus, ended bool) {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return etf.RunCompleted, true
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return etf.RunFailed, true
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return etf.RunCancelled, true
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return etf.RunTerminated, true
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return etf.RunTimedOut, true
	default: // running, paused, or continued as new: the next run of the chain goes on
		return etf.RunRunning, false
	}
}
