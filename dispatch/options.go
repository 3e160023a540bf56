package dispatch

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/workflows"
)

// DailyOptions returns the options to start workflows.DailyWorkflow with, its only argument being in. The run's identity
// is its workflow ID: while a run of the same identity is running, or once it has completed, starting again gives
// a handle to that run and starts nothing; one that failed, was cancelled or terminated, or timed out is started
// again. To be told, compare the handle's run ID with that of an earlier describe, or ask for
// WorkflowExecutionErrorWhenAlreadyStarted.
func DailyOptions(in workflows.DailyInput) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       in.Run().WorkflowID(),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            in.Summary(),
		StaticDetails:            in.Details(),
		TypedSearchAttributes:    in.SearchAttributes(),
		Priority:                 workflows.DailyPriority,
	}
}

// FindingOptions returns the options to start workflows.ResolveFindingWorkflow with, its only argument being in. A
// finding that is waiting already, or was decided, keeps its workflow.
func FindingOptions(in workflows.ResolveFindingInput) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       workflows.FindingID(in.Finding),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            in.Summary(),
		StaticDetails:            in.Details(),
		TypedSearchAttributes:    in.SearchAttributes(),
	}
}
