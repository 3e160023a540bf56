package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/calendar"
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

// PauseSchedule pauses a schedule and returns it; by says who paused it and why ("" for nothing) for what reason, for the
// note. A paused one stays paused. The error is of KindInvalid with Field "why" if the reason is too long.
func (s *Service) PauseSchedule(ctx context.Context, id, by, why string) (etf.Schedule, error) {
	note, err := scheduleNote("paused by "+by, why)
	if err != nil {
		return etf.Schedule{}, err
	}
	return s.onSchedule(ctx, id, func() error { return s.temporal.PauseSchedule(ctx, id, note) })
}

// ResumeSchedule resumes a schedule and returns it, with a note as PauseSchedule. Its next firing makes up for the sessions
// missed in the meantime.
func (s *Service) ResumeSchedule(ctx context.Context, id, by, why string) (etf.Schedule, error) {
	note, err := scheduleNote("resumed by "+by, why)
	if err != nil {
		return etf.Schedule{}, err
	}
	return s.onSchedule(ctx, id, func() error { return s.temporal.ResumeSchedule(ctx, id, note) })
}

// MaxScheduleWhy is how long the reason for pausing or resuming a schedule can be, in characters.
const MaxScheduleWhy = 200

func scheduleNote(what, why string) (string, error) {
	if err := checkText("why", why, MaxScheduleWhy); err != nil {
		return "", err
	}
	if why = strings.TrimSpace(why); why == "" {
		return what, nil
	}
	return what + ": " + why, nil
}

// TriggerSchedule fires a schedule now, paused or not, and returns it.
func (s *Service) TriggerSchedule(ctx context.Context, id string) (etf.Schedule, error) {
	return s.onSchedule(ctx, id, func() error { return s.temporal.TriggerSchedule(ctx, id) })
}

// ApplySchedule creates an exchange's schedule or updates it; a paused one stays paused.
func (s *Service) ApplySchedule(ctx context.Context, exchange etf.Exchange) (one etf.Schedule, created bool, err error) {
	at := s.schedules[exchange]
	if err := s.afterClose(exchange, at); err != nil {
		return etf.Schedule{}, false, err
	}
	if created, err = s.temporal.ApplySchedule(ctx, exchange, at); err != nil {
		return etf.Schedule{}, false, err
	}
	one, err = s.temporal.Schedule(ctx, workflows.ScheduleID(exchange))
	return one, created, err
}

// afterClose checks that a schedule's time comes after every close of the last quarter of a year: before that, the session of
// the day is not due yet.
func (s *Service) afterClose(exchange etf.Exchange, at etf.TimeOfDay) error {
	if at == 0 {
		return nil
	}
	cal, err := calendar.For(exchange)
	if err != nil {
		return err
	}
	today := etf.SessionOf(s.now())
	latest := etf.TimeOfDay(0)
	for _, session := range cal.Sessions(etf.Window{From: today.AddDays(-90), To: today}) {
		closes, err := cal.Close(session)
		if err != nil {
			return err
		}
		closes = closes.In(cal.Location())
		latest = max(latest, etf.TimeOfDay(60*closes.Hour()+closes.Minute()))
	}
	if at > latest {
		return nil
	}
	return etf.Invalid("schedule-"+strings.ToLower(string(exchange)), fmt.Sprintf("at %s, sessions of %s have not all closed", at, exchange),
		fmt.Sprintf("use a time after %s in the exchange's own time", latest))
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
