package dispatch

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/workflows"
)

// DailyOptions returns the options to start workflows.DailyWorkflow with; in is its only argument. The run's identity is
// its workflow ID: while a run with that ID is running, and after it has completed, starting it again starts nothing and
// returns a handle to that run; a run that failed, was cancelled, was terminated or timed out is started again. To know
// which happened, compare the handle's run ID with that of an earlier describe, or set
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
		Priority:                 in.Priority(),
	}
}

// described is the input of a workflow that says what the Web UI shows of it.
type described interface {
	Summary() string
	Details() string
	SearchAttributes() temporal.SearchAttributes
}

// recordedOptions are those of a workflow whose record decides, before it is started, what becomes of an earlier execution: one that is
// running is an error.
func recordedOptions(id string, in described, priority temporal.Priority, reuse enumspb.WorkflowIdReusePolicy) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDReusePolicy:    reuse,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		StaticSummary:            in.Summary(),
		StaticDetails:            in.Details(),
		TypedSearchAttributes:    in.SearchAttributes(),
		Priority:                 priority,

		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
}

// FindingOptions returns the options to start workflows.ResolveFindingWorkflow with; in is its only argument. A finding
// that is already waiting keeps its workflow. One that was decided gets another: its decision may be taken back.
func FindingOptions(in workflows.ResolveFindingInput) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       workflows.FindingID(in.Finding),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            in.Summary(),
		StaticDetails:            in.Details(),
		TypedSearchAttributes:    in.SearchAttributes(),
	}
}
