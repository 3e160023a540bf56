package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

const (
	// DefaultDueAfter is how long after its close a session is due, unless a setting says otherwise.
	DefaultDueAfter = 3 * time.Hour
	// MaxDueAfter is the longest delay of an exchange or source.
	MaxDueAfter = 7 * 24 * time.Hour
	// lookBack is how many of an exchange's newest closed sessions are checked. Deadlines of older ones are known from the
	// record of those missed.
	lookBack = 5
	// maxDeadlines is how many missed deadlines are read.
	maxDeadlines = 20_000
)

// DueAfter says how long after its close a session is due: the delay of the exchange, DefaultDueAfter if it has none, and that of
// the ETF's preferred source.
type DueAfter struct {
	Exchanges map[etf.Exchange]time.Duration
	Sources   map[string]time.Duration
}

// Delay returns the delay of an exchange and a source.
func (d DueAfter) Delay(x etf.Exchange, source string) time.Duration {
	delay, ok := d.Exchanges[x]
	if !ok {
		delay = DefaultDueAfter
	}
	return delay + d.Sources[source]
}

// ParseDueAfter reads delays by the names of exchanges and sources. Errors are of KindInvalid with Field "due-after", one for each
// delay that is wrong.
func ParseDueAfter(texts map[string]string) (DueAfter, error) {
	d := DueAfter{Exchanges: map[etf.Exchange]time.Duration{}, Sources: map[string]time.Duration{}}
	var problems []error
	refuse := func(message, remedy string) { problems = append(problems, etf.Invalid("due-after", message, remedy)) }
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		delay, err := time.ParseDuration(strings.TrimSpace(texts[name]))
		if err != nil || delay < 0 || delay > MaxDueAfter {
			refuse(fmt.Sprintf("%s=%s is not a delay", etf.Clip(name, etf.MaxQuoted), etf.Clip(texts[name], etf.MaxQuoted)), "write NAME=DURATION with a duration from 0s to 168h, for example XNYS=3h30m")
			continue
		}
		switch {
		case slices.Contains(etf.Exchanges(), etf.Exchange(name)):
			d.Exchanges[etf.Exchange(name)] = delay
		case slices.Contains(etf.SourceNames(), name):
			d.Sources[name] = delay
		default:
			refuse(fmt.Sprintf("%q is neither an exchange nor a source", etf.Clip(name, etf.MaxQuoted)), "use "+etf.ExchangeList()+", or one of the sources "+strings.Join(etf.SourceNames(), ", "))
		}
	}
	return d, errors.Join(problems...)
}

// dueAt returns when an ETF's session is due. Errors are those of Calendar.Close.
func (s *Service) dueAt(cal *calendar.Calendar, e etf.ETF, session etf.Session) (closed, due time.Time, err error) {
	closed, err = cal.Close(session)
	source := ""
	if len(e.Sources) > 0 {
		source = e.Sources[0].Name
	}
	return closed, closed.Add(s.dueAfter.Delay(e.Exchange, source)), err
}

// freshness says how an ETF stands at a session of its exchange. expected is false if nothing is due and nothing has come: the
// session closed before daily runs began to update the ETF, or before its listing or after its delisting, or the ETF is retired.
func (s *Service) freshness(cal *calendar.Calendar, e *etf.ETFState, a etf.Arrival, now time.Time) (f etf.Freshness, expected bool, err error) {
	closed, due, err := s.dueAt(cal, e.ETF, a.Session)
	if err != nil {
		return f, false, err
	}
	f = etf.Freshness{
		Symbol: e.Symbol, Exchange: e.Exchange, Session: a.Session, ClosedAt: closed, DueAt: due, StoredAt: a.Stored, ForecastAt: a.Forecast,
	}
	owed := !e.Retired && !closed.Before(e.Since) && a.Session >= e.Listed && (e.Delisted.IsZero() || a.Session <= e.Delisted)
	switch {
	case s.complete(e, a):
		f.State = etf.FreshnessOK
		if late := latest(a.Stored, a.Forecast).Sub(due); owed {
			f.Late = max(0, late)
		}
	case owed && !now.Before(due):
		f.State, f.Late = etf.FreshnessStale, now.Sub(due)
	default:
		f.State = etf.FreshnessWaiting
	}
	return f, owed || !a.Stored.IsZero() || !a.Forecast.IsZero(), nil
}

// complete reports whether everything that is due after a session has come.
func (s *Service) complete(e *etf.ETFState, a etf.Arrival) bool {
	return !a.Stored.IsZero() && (!a.Forecast.IsZero() || !s.forecastDue(e))
}

// forecastDue reports whether the benchmark model can forecast the ETF: it needs some sessions.
func (s *Service) forecastDue(e *etf.ETFState) bool {
	return e.Bars-e.Quarantined >= s.minSessions(s.benchmark())
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// newest returns the exchange's newest closed session and the first of the sessions that are checked.
func newest(cal *calendar.Calendar, now time.Time) (session, first etf.Session, err error) {
	session, err = cal.LastClosed(now)
	if err != nil {
		return 0, 0, err
	}
	first = session
	for range lookBack - 1 {
		before, err := cal.Previous(first)
		if err != nil {
			return session, first, nil //nolint:nilerr // the calendar begins here
		}
		first = before
	}
	return session, first, nil
}

// assess says how an ETF stands at its newest closed session, and at each older one that lacks something, newest first. first is
// the oldest session that the ETF's arrivals cover; open are its missed deadlines.
func (s *Service) assess(cal *calendar.Calendar, e *etf.ETFState, session, first etf.Session, open []etf.MissedDeadline, now time.Time) ([]etf.Freshness, error) {
	arrivals := map[etf.Session]etf.Arrival{}
	for _, a := range e.Arrivals {
		arrivals[a.Session] = a
	}
	sessions := cal.Sessions(etf.Window{From: first, To: session})
	for _, m := range open {
		// A day that has been announced as closed since is no session.
		if m.Session < first && cal.IsSession(m.Session) && !slices.Contains(sessions, m.Session) {
			sessions = append(sessions, m.Session)
			arrivals[m.Session] = m.Arrival
		}
	}
	slices.SortFunc(sessions, func(a, b etf.Session) int { return cmp.Compare(b, a) })
	var list []etf.Freshness
	for _, day := range sessions {
		a := arrivals[day]
		a.Session = day
		f, expected, err := s.freshness(cal, e, a, now)
		if err != nil {
			return nil, err
		}
		// An older session with nothing owed is of no interest, even if something came of it.
		if !expected || day != session && (f.State == etf.FreshnessOK || f.State == etf.FreshnessWaiting && !now.Before(f.DueAt)) {
			continue
		}
		list = append(list, f)
	}
	return list, nil
}

// FreshnessQuery selects freshness, as the user wrote it. "" selects all; a session is looked at instead of the newest ones.
type FreshnessQuery struct {
	Exchange, Symbol, State, Session string
}

// FreshnessReport says how ETFs stand.
type FreshnessReport struct {
	AsOf      time.Time
	Exchanges []FreshnessExchange
	Items     []etf.Freshness // ascending by symbol and session
	Clipped   bool            // there are more missed deadlines than were read
}

// FreshnessExchange sums up an exchange: its ETFs by the worst state of their items.
type FreshnessExchange struct {
	Exchange           etf.Exchange
	Session            etf.Session
	ClosedAt, DueAt    time.Time // DueAt without the delay of a source
	OK, Waiting, Stale int
}

// Freshness reports whether ETFs have what is due after their newest sessions, whatever runs there were. KindNotFound for an
// unknown symbol; KindInvalid for what can't be read, and a session that has not closed.
func (s *Service) Freshness(ctx context.Context, q FreshnessQuery) (FreshnessReport, error) {
	states := etf.StateQuery{Model: s.benchmark(), Since: map[etf.Exchange]etf.Session{}}
	exchanges, session, err := s.freshnessScope(ctx, q, &states)
	if err != nil {
		return FreshnessReport{}, err
	}
	r := FreshnessReport{AsOf: s.now().UTC(), Exchanges: []FreshnessExchange{}, Items: []etf.Freshness{}}
	type scope struct {
		cal             *calendar.Calendar
		newest, first   etf.Session
		ok, waits, late int
	}
	scopes := map[etf.Exchange]*scope{}
	for _, x := range exchanges {
		cal, err := calendar.For(x)
		if err != nil {
			return r, err
		}
		sc := &scope{cal: cal, newest: session, first: session}
		if session.IsZero() {
			if sc.newest, sc.first, err = newest(cal, r.AsOf); err != nil {
				return r, err
			}
		}
		scopes[x], states.Since[x] = sc, sc.first
	}
	var open map[etf.Symbol][]etf.MissedDeadline
	if session.IsZero() {
		if open, r.Clipped, err = s.openDeadlines(ctx); err != nil {
			return r, err
		}
	} else {
		states.Until = session
	}
	list, err := s.store.ETFStates(ctx, states)
	if err != nil {
		return r, err
	}
	for i := range list {
		e := &list[i]
		sc := scopes[e.Exchange]
		if sc == nil {
			continue
		}
		items, err := s.assess(sc.cal, e, sc.newest, sc.first, open[e.Symbol], r.AsOf)
		if err != nil {
			return r, err
		}
		switch worst(items) {
		case etf.FreshnessOK:
			sc.ok++
		case etf.FreshnessWaiting:
			sc.waits++
		case etf.FreshnessStale:
			sc.late++
		}
		for _, f := range slices.Backward(items) {
			if q.State == "" || string(f.State) == q.State {
				r.Items = append(r.Items, f)
			}
		}
	}
	for _, x := range exchanges {
		sc := scopes[x]
		closed, err := sc.cal.Close(sc.newest)
		if err != nil {
			return r, err
		}
		r.Exchanges = append(r.Exchanges, FreshnessExchange{
			Exchange: x, Session: sc.newest, ClosedAt: closed, DueAt: closed.Add(s.dueAfter.Delay(x, "")), OK: sc.ok, Waiting: sc.waits, Stale: sc.late,
		})
	}
	return r, nil
}

// worst returns the worst state of an ETF's items; "" if it has none.
func worst(items []etf.Freshness) etf.FreshnessState {
	var state etf.FreshnessState
	for _, f := range items {
		switch {
		case f.State == etf.FreshnessStale:
			return f.State
		case state != etf.FreshnessWaiting:
			state = f.State
		}
	}
	return state
}

// freshnessScope checks the query and returns the exchanges it is about and the session, zero for the newest ones.
func (s *Service) freshnessScope(ctx context.Context, q FreshnessQuery, states *etf.StateQuery) ([]etf.Exchange, etf.Session, error) {
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	exchanges := etf.Exchanges()
	var session etf.Session
	var err error
	if q.Exchange != "" {
		states.Exchange, err = etf.ParseExchange(q.Exchange)
		exchanges = []etf.Exchange{states.Exchange}
		note(err)
	}
	if q.Symbol != "" {
		symbol, err := etf.ParseSymbol(q.Symbol)
		states.Symbols = []etf.Symbol{symbol}
		note(err)
	}
	switch etf.FreshnessState(q.State) {
	case "", etf.FreshnessOK, etf.FreshnessWaiting, etf.FreshnessStale:
	default:
		note(etf.Invalid("state", fmt.Sprintf("%q is not a state", etf.Clip(q.State, etf.MaxQuoted)), "use ok, waiting or stale"))
	}
	if q.Session != "" {
		session, err = etf.ParseSession(q.Session)
		note(err)
	}
	if len(problems) > 0 {
		return nil, 0, errors.Join(problems...)
	}
	if q.Symbol != "" {
		e, err := s.ETF(ctx, q.Symbol)
		if err != nil {
			return nil, 0, err
		}
		if q.Exchange != "" && e.Exchange != states.Exchange {
			return nil, 0, etf.Invalid("exchange", fmt.Sprintf("%s trades on %s", e.Symbol, e.Exchange), "leave exchange or symbol out")
		}
		exchanges = []etf.Exchange{e.Exchange}
	}
	if session.IsZero() {
		return exchanges, 0, nil
	}
	var open []etf.Exchange
	for _, x := range exchanges {
		err := s.closed(x, session)
		note(err)
		if err == nil {
			open = append(open, x)
		}
	}
	if len(open) == 0 {
		return nil, 0, problems[0]
	}
	return open, session, nil
}

// closed returns nil if the day is a session of the exchange that has closed.
func (s *Service) closed(x etf.Exchange, session etf.Session) error {
	cal, err := calendar.For(x)
	if err != nil {
		return err
	}
	at, err := cal.Close(session)
	if err != nil {
		return err
	}
	if s.now().Before(at) {
		return etf.Invalid("session", fmt.Sprintf("%s has not closed yet on %s: it closes at %s", session, x, at.Format(time.RFC3339)), "ask for an earlier session, or leave it out for the newest one")
	}
	return nil
}

// openDeadlines returns the missed deadlines by ETF, and whether there are more.
func (s *Service) openDeadlines(ctx context.Context) (bySymbol map[etf.Symbol][]etf.MissedDeadline, more bool, err error) {
	open, err := s.store.OpenDeadlines(ctx, s.benchmark(), maxDeadlines+1)
	open, more = cut(open, maxDeadlines)
	bySymbol = map[etf.Symbol][]etf.MissedDeadline{}
	for _, m := range open {
		bySymbol[m.Symbol] = append(bySymbol[m.Symbol], m)
	}
	return bySymbol, more, err
}
