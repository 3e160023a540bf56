package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
	"github.com/etfcast/etfcast/workflows/start"
)

const (
	// callTimeout bounds one call. The SDK retries a server that can't be reached until then.
	callTimeout = 4 * time.Second
	// pollerFresh is how long ago a worker may have polled to count. A poll lasts up to 70 seconds; the server
	// itself forgets a worker after five minutes, too late to notice that the last one is gone.
	pollerFresh = 2 * time.Minute
	// maxFailure bounds an error's text in an answer, in bytes.
	maxFailure = 1000
)

// temporalClient is the part of client.Client the adapter uses.
type temporalClient interface {
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	GetWorkflow(ctx context.Context, workflowID string, runID string) client.WorkflowRun
	CancelWorkflow(ctx context.Context, workflowID string, runID string) error
	QueryWorkflow(ctx context.Context, workflowID string, runID string, queryType string, args ...any) (converter.EncodedValue, error)
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	DescribeTaskQueue(ctx context.Context, taskqueue string, taskqueueType enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error)
	ScheduleClient() client.ScheduleClient
}

// temporalAdapter makes a Temporal of an SDK client.
type temporalAdapter struct{ client temporalClient }

// NewTemporal makes the port of an SDK client. A lazy one (client.NewLazyClient) will do: it connects when it is
// first asked, so the server may come up later.
func NewTemporal(c client.Client) Temporal { return temporalAdapter{c} }

func (t temporalAdapter) StartDaily(ctx context.Context, in workflows.DailyInput, again bool) (bool, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	options := start.Daily(in)
	// The server decides and says so in one call: no other order of asking and starting is free of races.
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	if !again {
		options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	}
	if len(in.Symbols) > 0 {
		// The ID has only their hash, and until a worker takes the run up nothing else can tell.
		options.Memo = map[string]any{symbolsMemo: in.Symbols}
	}
	_, err := t.client.ExecuteWorkflow(ctx, options, workflows.DailyWorkflow, in)
	var stood *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &stood) {
		return false, nil
	}
	return err == nil, temporalError(ctx, err, "start "+options.ID)
}

const symbolsMemo = "symbols"

func (t temporalAdapter) Execution(ctx context.Context, workflowID string) (Execution, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	d, err := t.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return Execution{}, temporalError(ctx, err, "describe "+workflowID)
	}
	info := d.GetWorkflowExecutionInfo()
	x := Execution{
		Status:    runStatus(info.GetStatus()),
		Symbols:   memoSymbols(info),
		StartedAt: info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		x.FinishedAt = info.GetCloseTime().AsTime()
	}
	if x.Status == etf.RunFailed {
		// Only the history has the cause; for an ended workflow it is one call.
		if err := t.client.GetWorkflow(ctx, workflowID, info.GetExecution().GetRunId()).Get(ctx, nil); err != nil {
			x.Failure = etf.Clip(err.Error(), maxFailure)
		}
	}
	for _, p := range d.GetPendingActivities() {
		x.Pending = append(x.Pending, PendingActivity{
			Type:        p.GetActivityType().GetName(),
			Attempt:     int(p.GetAttempt()),
			Failure:     etf.Clip(p.GetLastFailure().GetMessage(), maxFailure),
			FailureType: failureType(p.GetLastFailure()),
		})
	}
	return x, nil
}

func (t temporalAdapter) DailyStatus(ctx context.Context, workflowID string) (workflows.DailyStatus, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	var answer workflows.DailyStatus
	value, err := t.client.QueryWorkflow(ctx, workflowID, "", workflows.StatusQuery)
	if err != nil {
		return answer, temporalError(ctx, err, "query "+workflowID)
	}
	if err := value.Get(&answer); err != nil {
		return answer, etf.Wrapf(etf.KindCorrupt, err, "the status of %s can't be read", workflowID)
	}
	return answer, nil
}

func (t temporalAdapter) Cancel(ctx context.Context, workflowID string) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	err := t.client.CancelWorkflow(ctx, workflowID, "")
	var asked *serviceerror.CancellationAlreadyRequested
	if errors.As(err, &asked) {
		return nil
	}
	return temporalError(ctx, err, "cancel "+workflowID)
}

func (t temporalAdapter) Pollers(ctx context.Context, queue string) (int, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	kind := enumspb.TASK_QUEUE_TYPE_ACTIVITY
	if queue == workflows.TaskQueue {
		kind = enumspb.TASK_QUEUE_TYPE_WORKFLOW
	}
	d, err := t.client.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return 0, temporalError(ctx, err, "describe task queue "+queue)
	}
	n := 0
	for _, p := range d.GetPollers() {
		if time.Since(p.GetLastAccessTime().AsTime()) < pollerFresh {
			n++
		}
	}
	return n, nil
}

func (t temporalAdapter) Check(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	// Unlike the health service this also tells a missing namespace.
	_, err := t.client.DescribeTaskQueue(ctx, workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	return temporalError(ctx, err, "check Temporal")
}

// runStatus names an execution's state in the words of a run. One that continues as new goes on.
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

// temporalError gives err a kind. What can't be told apart from a server that is down counts as that.
func temporalError(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	var (
		notFound  *serviceerror.NotFound
		namespace *serviceerror.NamespaceNotFound
		exhausted *serviceerror.ResourceExhausted
		query     *serviceerror.QueryFailed
		invalid   *serviceerror.InvalidArgument
		denied    *serviceerror.PermissionDenied
	)
	switch {
	case errors.As(err, &namespace):
		return &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("Temporal has no namespace %s", namespace.Namespace), Remedy: "create it, or set TEMPORAL_NAMESPACE", Err: err}
	case errors.As(err, &notFound):
		return etf.Wrapf(etf.KindNotFound, err, "Temporal does not know it: %s", doing)
	case errors.As(err, &exhausted):
		return etf.Wrapf(etf.KindUnavailable, err, "Temporal is asked too often: %s", doing)
	case errors.As(err, &invalid) && strings.Contains(invalid.Message, "search attribute"):
		return &etf.Error{Kind: etf.KindUnavailable, Message: "Temporal does not know the search attributes yet", Remedy: "a worker makes them when it starts", Err: err}
	case errors.As(err, &invalid), errors.As(err, &denied), errors.As(err, &query):
		return etf.Wrapf(etf.KindInternal, err, "Temporal refused: %s", doing)
	}
	if status.Code(err) == codes.Canceled && ctx.Err() == nil {
		// The connection was closed under the call.
		return etf.Wrapf(etf.KindUnavailable, err, "Temporal hung up: %s", doing)
	}
	return &etf.Error{Kind: etf.KindUnavailable, Message: "Temporal can't be reached", Remedy: "see that it runs and TEMPORAL_ADDRESS is right", Err: fmt.Errorf("%s: %w", doing, err)}
}

// noTemporal stands in until there is a client.
type noTemporal struct{}

var errNoTemporal = &etf.Error{Kind: etf.KindUnavailable, Message: "Temporal is not connected", Remedy: "set TEMPORAL_ADDRESS"}

func (noTemporal) StartDaily(context.Context, workflows.DailyInput, bool) (bool, error) {
	return false, errNoTemporal
}
func (noTemporal) Execution(context.Context, string) (Execution, error) {
	return Execution{}, errNoTemporal
}
func (noTemporal) DailyStatus(context.Context, string) (workflows.DailyStatus, error) {
	return workflows.DailyStatus{}, errNoTemporal
}
func (noTemporal) Cancel(context.Context, string) error { return errNoTemporal }
func (noTemporal) Schedule(context.Context, string) (Schedule, error) {
	return Schedule{}, errNoTemporal
}
func (noTemporal) PauseSchedule(context.Context, string, string) error  { return errNoTemporal }
func (noTemporal) ResumeSchedule(context.Context, string, string) error { return errNoTemporal }
func (noTemporal) TriggerSchedule(context.Context, string) error        { return errNoTemporal }
func (noTemporal) ApplySchedule(context.Context, etf.Exchange) (bool, error) {
	return false, errNoTemporal
}
func (noTemporal) Pollers(context.Context, string) (int, error) { return 0, errNoTemporal }
func (noTemporal) Check(context.Context) error                  { return errNoTemporal }
