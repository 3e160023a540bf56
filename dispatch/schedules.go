package dispatch

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// maxFirings is how many upcoming and how many past firings an etf.Schedule has at most.
const maxFirings = 5

// Schedule returns the state of a schedule; KindNotFound if it has not been created.
func (c *Client) Schedule(ctx context.Context, id string) (etf.Schedule, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	d, err := c.sdk.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
	if err != nil {
		return etf.Schedule{}, temporalError(ctx, err, "describe schedule "+id)
	}
	one := etf.Schedule{ID: id, Next: []time.Time{}, Recent: []etf.Firing{}}
	for _, x := range etf.Exchanges() {
		if workflows.ScheduleID(x) == id {
			one.Exchange = x
		}
	}
	memoValue(d.Memo, "fires", &one.Fires)
	if d.Schedule.Spec != nil {
		one.TimeZone = d.Schedule.Spec.TimeZoneName
	}
	if d.Schedule.State != nil {
		one.Paused, one.Note = d.Schedule.State.Paused, d.Schedule.State.Note
	}
	if d.Schedule.Policy != nil {
		one.CatchUpSeconds = int64(d.Schedule.Policy.CatchupWindow / time.Second)
	}
	if !one.Paused {
		for _, at := range d.Info.NextActionTimes[:min(maxFirings, len(d.Info.NextActionTimes))] {
			one.Next = append(one.Next, at.UTC())
		}
	}
	recent := d.Info.RecentActions
	for _, a := range recent[max(0, len(recent)-maxFirings):] {
		f := etf.Firing{ScheduledAt: a.ScheduleTime.UTC(), StartedAt: a.ActualTime.UTC()}
		if a.StartWorkflowResult != nil {
			f.WorkflowID = a.StartWorkflowResult.WorkflowID
		}
		one.Recent = append(one.Recent, f)
	}
	return one, nil
}

// PauseSchedule stops a schedule from firing. A paused one stays paused.
func (c *Client) PauseSchedule(ctx context.Context, id, note string) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	err := c.sdk.ScheduleClient().GetHandle(ctx, id).Pause(ctx, client.SchedulePauseOptions{Note: note})
	return temporalError(ctx, err, "pause schedule "+id)
}

// ResumeSchedule lets a paused schedule fire again.
func (c *Client) ResumeSchedule(ctx context.Context, id, note string) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	err := c.sdk.ScheduleClient().GetHandle(ctx, id).Unpause(ctx, client.ScheduleUnpauseOptions{Note: note})
	return temporalError(ctx, err, "resume schedule "+id)
}

// TriggerSchedule fires a schedule now, paused or not.
func (c *Client) TriggerSchedule(ctx context.Context, id string) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	// The schedule's overlap policy applies: while a Tick is running, one more waits.
	err := c.sdk.ScheduleClient().GetHandle(ctx, id).Trigger(ctx, client.ScheduleTriggerOptions{})
	return temporalError(ctx, err, "trigger schedule "+id)
}

// ApplySchedule creates the exchange's schedule or updates it; a paused one stays paused. It fires at that time, in the
// exchange's own time zone; zero means the default.
func (c *Client) ApplySchedule(ctx context.Context, exchange etf.Exchange, at etf.TimeOfDay) (created bool, err error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	options, err := ScheduleOptions(exchange, at)
	if err != nil {
		return false, err
	}
	schedules := c.sdk.ScheduleClient()
	_, err = schedules.Create(ctx, options)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return false, temporalError(ctx, err, "create schedule "+options.ID)
	}
	err = schedules.GetHandle(ctx, options.ID).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule // keeps its State, paused or not
			s.Spec, s.Action = &options.Spec, options.Action
			if s.Policy == nil {
				s.Policy = &client.SchedulePolicies{}
			}
			s.Policy.Overlap, s.Policy.CatchupWindow = options.Overlap, options.CatchupWindow
			return &client.ScheduleUpdate{Schedule: &s, TypedSearchAttributes: &options.TypedSearchAttributes}, nil
		},
	})
	return false, temporalError(ctx, err, "update schedule "+options.ID)
}
