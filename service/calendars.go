package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/issue"
)

// Calendars keeps the changes of the exchanges' calendars; db.Store implements it.
type Calendars interface {
	// CalendarChanges returns all changes, by exchange and number.
	CalendarChanges(ctx context.Context) ([]etf.CalendarChange, error)
	// ChangeCalendar appends a change, whose Number is the version it makes, with the sessions to which it moves horizons of forecasts, and
	// returns how many points of forecasts it moved. KindConflict with Field "number" if another change came first, with Field "session" if
	// it closes a session of which there are bars.
	ChangeCalendar(ctx context.Context, c etf.CalendarChange, dates []etf.DatedHorizon) (stored etf.CalendarChange, moved int, err error)
	// TargetDates returns where versions of the calendar have moved a forecast's horizons, by horizon and version.
	TargetDates(ctx context.Context, forecast string) ([]etf.TargetDate, error)
}

// CalendarRefresh is about how often a process reads the changes of calendars.
const CalendarRefresh = 2 * time.Second

// CalendarReader tells this process the changes of calendars that are stored. It is safe for concurrent use.
type CalendarReader struct {
	store Calendars
	now   func() time.Time
	mu    sync.Mutex
	read  time.Time // when it last succeeded; zero = never
}

// NewCalendarReader returns a reader of the store's calendars.
func NewCalendarReader(store Calendars, now func() time.Time) *CalendarReader {
	return &CalendarReader{store: store, now: now}
}

// Read reads the changes unless that was done within the age given. Without a database it returns the error of the store.
func (r *CalendarReader) Read(ctx context.Context, age time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if since := now.Sub(r.read); !r.read.IsZero() && since >= 0 && since < age {
		return nil
	}
	if err := announce(ctx, r.store); err != nil {
		return err
	}
	r.read = now
	return nil
}

func announce(ctx context.Context, store Calendars) error {
	changes, err := store.CalendarChanges(ctx)
	if err != nil {
		return err
	}
	byExchange := map[etf.Exchange][]etf.CalendarChange{}
	for _, c := range changes {
		byExchange[c.Exchange] = append(byExchange[c.Exchange], c)
	}
	for x, list := range byExchange {
		if err := calendar.Announce(x, list); err != nil {
			return err
		}
	}
	return nil
}

// Calendar is an exchange's calendar as it is now.
type Calendar struct {
	Exchange etf.Exchange         `json:"exchange"`
	Name     string               `json:"name"`
	TimeZone string               `json:"time_zone"`
	From     etf.Session          `json:"from"`
	To       etf.Session          `json:"to"`
	Version  int                  `json:"version"` // 0 = built in
	Changes  []etf.CalendarChange `json:"changes"` // by operators, oldest first
}

// Calendars returns the calendars of all exchanges, or ("" = all) of one. KindInvalid with Field "exchange" for an unknown one.
func (s *Service) Calendars(ctx context.Context, exchange string) ([]Calendar, error) {
	exchanges := etf.Exchanges()
	if exchange != "" {
		x, err := etf.ParseExchange(exchange)
		if err != nil {
			return nil, err
		}
		exchanges = []etf.Exchange{x}
	}
	if err := announce(ctx, s.store); err != nil {
		return nil, err
	}
	list := make([]Calendar, 0, len(exchanges))
	for _, x := range exchanges {
		cal, err := calendar.For(x)
		if err != nil {
			return nil, err
		}
		list = append(list, Calendar{Exchange: x, Name: x.Name(), TimeZone: cal.Location().String(), From: cal.Range().From, To: cal.Range().To,
			Version: cal.Version(), Changes: append([]etf.CalendarChange{}, calendar.Changes(x)...)})
	}
	return list, nil
}

// CalendarRequest closes a session of an exchange, or takes that back.
type CalendarRequest struct {
	Exchange, Session string
	Reopen            bool
	Reason, By        string
}

// CalendarChanged is what came of a CalendarRequest.
type CalendarChanged struct {
	etf.CalendarChange
	// Moved is how many points of forecasts have another target now.
	Moved int `json:"moved"`
	// Changed is false if it was so already.
	Changed bool `json:"changed"`
}

// MaxReason is how long the reason of a closure can be, in characters.
const MaxReason = 200

// maxCloser is the width of calendar_closures.changed_by, in characters.
const maxCloser = 100

// closeBack is how many days back a session may be closed or reopened: what became known late, such as a day on which nothing traded.
const closeBack = 14

// ChangeCalendar closes a session of an exchange, which must have no bars yet, or takes such a closure back. Forecasts whose horizon reaches
// it get new targets, in rows of their own. A repeat changes nothing. Errors: KindInvalid with the field, KindNotFound with Field "session" if there is
// nothing to take back, KindConflict as Calendars.ChangeCalendar.
func (s *Service) ChangeCalendar(ctx context.Context, r CalendarRequest) (CalendarChanged, error) {
	exchange, exchangeErr := etf.ParseExchange(r.Exchange)
	session, sessionErr := etf.ParseSession(r.Session)
	if sessionErr != nil && r.Session != "" {
		sessionErr = etf.Invalid("session", fmt.Sprintf("%q is not a date", etf.Clip(r.Session, etf.MaxQuoted)), "write it as YYYY-MM-DD")
	}
	var missing error
	if strings.TrimSpace(r.Reason) == "" {
		missing = etf.Invalid("reason", "no reason is given", "say what happened, for example \"storm\": people read it wherever the day is missing")
	}
	if err := errors.Join(exchangeErr, sessionErr, missing, checkText("reason", r.Reason, MaxReason), checkText("by", r.By, maxCloser)); err != nil {
		return CalendarChanged{}, err
	}
	if err := announce(ctx, s.store); err != nil {
		return CalendarChanged{}, err
	}
	before, err := calendar.For(exchange)
	if err != nil {
		return CalendarChanged{}, err
	}
	changes := calendar.Changes(exchange)
	var last etf.CalendarChange // of the session
	for _, c := range changes {
		if c.Session == session {
			last = c
		}
	}
	switch {
	case last.Closed && !r.Reopen:
		return CalendarChanged{CalendarChange: last}, nil
	case r.Reopen && last.Number != 0 && !last.Closed:
		return CalendarChanged{CalendarChange: last}, nil
	case r.Reopen && last.Number == 0:
		return CalendarChanged{}, etf.NotFound("session", fmt.Sprintf("nobody has closed %s on %s", exchange, session), "`etfcast calendar list` shows what was closed; holidays can't be taken back")
	}
	if !r.Reopen {
		if err := before.Check(session); err != nil {
			return CalendarChanged{}, err
		}
	}
	if oldest := etf.SessionOf(s.now().In(before.Location())).AddDays(-closeBack); session < oldest {
		return CalendarChanged{}, etf.Invalid("session", fmt.Sprintf("%s is more than %d days ago", session, closeBack),
			fmt.Sprintf("use a date from %s on; the calendar of the past comes with the program", oldest))
	}
	c := etf.CalendarChange{Exchange: exchange, Number: len(changes) + 1, Session: session, Closed: !r.Reopen, Reason: r.Reason, By: r.By, At: s.now()}
	after, err := calendar.With(exchange, append(changes, c))
	if err != nil {
		return CalendarChanged{}, err
	}
	stored, moved, err := s.store.ChangeCalendar(ctx, c, calendar.Moved(before, after, session, etf.MaxHorizon))
	if err != nil {
		return CalendarChanged{}, err
	}
	return CalendarChanged{CalendarChange: stored, Moved: moved, Changed: true}, calendar.Announce(exchange, append(changes, stored))
}

// reach is more than the days in which etf.MaxHorizon sessions are held.
const reach = 3 * etf.MaxHorizon

// redated adds to a forecast where the calendar's changes have moved its horizons. One that was made with an earlier version after a change,
// by a process that had not been told yet, has no rows of its own: where it ends in the newest version is added.
func (s *Service) redated(ctx context.Context, f *etf.Forecast) error {
	near := func(c etf.CalendarChange) bool { return c.Session > f.Origin && c.Session < f.Origin.AddDays(reach) }
	changed := false // within reach of its horizons, on any exchange
	for _, x := range etf.Exchanges() {
		changed = changed || slices.ContainsFunc(calendar.Changes(x), near)
	}
	if !changed {
		return nil
	}
	moved, err := s.store.TargetDates(ctx, f.ID)
	if err != nil {
		return err
	}
	e, err := s.ETF(ctx, string(cmp.Or(f.Now, f.Symbol)))
	if err != nil {
		return err
	}
	f.Moved, err = newestTargets(e.Exchange, *f, moved)
	return err
}

// newestTargets adds to the moves of a forecast's horizons those to where they end in the newest calendar. Without a change since the
// calendar that the forecast names, there is none.
func newestTargets(x etf.Exchange, f etf.Forecast, moved []etf.TargetDate) ([]etf.TargetDate, error) {
	changes := calendar.Changes(x)
	made, err := issue.CalendarVersion(f.Params)
	if err != nil || made >= len(changes) { // a forecast can be read whatever its parameters are
		return moved, nil //nolint:nilerr // see above
	}
	newest := changes[len(changes)-1]
	cal, err := calendar.At(x, newest.Number)
	if err != nil {
		return nil, err
	}
	for _, p := range f.Points {
		last := p.Target
		after := len(moved) // the position behind the horizon's own
		for i, m := range moved {
			if m.Horizon == p.Horizon {
				last = m.Target
			}
			if m.Horizon > p.Horizon {
				after = i
				break
			}
		}
		target, err := cal.Nth(f.Origin, p.Horizon)
		if err == nil && target != last {
			moved = slices.Insert(moved, after, etf.TargetDate{Horizon: p.Horizon, CalendarVersion: newest.Number, Target: target, At: newest.At})
		}
	}
	return moved, nil
}
