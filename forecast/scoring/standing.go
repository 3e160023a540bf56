package scoring

import (
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Deadline returns the instant before which a forecast from the origin must be issued to be of record: the open of the first
// session after it, in the calendar as it is known now. Errors are the calendar's.
func Deadline(cal *calendar.Calendar, origin etf.Session) (time.Time, error) {
	first, err := cal.Next(origin)
	if err != nil {
		return time.Time{}, err
	}
	return cal.Open(first)
}

// Issued is what decides on a forecast's standing.
type Issued struct {
	ID    string
	At    time.Time // issued
	Held  bool      // the origin's price was held
	Chain int64     // position
}

// Standings returns the standing of each forecast, in the order given. All are of one ETF, model and origin.
//
// Of record is the first one issued before the deadline that is not held; if there is none, the first held one issued before
// it. The others issued before it are repeated, and those issued at it or later are late. Of two issued at the same instant,
// the one at the earlier position is first.
func Standings(issued []Issued, deadline time.Time) []etf.Standing {
	list := make([]etf.Standing, len(issued))
	record := -1
	for i, f := range issued {
		if !f.At.Before(deadline) {
			list[i] = etf.Late
			continue
		}
		list[i] = etf.Repeated
		if record < 0 || before(f, issued[record]) {
			record = i
		}
	}
	if record >= 0 {
		list[record] = etf.OfRecord
	}
	return list
}

// before reports whether a rather than b is of record.
func before(a, b Issued) bool {
	switch {
	case a.Held != b.Held:
		return b.Held
	case !a.At.Equal(b.At):
		return a.At.Before(b.At)
	}
	return a.Chain < b.Chain
}
