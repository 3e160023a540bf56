package service

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Watched is what one look at the deadlines has found.
type Watched struct {
	At time.Time
	// Missed and Met are the deadlines that this look was the first to see missed, and met after they had been missed.
	Missed, Met []etf.MissedDeadline
	// Exchanges says for each exchange how things stand now.
	Exchanges map[etf.Exchange]WatchedExchange
}

// WatchedExchange says how an exchange stands.
type WatchedExchange struct {
	// Stale are the ETFs that lack what is due, by what they lack. An ETF counts once for each, however many sessions are late.
	Stale map[etf.Deadline]int
	// Late is how late the session is that has lacked something for longest; zero if none does.
	Late time.Duration
}

// deadlineWatch remembers between two looks which ETFs can't become stale before an instant, so that they need not be read.
type deadlineWatch struct {
	mu    sync.Mutex // held during a look
	quiet map[etf.Symbol]time.Time
}

// WatchDeadlines looks for deadlines that have passed without what was due, whatever runs there were, and for missed ones that have been
// met, and records both, each with an event. However many processes look, each deadline is missed once and met once. It looks back
// five sessions: what was missed before while no process looked is not recorded. So is what came late between two looks.
func (s *Service) WatchDeadlines(ctx context.Context) (Watched, error) {
	s.watching.mu.Lock()
	defer s.watching.mu.Unlock()
	now := s.now().UTC()
	w := Watched{At: now, Exchanges: map[etf.Exchange]WatchedExchange{}}
	q := etf.StateQuery{Model: s.benchmark(), Since: map[etf.Exchange]etf.Session{}, Except: map[etf.Symbol]bool{}}
	calendars, sessions := map[etf.Exchange]*calendar.Calendar{}, map[etf.Exchange]etf.Session{}
	for _, x := range etf.Exchanges() {
		cal, err := calendar.For(x)
		if err != nil {
			return w, err
		}
		calendars[x] = cal
		if sessions[x], q.Since[x], err = newest(cal, now); err != nil {
			return w, err
		}
		w.Exchanges[x] = WatchedExchange{Stale: map[etf.Deadline]int{etf.DeadlineStored: 0, etf.DeadlineForecast: 0}}
	}
	open, _, err := s.openDeadlines(ctx)
	if err != nil {
		return w, err
	}
	// A missed deadline that has been met needs no look at its ETF: what is open tells.
	maps.DeleteFunc(s.watching.quiet, func(symbol etf.Symbol, until time.Time) bool { return !now.Before(until) || len(open[symbol]) > 0 })
	for symbol := range s.watching.quiet {
		q.Except[symbol] = true
	}
	list, err := s.store.ETFStates(ctx, q)
	if err != nil {
		return w, err
	}
	if s.watching.quiet == nil {
		s.watching.quiet = map[etf.Symbol]time.Time{}
	}
	var missed, met []etf.MissedDeadline
	for _, deadlines := range open {
		for _, m := range deadlines {
			if m.MetAt = arrived(m.Arrival, m.Kind); !m.MetAt.IsZero() {
				met = append(met, m)
			}
		}
	}
	for i := range list {
		e := &list[i]
		x := e.Exchange
		if calendars[x] == nil {
			continue
		}
		items, err := s.assess(calendars[x], e, sessions[x], q.Since[x], open[e.Symbol], now)
		if err != nil {
			return w, err
		}
		if until := s.quietUntil(calendars[x], e, sessions[x], q.Since[x], now); len(open[e.Symbol]) == 0 && now.Before(until) {
			s.watching.quiet[e.Symbol] = until
		}
		at := w.Exchanges[x]
		lacking := map[etf.Deadline]bool{}
		for _, f := range items {
			if f.State != etf.FreshnessStale {
				continue
			}
			at.Late = max(at.Late, f.Late)
			for _, kind := range s.lacks(e, f) {
				lacking[kind] = true
				if !knownMissed(open[e.Symbol], f.Session, kind) {
					missed = append(missed, etf.MissedDeadline{Symbol: e.Symbol, Exchange: x, Session: f.Session, Kind: kind, DueAt: f.DueAt, SeenAt: now})
				}
			}
		}
		for kind := range lacking {
			at.Stale[kind]++
		}
		w.Exchanges[x] = at
	}
	if w.Missed, err = s.store.RecordMissed(ctx, missed); err != nil {
		return w, err
	}
	w.Met, err = s.store.RecordMet(ctx, met)
	return w, err
}

// quietUntil returns the instant before which the ETF can't become stale, whatever happens to it; zero or past if there is none. What has come of
// a session stays, so only one that lacks something can become late. A source may be replaced by one with a shorter delay, so that of the
// exchange counts.
func (s *Service) quietUntil(cal *calendar.Calendar, e *etf.ETFState, session, first etf.Session, now time.Time) time.Time {
	next, err := cal.Next(session)
	if err != nil {
		return time.Time{} // the calendar ends here
	}
	there := map[etf.Session]bool{}
	for _, a := range e.Arrivals {
		there[a.Session] = !a.Stored.IsZero() && !a.Forecast.IsZero()
	}
	for _, day := range append(cal.Sessions(etf.Window{From: first, To: session}), next) {
		if there[day] {
			continue
		}
		closed, err := cal.Close(day)
		if err != nil {
			return time.Time{}
		}
		// An ETF that is retired owes, once it returns, what closes after that.
		if closed.Before(e.Since) || e.Retired && !now.Before(closed) {
			continue
		}
		return closed.Add(s.dueAfter.Delay(e.Exchange, ""))
	}
	return time.Time{}
}

// lacks returns what is missing of a stale session.
func (s *Service) lacks(e *etf.ETFState, f etf.Freshness) (list []etf.Deadline) {
	if f.StoredAt.IsZero() {
		list = append(list, etf.DeadlineStored)
	}
	if f.ForecastAt.IsZero() && s.forecastDue(e) {
		list = append(list, etf.DeadlineForecast)
	}
	return list
}

// arrived returns when what a deadline is about came.
func arrived(a etf.Arrival, kind etf.Deadline) time.Time {
	if kind == etf.DeadlineForecast {
		return a.Forecast
	}
	return a.Stored
}

func knownMissed(open []etf.MissedDeadline, session etf.Session, kind etf.Deadline) bool {
	for _, m := range open {
		if m.Session == session && m.Kind == kind {
			return true
		}
	}
	return false
}
