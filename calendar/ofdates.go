package calendar

import (
	"slices"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// OfDates returns the calendar of no exchange whose sessions are these dates, in any order; a date given twice is one session. A session lasts
// from midnight to midnight UTC, and there are no closures or special hours. KindInvalid with Field "dates" if there is none.
func OfDates(dates []etf.Session) (*Calendar, error) {
	sessions := slices.Clone(dates)
	slices.Sort(sessions)
	sessions = slices.Compact(sessions)
	if len(sessions) == 0 {
		return nil, etf.Invalid("dates", "a calendar without a date", "give the dates of some rows")
	}
	c := &Calendar{location: time.UTC, span: etf.Window{From: sessions[0], To: sessions[len(sessions)-1]}, sessions: sessions}
	c.rank = make([]int32, 1, c.span.To-c.span.From+2)
	n := 0
	for s := c.span.From; s <= c.span.To; s++ {
		if sessions[n] == s {
			n++
			c.opens = append(c.opens, s.Time().Unix())
			c.closes = append(c.closes, s.Time().AddDate(0, 0, 1).Unix())
		}
		c.rank = append(c.rank, int32(n)) //nolint:gosec // of three centuries
	}
	return c, nil
}
