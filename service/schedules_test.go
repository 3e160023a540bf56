package service

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// timetable is a Temporal with schedules. If err is set, every method fails with it.
type timetable struct {
	Temporal
	err       error
	schedules map[string]etf.Schedule
	triggered []string
}

func (t *timetable) Schedule(_ context.Context, id string) (etf.Schedule, error) {
	one, ok := t.schedules[id]
	if t.err == nil && !ok {
		return one, etf.NotFound("", "no such schedule", "")
	}
	return one, t.err
}

func (t *timetable) change(id string, change func(*etf.Schedule)) error {
	one, err := t.Schedule(context.Background(), id)
	if err != nil {
		return err
	}
	change(&one)
	t.schedules[id] = one
	return nil
}

func (t *timetable) PauseSchedule(_ context.Context, id, note string) error {
	return t.change(id, func(s *etf.Schedule) { s.Paused, s.Note = true, note })
}

func (t *timetable) ResumeSchedule(_ context.Context, id, note string) error {
	return t.change(id, func(s *etf.Schedule) { s.Paused, s.Note = false, note })
}

func (t *timetable) TriggerSchedule(_ context.Context, id string) error {
	return t.change(id, func(*etf.Schedule) { t.triggered = append(t.triggered, id) })
}

func (t *timetable) ApplySchedule(_ context.Context, exchange etf.Exchange, _ etf.TimeOfDay) (created bool, err error) {
	id := "daily-" + string(exchange)
	_, ok := t.schedules[id]
	if t.err == nil && !ok {
		t.schedules[id] = etf.Schedule{ID: id, Exchange: exchange}
	}
	return !ok, t.err
}

func withSchedules(all ...etf.Schedule) (*Service, *timetable) {
	temporal := &timetable{schedules: map[string]etf.Schedule{}}
	for _, one := range all {
		temporal.schedules[one.ID] = one
	}
	return New(Deps{Temporal: temporal}), temporal
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	newYork, seoul := etf.Schedule{ID: "daily-XNYS", Exchange: etf.XNYS}, etf.Schedule{ID: "daily-XKRX", Exchange: etf.XKRX}
	for _, c := range []struct {
		name string
		have []etf.Schedule
		want []etf.Schedule
	}{
		{"none", nil, nil},
		{"one", []etf.Schedule{seoul}, []etf.Schedule{seoul}},
		{"both, in the order of the exchanges", []etf.Schedule{seoul, newYork}, []etf.Schedule{newYork, seoul}},
		{"those of others are not ours", []etf.Schedule{{ID: "daily-XPAR"}, newYork}, []etf.Schedule{newYork}},
	} {
		s, _ := withSchedules(c.have...)
		if got, err := s.Schedules(t.Context()); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	s, temporal := withSchedules(newYork)
	temporal.err = temporalAway
	if got, err := s.Schedules(t.Context()); !errors.Is(err, temporalAway) {
		t.Errorf("without Temporal: %+v, %v", got, err)
	}
}

func TestScheduleActions(t *testing.T) {
	t.Parallel()
	type action func(*Service, string) (etf.Schedule, error)
	pause := func(s *Service, id string) (etf.Schedule, error) { return s.PauseSchedule(t.Context(), id, "kim", "") }
	resume := func(s *Service, id string) (etf.Schedule, error) { return s.ResumeSchedule(t.Context(), id, "lee", "") }
	trigger := func(s *Service, id string) (etf.Schedule, error) { return s.TriggerSchedule(t.Context(), id) }
	paused := etf.Schedule{ID: "daily-XNYS", Paused: true, Note: "paused by kim"}
	running := etf.Schedule{ID: "daily-XNYS", Note: "resumed by lee"}
	for _, c := range []struct {
		name         string
		act          action
		before, want etf.Schedule
		triggers     int
	}{
		{"pause", pause, etf.Schedule{ID: "daily-XNYS"}, paused, 0},
		{"pause again", pause, paused, paused, 0},
		{"resume", resume, paused, running, 0},
		{"trigger", trigger, running, running, 1},
		{"trigger a paused one", trigger, paused, paused, 1},
	} {
		s, temporal := withSchedules(c.before)
		if got, err := c.act(s, "daily-XNYS"); err != nil || !reflect.DeepEqual(got, c.want) || len(temporal.triggered) != c.triggers {
			t.Errorf("%s: %+v, %v, triggered %v; want %+v", c.name, got, err, temporal.triggered, c.want)
		}
	}
	// The reason is part of the note; one that does not fit is refused, and nothing changes.
	s, _ := withSchedules(etf.Schedule{ID: "daily-XNYS"})
	if got, err := s.PauseSchedule(t.Context(), "daily-XNYS", "kim", " a new provider "); err != nil || got.Note != "paused by kim: a new provider" {
		t.Errorf("with a reason: %+v, %v", got, err)
	}
	for _, why := range []string{strings.Repeat("x", MaxScheduleWhy+1), "a\nb", "\u0085 a line break that counts as a space"} {
		_, err := s.ResumeSchedule(t.Context(), "daily-XNYS", "lee", why)
		wantProblems(t, err, etf.KindInvalid, "why")
	}
	if all, err := s.Schedules(t.Context()); err != nil || len(all) != 1 || !all[0].Paused {
		t.Errorf("after reasons that do not fit: %+v, %v", all, err)
	}
	for name, act := range map[string]action{"pause": pause, "resume": resume, "trigger": trigger} {
		// Another's schedule exists, but is not ours to act on.
		other := etf.Schedule{ID: "daily-XPAR"}
		for id, says := range map[string]string{
			"daily-XKRX": "etfcast schedule apply", "daily-XPAR": "etfcast schedule list", "daily-xnys": "etfcast schedule list", "": "etfcast schedule list",
		} {
			s, temporal := withSchedules(etf.Schedule{ID: "daily-XNYS"}, other)
			_, err := act(s, id)
			if all := wantProblems(t, err, etf.KindNotFound, "id"); !strings.Contains(all[0].Remedy, says) {
				t.Errorf("%s %q: remedy %q, want %q", name, id, all[0].Remedy, says)
			}
			if len(temporal.triggered) > 0 || !reflect.DeepEqual(temporal.schedules["daily-XPAR"], other) {
				t.Errorf("%s %q changed something", name, id)
			}
		}
		s, temporal := withSchedules(etf.Schedule{ID: "daily-XNYS"})
		temporal.err = temporalAway
		if _, err := act(s, "daily-XNYS"); !errors.Is(err, temporalAway) || etf.KindOf(err) != etf.KindUnavailable {
			t.Errorf("%s without Temporal: %v", name, err)
		}
	}
}

func TestApplySchedule(t *testing.T) {
	t.Parallel()
	s, temporal := withSchedules()
	if one, created, err := s.ApplySchedule(t.Context(), etf.XKRX); err != nil || !created || one.ID != "daily-XKRX" || one.Exchange != etf.XKRX {
		t.Errorf("created: %+v %t, %v", one, created, err)
	}
	if _, err := s.PauseSchedule(t.Context(), "daily-XKRX", "kim", ""); err != nil {
		t.Fatal(err)
	}
	if one, created, err := s.ApplySchedule(t.Context(), etf.XKRX); err != nil || created || !one.Paused {
		t.Errorf("updated: %+v %t, %v", one, created, err)
	}
	temporal.err = temporalAway
	if one, created, err := s.ApplySchedule(t.Context(), etf.XNYS); !errors.Is(err, temporalAway) || created {
		t.Errorf("without Temporal: %+v %t, %v", one, created, err)
	}
}
