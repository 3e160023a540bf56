package dispatch

import (
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/etfcast/etfcast/etf"
)

// runStatus is Temporal's state of a workflow in the words of a run. Whatever is not over is running: one that is paused,
// and one that continued as new, whose next execution goes on.
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
