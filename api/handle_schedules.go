package api

import (
	"context"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// ListSchedules implements gen.StrictServerInterface.
func (s *server) ListSchedules(ctx context.Context, _ gen.ListSchedulesRequestObject) (gen.ListSchedulesResponseObject, error) {
	schedules, err := s.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	page := gen.ListSchedules200JSONResponse{Items: make([]gen.Schedule, len(schedules))}
	for i, one := range schedules {
		page.Items[i] = scheduleOut(one)
	}
	return page, nil
}

// PauseSchedule implements gen.StrictServerInterface.
func (s *server) PauseSchedule(ctx context.Context, r gen.PauseScheduleRequestObject) (gen.PauseScheduleResponseObject, error) {
	one, err := s.Service.PauseSchedule(ctx, r.Id, "the API", textOf(r.Params.Why))
	if err != nil {
		return nil, err
	}
	return gen.PauseSchedule200JSONResponse{ScheduleStateJSONResponse: gen.ScheduleStateJSONResponse(scheduleOut(one))}, nil
}

// ResumeSchedule implements gen.StrictServerInterface.
func (s *server) ResumeSchedule(ctx context.Context, r gen.ResumeScheduleRequestObject) (gen.ResumeScheduleResponseObject, error) {
	one, err := s.Service.ResumeSchedule(ctx, r.Id, "the API", textOf(r.Params.Why))
	if err != nil {
		return nil, err
	}
	return gen.ResumeSchedule200JSONResponse{ScheduleStateJSONResponse: gen.ScheduleStateJSONResponse(scheduleOut(one))}, nil
}

// TriggerSchedule implements gen.StrictServerInterface.
func (s *server) TriggerSchedule(ctx context.Context, r gen.TriggerScheduleRequestObject) (gen.TriggerScheduleResponseObject, error) {
	one, err := s.Service.TriggerSchedule(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.TriggerSchedule202JSONResponse{ScheduleStateJSONResponse: gen.ScheduleStateJSONResponse(scheduleOut(one))}, nil
}

func scheduleOut(one etf.Schedule) gen.Schedule {
	out := gen.Schedule{
		Id: one.ID, Exchange: one.Exchange, Fires: one.Fires, TimeZone: one.TimeZone, Paused: one.Paused, Note: one.Note,
		NextAt: one.Next, CatchUpSeconds: one.CatchUpSeconds,
	}
	if out.NextAt == nil {
		out.NextAt = []time.Time{}
	}
	for _, f := range one.Recent {
		out.Recent = append(out.Recent, gen.Firing{ScheduledAt: f.ScheduledAt, StartedAt: f.StartedAt, WorkflowId: f.WorkflowID})
	}
	if out.Recent == nil {
		out.Recent = []gen.Firing{}
	}
	return out
}
