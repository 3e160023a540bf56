package dispatch

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// maxFailure bounds an error message in an etf.Execution, in bytes.
const maxFailure = 1000

// StartDaily starts a daily run under the ID of its request. With restart, a failed, cancelled, terminated or timed-out
// run with the same ID is started again; without, any earlier run stands. started is false if an earlier run stands.
func (c *Client) StartDaily(ctx context.Context, in workflows.DailyInput, restart bool) (started bool, err error) {
	options := DailyOptions(in)
	// The server checks and starts in one call: checking first and then starting would be a race.
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	if !restart {
		options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	}
	if len(in.Symbols) > 0 {
		// The ID has only their hash, and until a worker runs the workflow nothing else has the symbols.
		options.Memo = map[string]any{symbolsMemo: in.Symbols}
	}
	return c.start(ctx, options, workflows.DailyWorkflow, in)
}

// start starts a workflow; one that stands in its way is no error (started is false). The options ask for an error if there is one.
func (c *Client) start(ctx context.Context, options client.StartWorkflowOptions, workflow string, in any) (started bool, err error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	_, err = c.sdk.ExecuteWorkflow(ctx, options, workflow, in)
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &exists) {
		return false, nil
	}
	return err == nil, temporalError(ctx, err, "start "+options.ID)
}

const symbolsMemo = "symbols"

// Execution returns the newest execution of a workflow ID; KindNotFound if Temporal knows none.
func (c *Client) Execution(ctx context.Context, workflowID string) (etf.Execution, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	d, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return etf.Execution{}, temporalError(ctx, err, "describe "+workflowID)
	}
	info := d.GetWorkflowExecutionInfo()
	x := etf.Execution{
		Status:    runStatus(info.GetStatus()),
		Symbols:   memoSymbols(info),
		StartedAt: info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		x.FinishedAt = info.GetCloseTime().AsTime()
	}
	if x.Status == etf.RunFailed {
		// Only the history has the cause; for an ended workflow it is one call.
		if err := c.sdk.GetWorkflow(ctx, workflowID, info.GetExecution().GetRunId()).Get(ctx, nil); err != nil {
			x.Failure = etf.Clip(err.Error(), maxFailure)
		}
	}
	for _, p := range d.GetPendingActivities() {
		x.Pending = append(x.Pending, etf.PendingActivity{
			Type:        p.GetActivityType().GetName(),
			Attempt:     int(p.GetAttempt()),
			Failure:     etf.Clip(p.GetLastFailure().GetMessage(), maxFailure),
			FailureType: failureType(p.GetLastFailure()),
		})
	}
	return x, nil
}

// DailyStatus queries the status of a daily run. It needs a worker: without one the error is KindUnavailable.
func (c *Client) DailyStatus(ctx context.Context, workflowID string) (workflows.DailyStatus, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	var status workflows.DailyStatus
	value, err := c.sdk.QueryWorkflow(ctx, workflowID, "", workflows.StatusQuery)
	if err != nil {
		return status, temporalError(ctx, err, "query "+workflowID)
	}
	if err := value.Get(&status); err != nil {
		return status, etf.Wrapf(etf.KindCorrupt, err, "the status of %s can't be read", workflowID)
	}
	return status, nil
}

// Cancel requests the cancellation of a running workflow. For one that has ended it returns nil or KindNotFound, depending
// on the server.
func (c *Client) Cancel(ctx context.Context, workflowID string) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	err := c.sdk.CancelWorkflow(ctx, workflowID, "")
	var requested *serviceerror.CancellationAlreadyRequested
	if errors.As(err, &requested) {
		return nil
	}
	return temporalError(ctx, err, "cancel "+workflowID)
}

func memoSymbols(info *workflowpb.WorkflowExecutionInfo) []etf.Symbol {
	var symbols []etf.Symbol
	if !memoValue(info.GetMemo(), symbolsMemo, &symbols) {
		return nil
	}
	return symbols
}

func memoValue(memo *commonpb.Memo, name string, into any) bool {
	payload, ok := memo.GetFields()[name]
	return ok && converter.GetDefaultDataConverter().FromPayload(payload, into) == nil
}

func failureType(f *failurepb.Failure) string {
	switch {
	case f == nil:
		return ""
	case f.GetApplicationFailureInfo() != nil:
		return f.GetApplicationFailureInfo().GetType()
	case f.GetTimeoutFailureInfo() != nil:
		return "Timeout"
	}
	return "Unknown"
}
