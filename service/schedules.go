package service

import (
	"context"
	"fmt"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// Schedules returns the existing schedules, in the order of etf.Exchanges.
func (s *Service) Schedules(ctx context.Context) ([]etf.Schedule, error) {
	var found []etf.Schedule
	for _, x := range etf.Exchanges() {
		one, err := s.temporal.Schedule(ctx, workflows.ScheduleID(x))
		switch {
		case err == nil:
			found = append(found, one)
		case etf.KindOf(err) != etf.KindNotFound:
			return nil, err
		}
	}
	return found, nil
}

// PauseSchedule pauses a schedule and returns it; by says who paused it, for the note. A paused one stays paused.
func (s *Service) PauseSchedule(ctx context.Context, id, by string) (etf.Schedule, error) {
	return s.onSchedule(ctx, id, func() error { return s.temporal.PauseSchedule(ctx, id, "paused by "+by) })
}

// ResumeSchedule resumes a schedule and returns it. Its next firing makes up for the sessions missed in the meantime.
func (s *Service) ResumeSchedule(ctx context.Context, id, by string) (etf.Schedule, error) {
	return s.onSchedule(ctx, id, func() error { return s.temporal.ResumeSchedule(ctx, id, "resumed by "+by) })
}

// TriggerSchedule fires a schedule now, paused or not, and returns it.
func (s *Service) TriggerSchedule(ctx context.Context, id string) (etf.Schedule, error) {
	return s.onSchedule(ctx, id, func() error { return s.temporal.TriggerSchedule(ctx, id) })
}

// ApplySchedule creates an exchange's schedule or updates it; a paused one stays paused.
func (s *Service) ApplySchedule(ctx context.Context, exchange etf.Exchange) (one etf.Schedule, created bool, err error) {
	if created, err = s.temporal.ApplySchedule(ctx, exchange); err != nil {
		return etf.Schedule{}, false, err
	}
	one, err = s.temporal.Schedule(ctx, workflows.ScheduleID(exchange))
	return one, created, err
}

// onSchedule acts on one of our schedules. Other schedules in the namespace are not ours, whatever their ID.
func (s *Service) onSchedule(ctx context.Context, id string, act func() error) (etf.Schedule, error) {
	for _, x := range etf.Exchanges() {
		if id != workflows.ScheduleID(x) {
			continue
		}
		err := act()
		if err == nil {
			return s.temporal.Schedule(ctx, id)
		}
		if etf.KindOf(err) == etf.KindNotFound {
			return etf.Schedule{}, etf.NotFound("id", fmt.Sprintf("schedule %s has not been created", id), "create it with `etfcast schedule apply`")
		}
		return etf.Schedule{}, err
	}
	return etf.Schedule{}, etf.NotFound("id", fmt.Sprintf("there is no schedule %s", etf.Clip(id, etf.MaxQuoted)), "GET /v1/schedules or `etfcast schedule list` lists the schedules")
}
