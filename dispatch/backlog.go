package dispatch

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/etfcast/etfcast/workflows"
)

// Backlog is what waits in a task queue for one kind of task, and who polls it.
type Backlog struct {
	Queue string
	Kind  string // "activity" or "workflow"
	// Tasks is how many tasks wait, as the server estimates it. Tasks handed to a waiting poller at once never count.
	Tasks int64
	// Age is how long the oldest of them has waited; 0 without any.
	Age time.Duration
	// Pollers is how many workers have polled for such tasks in the last 90 seconds.
	Pollers int
}

// Backlogs describes the task queues: the main queue for workflow tasks and activities, the others for activities. Sticky queues,
// which belong to one worker each, are not counted. The list is in no order. KindUnavailable if the server can't be reached.
func (c *Client) Backlogs(ctx context.Context, queues []string) ([]Backlog, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	var list []Backlog
	for _, queue := range queues {
		for kind, number := range map[string]enumspb.TaskQueueType{
			"activity": enumspb.TASK_QUEUE_TYPE_ACTIVITY, "workflow": enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		} {
			if kind == "workflow" && queue != workflows.TaskQueue {
				continue
			}
			d, err := c.sdk.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
				Namespace: c.namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
				TaskQueueType: number, ReportStats: true,
			})
			if err != nil {
				return nil, temporalError(ctx, err, "describe task queue "+queue)
			}
			list = append(list, Backlog{
				Queue: queue, Kind: kind, Pollers: recent(d.GetPollers(), ""),
				Tasks: d.GetStats().GetApproximateBacklogCount(), Age: d.GetStats().GetApproximateBacklogAge().AsDuration(),
			})
		}
	}
	return list, nil
}

// recent counts the pollers of this identity, or of any if it is "", that have polled lately.
func recent(pollers []*taskqueuepb.PollerInfo, identity string) int {
	n := 0
	for _, p := range pollers {
		if (identity == "" || p.GetIdentity() == identity) && time.Since(p.GetLastAccessTime().AsTime()) < pollerAge {
			n++
		}
	}
	return n
}
