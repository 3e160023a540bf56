package calendar

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etfcast/etfcast/etf"
)

// announced holds what Announce has been told, by exchange.
var announced = func() map[etf.Exchange]*atomic.Pointer[versions] {
	list := map[etf.Exchange]*atomic.Pointer[versions]{}
	for _, x := range etf.Exchanges() {
		list[x] = new(atomic.Pointer[versions])
	}
	return list
}()

// versions are the versions of one exchange's calendar; calendars[n] has the first n changes.
type versions struct {
	changes   []etf.CalendarChange
	calendars []func() *Calendar
}

// Announce tells this process all changes of an exchange's calendar, numbered from 1; For then returns the newest version. A list that
// is the beginning of the known one is older, and ignored. It is safe for concurrent use. The error is of KindCorrupt with Field
// "number" if the numbers are not 1, 2, ..., and as For's for an exchange without a calendar.
func Announce(x etf.Exchange, changes []etf.CalendarChange) error {
	base, err := builtIn(x)
	if err != nil {
		return err
	}
	for i, c := range changes {
		if c.Number != i+1 || c.Exchange != x {
			return &etf.Error{Kind: etf.KindCorrupt, Field: "number", Message: fmt.Sprintf("change %d of the calendar of %s is number %d of %s", i+1, x, c.Number, c.Exchange),
				Remedy: "restore the table calendar_closures"}
		}
	}
	for {
		old := announced[x].Load()
		if old == nil && len(changes) == 0 || old != nil && len(changes) <= len(old.changes) && slices.EqualFunc(changes, old.changes[:len(changes)], sameChange) {
			return nil
		}
		if announced[x].CompareAndSwap(old, newVersions(base, slices.Clone(changes))) {
			return nil
		}
	}
}

func sameChange(a, b etf.CalendarChange) bool {
	return a.Session == b.Session && a.Closed == b.Closed && a.Reason == b.Reason && a.At.Equal(b.At)
}

func newVersions(base *Calendar, changes []etf.CalendarChange) *versions {
	v := &versions{changes: changes, calendars: make([]func() *Calendar, len(changes)+1)}
	v.calendars[0] = func() *Calendar { return base }
	for n := 1; n <= len(changes); n++ {
		v.calendars[n] = sync.OnceValue(func() *Calendar { return base.with(changes[:n]) })
	}
	return v
}

// At returns a version of an exchange's calendar: 0 is the built-in one. KindNotFound with Field "calendar_version" for one that
// this process has not been told of; the other errors are those of For.
func At(x etf.Exchange, version int) (*Calendar, error) {
	base, err := builtIn(x)
	if err != nil || version == 0 {
		return base, err
	}
	if v := announced[x].Load(); v != nil && version > 0 && version < len(v.calendars) {
		return v.calendars[version](), nil
	}
	return nil, etf.NotFound("calendar_version", fmt.Sprintf("the calendar of %s has no version %d here", x, version),
		"connect to the database whose closures it was made with; `etfcast calendar list` shows the versions")
}

// With returns the built-in calendar with changes, whatever this process has been told. The error is that of For.
func With(x etf.Exchange, changes []etf.CalendarChange) (*Calendar, error) {
	base, err := builtIn(x)
	if err != nil {
		return nil, err
	}
	return base.with(changes), nil
}

// Changes returns the changes of the exchange's calendar that this process knows, in order.
func Changes(x etf.Exchange) []etf.CalendarChange {
	if p := announced[x]; p != nil {
		if v := p.Load(); v != nil {
			return slices.Clone(v.changes)
		}
	}
	return nil
}

// Version returns how many changes of operators the calendar has; 0 = built in.
func (c *Calendar) Version() int { return c.version }

// Name is the calendar's exchange and, beyond version 0, its version: "XKRX" or "XKRX@2". Named reads it.
func (c *Calendar) Name() string { return NameOf(c.exchange, c.version) }

// NameOf is the Name of a version of an exchange's calendar.
func NameOf(x etf.Exchange, version int) string {
	if version == 0 {
		return string(x)
	}
	return string(x) + "@" + strconv.Itoa(version)
}

// Named returns the calendar of a Name; without a version, or of an exchange's other name, it is the built-in one. Errors are those of
// At, and KindInvalid with Field "exchange".
func Named(name string) (*Calendar, error) {
	text, number, versioned := strings.Cut(name, "@")
	x, err := etf.ParseExchange(text)
	if err != nil {
		return nil, err
	}
	version := 0
	if versioned {
		if version, err = strconv.Atoi(number); err != nil || version < 1 || strconv.Itoa(version) != number {
			return nil, etf.Invalid("exchange", fmt.Sprintf("%q names no version of a calendar", etf.Clip(name, etf.MaxQuoted)), "write it as XKRX@2")
		}
	}
	return At(x, version)
}

// with returns the calendar with changes. One that closes a day without a session, or takes back what is not closed, has no effect.
func (c *Calendar) with(changes []etf.CalendarChange) *Calendar {
	last := map[etf.Session]etf.CalendarChange{}
	for _, x := range changes {
		last[x.Session] = x
	}
	out := &Calendar{exchange: c.exchange, location: c.location, span: c.span, version: len(changes), closures: slices.Clone(c.closures)}
	closed := func(s etf.Session) bool { return last[s].Closed && c.IsSession(s) }
	for i, s := range c.sessions {
		if closed(s) {
			x := last[s]
			out.closures = append(out.closures, Closure{Date: s, Name: x.Reason, Announced: min(etf.SessionOf(x.At.In(c.location)), s)})
			continue
		}
		out.sessions, out.opens, out.closes = append(out.sessions, s), append(out.opens, c.opens[i]), append(out.closes, c.closes[i])
	}
	sort.SliceStable(out.closures, func(i, k int) bool { return out.closures[i].Date < out.closures[k].Date })
	for _, x := range c.special {
		if !closed(x.Session) {
			out.special = append(out.special, x)
		}
	}
	out.rank = make([]int32, 1, len(c.rank))
	for s, n := c.span.From, 0; s <= c.span.To; s++ {
		if n < len(out.sessions) && out.sessions[n] == s {
			n++
		}
		out.rank = append(out.rank, int32(n)) //nolint:gosec // of four decades
	}
	return out
}

// Moved returns the horizons, up to the largest, of origins that end on another session in the second calendar than in the first, by origin
// and horizon. The calendars differ in sessions from the first one on that is given. Horizons that one of them does not reach are left out.
func Moved(before, after *Calendar, from etf.Session, largest int) []etf.DatedHorizon {
	var list []etf.DatedHorizon
	origin, err := before.Nth(from, -largest)
	if err != nil {
		origin = before.sessions[0]
	}
	for ; origin < from; origin++ {
		if !before.IsSession(origin) || !after.IsSession(origin) {
			continue
		}
		for h := 1; h <= largest; h++ {
			was, err1 := before.Nth(origin, h)
			is, err2 := after.Nth(origin, h)
			if err1 == nil && err2 == nil && was != is {
				list = append(list, etf.DatedHorizon{Origin: origin, Horizon: h, Target: is})
			}
		}
	}
	return list
}
