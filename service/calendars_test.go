package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/issue"
)

// closings is a Store with changes of calendars.
type closings struct {
	Store   // nil: methods that are not called
	changes []etf.CalendarChange
	dates   []etf.DatedHorizon // of the last change
	err     error
}

func (s *closings) CalendarChanges(context.Context) ([]etf.CalendarChange, error) {
	return s.changes, s.err
}

func (s *closings) ChangeCalendar(_ context.Context, c etf.CalendarChange, dates []etf.DatedHorizon) (etf.CalendarChange, int, error) {
	s.changes, s.dates = append(s.changes, c), dates
	return c, len(dates), s.err
}

// TestChangeCalendar is the only test of this package that changes the calendar of XLON.
func TestChangeCalendar(t *testing.T) {
	now := time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC) // a Monday
	store := &closings{}
	s := &Service{store: store, now: func() time.Time { return now }}
	ask := func(session string, reopen bool) (CalendarChanged, error) {
		return s.ChangeCalendar(t.Context(), CalendarRequest{Exchange: "XLON", Session: session, Reopen: reopen, Reason: "storm", By: "ops"})
	}
	for name, c := range map[string]struct {
		r     CalendarRequest
		field string
		kind  etf.Kind
		says  string
	}{
		"exchange":    {CalendarRequest{Exchange: "XPAR", Session: "2027-02-03", Reason: "x"}, "exchange", etf.KindInvalid, "XPAR"},
		"no date":     {CalendarRequest{Exchange: "XLON", Reason: "x"}, "session", etf.KindInvalid, "no date is given"},
		"date":        {CalendarRequest{Exchange: "XLON", Session: "3.2.2027", Reason: "x"}, "session", etf.KindInvalid, "YYYY-MM-DD"},
		"no reason":   {CalendarRequest{Exchange: "XLON", Session: "2027-02-03", Reason: " "}, "reason", etf.KindInvalid, "no reason"},
		"long reason": {CalendarRequest{Exchange: "XLON", Session: "2027-02-03", Reason: strings.Repeat("x", 201)}, "reason", etf.KindInvalid, "200"},
		"weekend":     {CalendarRequest{Exchange: "XLON", Session: "2027-02-06", Reason: "x"}, "session", etf.KindInvalid, "Saturday"},
		"holiday":     {CalendarRequest{Exchange: "XLON", Session: "2027-03-26", Reason: "x"}, "session", etf.KindInvalid, "Good Friday"},
		"long ago":    {CalendarRequest{Exchange: "XLON", Session: "2027-01-15", Reason: "x"}, "session", etf.KindInvalid, "2027-01-18"},
		"not closed":  {CalendarRequest{Exchange: "XLON", Session: "2027-02-03", Reason: "x", Reopen: true}, "session", etf.KindNotFound, "nobody"},
	} {
		_, err := s.ChangeCalendar(t.Context(), c.r)
		if err == nil || etf.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}

	done, err := ask("2027-02-03", false)
	if err != nil || !done.Changed || done.Number != 1 || done.Moved == 0 || done.Moved != len(store.dates) {
		t.Fatalf("%+v, %v", done, err)
	}
	cal, err := calendar.For(etf.XLON)
	if err != nil || cal.Version() != 1 || cal.IsSession(etf.MustSession("2027-02-03")) {
		t.Fatalf("version %d, %v", cal.Version(), err)
	}
	first := etf.DatedHorizon{Origin: etf.MustSession("2027-02-02"), Horizon: 1, Target: etf.MustSession("2027-02-04")}
	found := false
	for _, d := range store.dates {
		found = found || d == first
		if target, err := cal.Nth(d.Origin, d.Horizon); err != nil || target != d.Target {
			t.Errorf("%+v, but scores are of %s, %v", d, target, err)
		}
	}
	if !found {
		t.Errorf("%+v is not among %+v", first, store.dates)
	}
	if again, err := ask("2027-02-03", false); err != nil || again.Changed || again.Number != 1 || len(store.changes) != 1 {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	if back, err := ask("2027-02-03", true); err != nil || !back.Changed || back.Number != 2 || back.Moved != done.Moved {
		t.Errorf("reopened: %+v, %v", back, err)
	}
	if again, err := ask("2027-02-03", true); err != nil || again.Changed {
		t.Errorf("reopened again: %+v, %v", again, err)
	}
	if d := store.dates[len(store.dates)-1]; d.Target > etf.MustSession("2027-03-10") {
		t.Errorf("moved back to %+v", d)
	}
	list, err := s.Calendars(t.Context(), "XLON")
	if err != nil || len(list) != 1 || list[0].Version != 2 || len(list[0].Changes) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if all, err := s.Calendars(t.Context(), ""); err != nil || len(all) != len(etf.Exchanges()) {
		t.Errorf("%+v, %v", all, err)
	}
}

// A reader reads again only after the age asked for, and not what it could not read.
func TestCalendarReader(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC)
	store := &closings{err: etf.Wrap(etf.KindUnavailable, errors.New("gone"), "reading")}
	r := NewCalendarReader(store, func() time.Time { return now })
	if err := r.Read(t.Context(), time.Second); etf.KindOf(err) != etf.KindUnavailable {
		t.Fatal(err)
	}
	store.err = nil
	if err := r.Read(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	store.err = etf.Wrap(etf.KindUnavailable, errors.New("gone"), "reading")
	if err := r.Read(t.Context(), time.Second); err != nil {
		t.Errorf("read again at once: %v", err)
	}
	now = now.Add(time.Second)
	if err := r.Read(t.Context(), time.Second); err == nil {
		t.Error("not read again after a second")
	}
}

// TestReproduceByVersion closes sessions of XNYS, one of them within the targets of a forecast, and takes that back: the forecast is made again with
// the version that it names, whichever is the newest, and where its horizons have moved is told.
func TestReproduceByVersion(t *testing.T) {
	s := recordedForecast(t)
	f := &s.stored[0]
	svc := &Service{store: s}
	by := Reproducer{CodeVersion: f.CodeVersion, Build: f.Build, Model: func(_, params string) (forecast.Model, error) { return drift.Parse(params) }}
	if err := calendar.Announce(etf.XNYS, []etf.CalendarChange{{Exchange: etf.XNYS, Number: 1, Session: etf.MustSession("2030-12-30"), Closed: true, Reason: "x", At: time.Unix(0, 0)}}); err != nil {
		t.Fatal(err)
	}
	if got, err := svc.Reproduce(t.Context(), f.ID, by); err != nil || got.Verdict != issue.Identical {
		t.Fatalf("%+v, %v", got.Comparison, err)
	}
	own := f.Params
	dated, err := issue.DatedParams(own, 1)
	if err != nil || !strings.Contains(dated, `"calendar_version":1`) {
		t.Fatalf("%s, %v", dated, err)
	}
	if back, hash, err := issue.ModelParams(dated); err != nil || hash != "" || back != own {
		t.Fatalf("%s, %q, %v", back, hash, err)
	}
	if same, err := issue.DatedParams(own, 0); err != nil || same != own {
		t.Errorf("version 0: %s, %v", same, err)
	}
	f.Params = dated
	if got, err := svc.Reproduce(t.Context(), f.ID, by); err != nil || got.Verdict != issue.Identical { // the day is beyond its targets
		t.Errorf("%+v, %v", got.Comparison, err)
	}
	// Its fifth session is closed: one made with that version has other targets, this one is made again as before.
	fifth := f.Points[4].Target
	storm := func(number int, closed bool) etf.CalendarChange {
		return etf.CalendarChange{Exchange: etf.XNYS, Number: number, Session: fifth, Closed: closed, Reason: "storm", At: time.Unix(0, 0)}
	}
	if err := calendar.Announce(etf.XNYS, append(calendar.Changes(etf.XNYS), storm(2, true))); err != nil {
		t.Fatal(err)
	}
	if got, err := svc.Reproduce(t.Context(), f.ID, by); err != nil || got.Verdict != issue.Identical {
		t.Errorf("with version 1: %+v, %v", got.Comparison, err)
	}
	moved, err := newestTargets(etf.XNYS, *f, nil) // it has no rows, as if it had been made while the session was being closed
	if err != nil || len(moved) != len(f.Points)-4 || moved[0].Horizon != 5 || moved[0].Target != f.Points[5].Target || moved[0].CalendarVersion != 2 {
		t.Errorf("moved %+v, %v", moved, err)
	}
	if again, err := newestTargets(etf.XNYS, *f, moved); err != nil || len(again) != len(moved) {
		t.Errorf("with rows of its own: %+v, %v", again, err)
	}
	first := f.Params
	if f.Params, err = issue.DatedParams(own, 2); err != nil {
		t.Fatal(err)
	}
	if got, err := svc.Reproduce(t.Context(), f.ID, by); err != nil || got.Verdict == issue.Identical {
		t.Errorf("with version 2: %+v, %v", got.Comparison, err)
	}
	if moved, err := newestTargets(etf.XNYS, *f, nil); err != nil || len(moved) != 0 {
		t.Errorf("one made with the newest version: %+v, %v", moved, err)
	}
	if err := calendar.Announce(etf.XNYS, append(calendar.Changes(etf.XNYS), storm(3, false))); err != nil { // the other tests have that session
		t.Fatal(err)
	}
	f.Params = first
	if back, err := newestTargets(etf.XNYS, *f, moved); err != nil || len(back) != 2*len(moved) || back[1].Horizon != 5 || back[1].Target != fifth || back[1].CalendarVersion != 3 {
		t.Errorf("moved back: %+v, %v", back, err)
	}
	if f.Params, err = issue.DatedParams(own, 4); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Reproduce(t.Context(), f.ID, by); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("a version that is not known: %v", err)
	}
}

// TargetDates: none of these forecasts has moved.
func (s *forecasts) TargetDates(context.Context, string) ([]etf.TargetDate, error) { return nil, nil }
