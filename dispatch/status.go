package dispatch

import (
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/etfcast/etfcast/etf"
)

// runStatus translates Temporal's status of a workflow. Whatever has not ended is running, including a workflow that is
// paused or has continued as new.
func runStatus(s enumspb.WorkflowExecutionStatus) etf.RunStatus {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return etf.RunCompleted
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return etf.RunFailed
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return etf.RunCancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return etf.RunTerminated
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return etf.RunTimedOut
	}
	return etf.RunRunning
}
