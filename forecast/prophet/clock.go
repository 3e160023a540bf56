package prophet

import (
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// clock converts stamps to scaled time: 0 at the start of the history and 1 at its end. It runs evenly or, with
// Market.SessionTime, advances only with sessions: a day without a session has the time of the previous session.
type clock struct {
	start, span Stamp
	sessions    []etf.Session // of the calendar, ascending; nil = runs evenly
	first, len  float64       // ordinal of the start, ordinals to the end
	covers      etf.Window
	own         bool // the sessions are the series' own: after the last of them, every weekday is one
}

func newClock(k Market, first, last Stamp) (clock, error) {
	c := clock{start: first, span: last - first}
	if !k.SessionTime {
		return c, nil
	}
	if k.Exchange == "" {
		c.sessions, c.own = k.Own.Days, true
	} else {
		cal, err := tradingCalendar(k.Exchange)
		if err != nil {
			return c, err
		}
		c.covers = cal.Range()
		c.sessions = cal.Sessions(c.covers)
	}
	a, err := c.ordinal(first)
	if err != nil {
		return c, err
	}
	b, err := c.ordinal(last)
	if err != nil {
		return c, err
	}
	if a == b {
		return c, etf.Invalid("ds", fmt.Sprintf("there is only one session from %s to %s", first, last), "give rows of 2 sessions or more")
	}
	c.first, c.len = a, b-a
	return c, nil
}

// ordinal counts the sessions up to a stamp.
func (c *clock) ordinal(s Stamp) (float64, error) {
	day := s.session()
	if last := c.sessions[len(c.sessions)-1]; c.own && day > last {
		n := len(c.sessions)
		for last++; last <= day; last++ {
			if weekday(last) {
				n++
			}
		}
		return float64(n), nil
	}
	if !c.own && !c.covers.Contains(day) {
		return 0, etf.Invalid("ds", fmt.Sprintf("%s is outside the trading calendar", s), fmt.Sprintf("use dates from %s to %s, or leave session_time out", c.covers.From, c.covers.To))
	}
	at, found := slices.BinarySearch(c.sessions, day)
	if found {
		at++
	}
	return float64(at), nil
}

func (c *clock) write(t []float64, ds []Stamp) error {
	if c.sessions == nil {
		span := float64(c.span)
		for i, s := range ds {
			t[i] = float64(s-c.start) / span
		}
		return nil
	}
	for i, s := range ds {
		n, err := c.ordinal(s)
		if err != nil {
			return err
		}
		t[i] = (n - c.first) / c.len
	}
	return nil
}

// steps returns the number of sessions from one scaled time to a later one.
func (c *clock) steps(from, to float64) int { return int(math.Round((to - from) * c.len)) }

// session returns the date of a stamp.
func (s Stamp) session() etf.Session { return etf.Session(s.Date() / Day) }
