package calendar

import (
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"
	_ "time/tzdata" // the same instants on a machine without a time zone database

	"github.com/etfcast/etfcast/etf"
)

// Calendar is the trading calendar of one exchange. It is immutable and safe for concurrent use.
type Calendar struct {
	exchange etf.Exchange
	location *time.Location
	span     etf.Window
	sessions []etf.Session  // ascending
	opens    []int64        // Unix seconds, by index into sessions
	closes   []int64        // Unix seconds, by index into sessions
	rank     []int32        // rank[i] = number of sessions before day i of span; one more entry than days
	closures []Closure      // ascending by date
	special  []SpecialHours // ascending by session
	version  int            // changes by operators
}

// Closure is a day of the exchange's trading week on which it did not or will not trade.
type Closure struct {
	Date etf.Session `json:"date"`
	Name string      `json:"name"`
	// Announced is the date the closure became known; zero if it follows from a standing rule, a law or the exchange's
	// annual calendar.
	Announced etf.Session `json:"announced,omitzero"`
}

// SpecialHours is a session that opened or closed at a time other than the regular one of its period. Instants are UTC.
type SpecialHours struct {
	Session   etf.Session `json:"session"`
	Open      time.Time   `json:"open"`
	Close     time.Time   `json:"close"`
	LateOpen  bool        `json:"late_open"`   // opened after the regular time
	Early     bool        `json:"early_close"` // closed before the regular time
	LateClose bool        `json:"late_close"`  // closed after the regular time
	Reason    string      `json:"reason"`
	Announced etf.Session `json:"announced,omitzero"` // zero as in Closure
}

var built = map[etf.Exchange]func() (*Calendar, error){
	etf.XNYS: sync.OnceValues(func() (*Calendar, error) { return build(xnysPlan()) }),
	etf.XKRX: sync.OnceValues(func() (*Calendar, error) { return build(xkrxPlan()) }),
	etf.XLON: sync.OnceValues(func() (*Calendar, error) { return build(xlonPlan()) }),
	etf.XETR: sync.OnceValues(func() (*Calendar, error) { return build(xetrPlan()) }),
	etf.XTKS: sync.OnceValues(func() (*Calendar, error) { return build(xtksPlan()) }),
}

// For returns the calendar of an exchange, in the newest version that this process has been told of (Announce). It is built on first use
// and shared by all callers. An exchange without a calendar is an error of KindInvalid with Field "exchange".
func For(x etf.Exchange) (*Calendar, error) {
	if p := announced[x]; p != nil {
		if v := p.Load(); v != nil {
			return v.calendars[len(v.changes)](), nil
		}
	}
	return builtIn(x)
}

// builtIn returns version 0.
func builtIn(x etf.Exchange) (*Calendar, error) {
	get, ok := built[x]
	if !ok {
		_, err := etf.ParseExchange(string(x))
		if err == nil {
			err = etf.Invalid("exchange", fmt.Sprintf("%s has no trading calendar", x), "use "+etf.ExchangeList())
		}
		return nil, err
	}
	return get()
}

// Exchange returns the exchange whose calendar this is.
func (c *Calendar) Exchange() etf.Exchange { return c.exchange }

// Location returns the exchange's time zone.
func (c *Calendar) Location() *time.Location { return c.location }

// Range returns the first and last civil date of the calendar, both inclusive.
func (c *Calendar) Range() etf.Window { return c.span }

// IsSession reports whether s is a trading session; it is false for dates out of range.
func (c *Calendar) IsSession(s etf.Session) bool {
	if !c.span.Contains(s) {
		return false
	}
	i := int(s - c.span.From)
	return c.rank[i+1] > c.rank[i]
}

// Check returns nil for a session, and otherwise an error of KindInvalid with Field "session" that says why the exchange
// does not trade on that day and names the nearest sessions.
func (c *Calendar) Check(s etf.Session) error {
	if c.IsSession(s) {
		return nil
	}
	return c.notSession(s)
}

// Open returns the instant (UTC) the session's regular trading opens. Errors are those of Check.
func (c *Calendar) Open(s etf.Session) (time.Time, error) {
	if !c.IsSession(s) {
		return time.Time{}, c.notSession(s)
	}
	return time.Unix(c.opens[c.before(s)], 0).UTC(), nil
}

// Close returns the instant (UTC) the session's regular trading closes. Errors are those of Check.
func (c *Calendar) Close(s etf.Session) (time.Time, error) {
	if !c.IsSession(s) {
		return time.Time{}, c.notSession(s)
	}
	return time.Unix(c.closes[c.before(s)], 0).UTC(), nil
}

// Next returns the first session strictly after the civil date s, which need not be a session. If the calendar does not
// reach that far, the error is of KindInvalid with Field "session".
func (c *Calendar) Next(s etf.Session) (etf.Session, error) { return c.Nth(s, 1) }

// Previous returns the last session strictly before the civil date s, which need not be a session. If the calendar does
// not reach that far, the error is of KindInvalid with Field "session".
func (c *Calendar) Previous(s etf.Session) (etf.Session, error) { return c.Nth(s, -1) }

// Nth counts sessions from the civil date s: n = 1 is the first session strictly after s, n = -1 the last one strictly
// before it, and n = 0 is s itself, which must then be a session. If the calendar does not reach that far, the error is
// of KindInvalid with Field "session".
func (c *Calendar) Nth(s etf.Session, n int) (etf.Session, error) {
	if n == 0 {
		return s, c.Check(s)
	}
	// The day just outside the range still has a known neighbor inside it; days farther out do not.
	if s < c.span.From-1 || s > c.span.To+1 {
		return 0, c.outOfRange(s)
	}
	first, steps := c.before(s+1), n-1 // counting forward, s itself does not count
	if n < 0 {
		first, steps = c.before(s), n
	}
	// Compared without adding, so that no n overflows.
	if steps >= len(c.sessions)-first || steps < -first {
		return 0, etf.Invalid("session", fmt.Sprintf("session %+d from %s is outside the calendar of %s", n, s.Time().Format(time.DateOnly), c.exchange),
			fmt.Sprintf("its sessions run from %s to %s", c.sessions[0], c.sessions[len(c.sessions)-1]))
	}
	return c.sessions[first+steps], nil
}

// Sessions returns the sessions of the window in ascending order. A zero From or To stands for that end of the
// calendar's range; dates out of range are ignored. The caller owns the slice.
func (c *Calendar) Sessions(w etf.Window) []etf.Session {
	lo, hi := c.bounds(w)
	return slices.Clone(c.sessions[lo:hi])
}

// Count returns len(Sessions(w)) without allocating the slice.
func (c *Calendar) Count(w etf.Window) int {
	lo, hi := c.bounds(w)
	return hi - lo
}

// Reach returns the first session that a history of this depth can have, if last is the last closed session and today the day; zero if it
// has no limit.
func (c *Calendar) Reach(d etf.SourceDepth, last, today etf.Session) (from etf.Session) {
	if d.Days > 0 {
		from = today.AddDays(-d.Days)
	}
	if d.Rows > 0 {
		if first, err := c.Nth(last, 1-d.Rows); err == nil {
			from = max(from, first)
		}
	}
	return from
}

// LastClosed returns the last session whose close is at or before t. If t is before the calendar's first close or after
// its last day, the error is of KindInvalid with Field "instant".
func (c *Calendar) LastClosed(t time.Time) (etf.Session, error) {
	i := sort.Search(len(c.closes), func(i int) bool { return !c.closeAt(i).Before(t) })
	if i < len(c.closes) && c.closeAt(i).Equal(t) {
		i++
	}
	if i == 0 || etf.SessionOf(t.In(c.location)) > c.span.To {
		return 0, etf.Invalid("instant", fmt.Sprintf("%s is out of range for the calendar of %s", t.UTC().Format(time.RFC3339), c.exchange),
			fmt.Sprintf("use an instant from the close of %s to %s", c.sessions[0], c.span.To))
	}
	return c.sessions[i-1], nil
}

// Closures returns, in ascending order, the days of the window on which the exchange is closed although it trades on
// that day of the week: weekdays and, for XKRX until 1998-12-05, Saturdays. A zero From or To stands for that end of the
// calendar's range.
func (c *Calendar) Closures(w etf.Window) []Closure {
	w = c.clip(w)
	return within(c.closures, w, func(x Closure) etf.Session { return x.Date })
}

// SpecialHours returns the sessions of the window with an irregular open or close, in ascending order. A zero
// From or To stands for that end of the calendar's range.
func (c *Calendar) SpecialHours(w etf.Window) []SpecialHours {
	w = c.clip(w)
	return within(c.special, w, func(x SpecialHours) etf.Session { return x.Session })
}

// EarlyCloses returns the special hours of the window that end before the regular close.
func (c *Calendar) EarlyCloses(w etf.Window) []SpecialHours {
	return slices.DeleteFunc(c.SpecialHours(w), func(x SpecialHours) bool { return !x.Early })
}

// before returns the number of sessions strictly before the day, which may be out of range.
func (c *Calendar) before(s etf.Session) int {
	if s <= c.span.From {
		return 0
	}
	if s > c.span.To {
		return len(c.sessions)
	}
	return int(c.rank[s-c.span.From])
}

func (c *Calendar) closeAt(i int) time.Time { return time.Unix(c.closes[i], 0) }

func (c *Calendar) clip(w etf.Window) etf.Window {
	if w.From == 0 {
		w.From = c.span.From
	}
	if w.To == 0 {
		w.To = c.span.To
	}
	return etf.Window{From: max(w.From, c.span.From), To: min(w.To, c.span.To)}
}

func (c *Calendar) bounds(w etf.Window) (lo, hi int) {
	w = c.clip(w)
	if w.From > w.To {
		return 0, 0
	}
	return c.before(w.From), c.before(w.To + 1)
}

func within[T any](sorted []T, w etf.Window, date func(T) etf.Session) []T {
	lo := sort.Search(len(sorted), func(i int) bool { return date(sorted[i]) >= w.From })
	hi := sort.Search(len(sorted), func(i int) bool { return date(sorted[i]) > w.To })
	if lo >= hi {
		return nil
	}
	return slices.Clone(sorted[lo:hi])
}
