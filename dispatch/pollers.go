package dispatch

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/etfcast/etfcast/workflows"
)

// pollerAge is how old a poller's last poll may be for the poller to count. A long poll lasts up to 70 seconds; the
// server forgets a poller only after five minutes, which is too late to notice that the last worker is gone.
const pollerAge = 90 * time.Second

// Served reports whether workers are polling the task queue: the main queue for workflow tasks and activities, the others
// for activities.
func (c *Client) Served(ctx context.Context, queue string) (bool, error) {
	return c.polled(ctx, queue, "")
}

// Polling is Served for the workers of this Client alone. Those of an earlier process may still be listed.
func (c *Client) Polling(ctx context.Context, queue string) (bool, error) {
	return c.polled(ctx, queue, c.identity)
}

// polled reports whether workers of this identity, or any if it is "", are polling the task queue.
func (c *Client) polled(ctx context.Context, queue, identity string) (bool, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	kinds := []enumspb.TaskQueueType{enumspb.TASK_QUEUE_TYPE_ACTIVITY}
	if queue == workflows.TaskQueue {
		kinds = append(kinds, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	}
	for _, kind := range kinds {
		n, err := c.pollers(ctx, queue, kind, identity)
		if err != nil || n == 0 {
			return false, err
		}
	}
	return true, nil
}

func (c *Client) pollers(ctx context.Context, queue string, kind enumspb.TaskQueueType, identity string) (int, error) {
	d, err := c.sdk.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return 0, temporalError(ctx, err, "describe task queue "+queue)
	}
	return recent(d.GetPollers(), identity), nil
}
