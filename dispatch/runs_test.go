package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

func TestTemporalErrorKinds(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want etf.Kind
	}{
		{serviceerror.NewNotFound("no such workflow"), etf.KindNotFound},
		{serviceerror.NewWorkflowExecutionAlreadyStarted("ended", "", ""), etf.KindConflict},
		{serviceerror.NewNamespaceNotFound("prod"), etf.KindUnavailable},
		{serviceerror.NewUnavailable("connection refused"), etf.KindUnavailable},
		{serviceerror.NewDeadlineExceeded("slow"), etf.KindUnavailable},
		{serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "slower"), etf.KindUnavailable},
		{serviceerror.NewFailedPrecondition("no poller seen"), etf.KindUnavailable},
		{serviceerror.NewInvalidArgument("the workflow ID is too long"), etf.KindInternal},
		{serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute EtfcastRun"), etf.KindUnavailable},
		{serviceerror.NewPermissionDenied("no", ""), etf.KindDenied},
		{serviceerror.NewQueryFailed("panic"), etf.KindInternal},
		{status.Error(codes.Canceled, "the connection is closing"), etf.KindUnavailable},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), etf.KindUnavailable},
		{errors.New("anything else"), etf.KindUnavailable},
	} {
		err := temporalError(t.Context(), tc.err, "test")
		if etf.KindOf(err) != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%v gives %v, want %s", tc.err, err, tc.want)
		}
	}
	if err := temporalError(t.Context(), nil, "test"); err != nil {
		t.Errorf("nil gives %v", err)
	}
	err := temporalError(t.Context(), serviceerror.NewNamespaceNotFound("prod"), "test")
	if !strings.Contains(err.Error(), "TEMPORAL_NAMESPACE") {
		t.Errorf("the error has no remedy: %v", err)
	}
}

// fakeSDK returns the given descriptions.
type fakeSDK struct {
	client.Client
	execution *workflowservice.DescribeWorkflowExecutionResponse
	queue     *workflowservice.DescribeTaskQueueResponse
	kinds     []enumspb.TaskQueueType
}

func (d *fakeSDK) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return d.execution, nil
}

func (d *fakeSDK) DescribeTaskQueue(_ context.Context, _ string, kind enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	d.kinds = append(d.kinds, kind)
	return d.queue, nil
}

func TestServedIgnoresStalePollers(t *testing.T) {
	ago := func(d time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.New(time.Now().Add(-d))}
	}
	workflow, activity := enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY
	for _, c := range []struct {
		queue   string
		pollers []*taskqueuepb.PollerInfo
		want    bool
		kinds   []enumspb.TaskQueueType
	}{
		{workflows.TaskQueue, []*taskqueuepb.PollerInfo{ago(4 * time.Minute), ago(time.Minute)}, true, []enumspb.TaskQueueType{activity, workflow}},
		{workflows.FitTaskQueue, []*taskqueuepb.PollerInfo{ago(0)}, true, []enumspb.TaskQueueType{activity}},
		{workflows.FitTaskQueue, []*taskqueuepb.PollerInfo{ago(pollerAge + time.Second)}, false, []enumspb.TaskQueueType{activity}},
		{workflows.TaskQueue, nil, false, []enumspb.TaskQueueType{activity}},
	} {
		d := &fakeSDK{queue: &workflowservice.DescribeTaskQueueResponse{Pollers: c.pollers}}
		if served, err := (&Client{sdk: d}).Served(t.Context(), c.queue); served != c.want || err != nil || !slices.Equal(d.kinds, c.kinds) {
			t.Errorf("%s with %d pollers: served %t, %v, described %v", c.queue, len(c.pollers), served, err, d.kinds)
		}
	}
}

// The pollers of a process that has just been killed are listed for minutes.
func TestPollingCountsOwnPollersOnly(t *testing.T) {
	d := &fakeSDK{queue: &workflowservice.DescribeTaskQueueResponse{Pollers: []*taskqueuepb.PollerInfo{
		{Identity: "1@host@aa", LastAccessTime: timestamppb.Now()},
	}}}
	for identity, want := range map[string]bool{"1@host@aa": true, "1@host@bb": false} {
		c := &Client{sdk: d, identity: identity}
		if polling, err := c.Polling(t.Context(), workflows.FitTaskQueue); polling != want || err != nil {
			t.Errorf("%s: polling %v, %v", identity, polling, err)
		}
		if served, err := c.Served(t.Context(), workflows.FitTaskQueue); !served || err != nil {
			t.Errorf("%s: served %v, %v", identity, served, err)
		}
	}
	if first, second := newIdentity(), newIdentity(); first == second {
		t.Error("two clients have the same identity")
	}
}

func TestExecutionOfEveryStatus(t *testing.T) {
	for from, want := range map[enumspb.WorkflowExecutionStatus]etf.RunStatus{
		enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:          etf.RunRunning,
		enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: etf.RunRunning,
		enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:        etf.RunCompleted,
		enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:         etf.RunCancelled,
		enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:       etf.RunTerminated,
		enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:        etf.RunTimedOut,
	} {
		d := &fakeSDK{execution: &workflowservice.DescribeWorkflowExecutionResponse{
			WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: from, StartTime: timestamppb.New(time.Now())},
			PendingActivities: []*workflowpb.PendingActivityInfo{
				{ActivityType: &commonpb.ActivityType{Name: "Fetch"}, Attempt: 4, LastFailure: &failurepb.Failure{
					Message:     strings.Repeat("é", 1000),
					FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: "RateLimited"}},
				}},
				{ActivityType: &commonpb.ActivityType{Name: "Persist"}, Attempt: 1},
				{ActivityType: &commonpb.ActivityType{Name: "Forecast"}, Attempt: 2, LastFailure: &failurepb.Failure{
					FailureInfo: &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{}},
				}},
			},
		}}
		x, err := (&Client{sdk: d}).Execution(t.Context(), "x")
		if err != nil || x.Status != want || len(x.Pending) != 3 {
			t.Fatalf("%s gives %+v, %v; want %s", from, x, err, want)
		}
		first := x.Pending[0]
		if first.Attempt != 4 || first.FailureType != "RateLimited" || len(first.Failure) > maxFailure || !strings.HasSuffix(first.Failure, "é…") {
			t.Errorf("pending %+v", first)
		}
		if x.Pending[1].FailureType != "" || x.Pending[2].FailureType != "Timeout" {
			t.Errorf("pending %+v", x.Pending)
		}
	}
}
