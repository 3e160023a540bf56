package worker

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// QueuePollers says who serves one task queue.
type QueuePollers struct {
	Queue      string `json:"queue"`
	Workflows  int    `json:"workflow_pollers"`
	Activities int    `json:"activity_pollers"`
}

// Served reports whether tasks of the queue would be taken now.
func (q QueuePollers) Served() bool {
	return q.Activities > 0 && (q.Workflows > 0 || q.Queue != workflows.TaskQueue)
}

// pollerAge is how recently a poller must have asked to count. The server forgets pollers after five minutes; a
// long poll lasts one, so a live poller was seen within that.
const pollerAge = 90 * time.Second

// Pollers asks Temporal who polls each task queue, in the order given. KindUnavailable when it does not answer.
func Pollers(ctx context.Context, c client.Client, queues []string, now time.Time) ([]QueuePollers, error) {
	report := make([]QueuePollers, len(queues))
	for i, queue := range queues {
		report[i].Queue = queue
		var err error
		if report[i].Activities, err = countPollers(ctx, c, queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY, now); err != nil {
			return nil, err
		}
		if queue != workflows.TaskQueue {
			continue
		}
		if report[i].Workflows, err = countPollers(ctx, c, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW, now); err != nil {
			return nil, err
		}
	}
	return report, nil
}

func countPollers(ctx context.Context, c client.Client, queue string, kind enumspb.TaskQueueType, now time.Time) (int, error) {
	described, err := c.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return 0, etf.Wrapf(etf.KindUnavailable, err, "asking Temporal who serves task queue %s", queue)
	}
	n := 0
	for _, p := range described.GetPollers() {
		if now.Sub(p.GetLastAccessTime().AsTime()) < pollerAge {
			n++
		}
	}
	return n, nil
}
