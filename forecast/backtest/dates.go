package backtest

import (
	"slices"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Dates is the calendar of a file without an exchange: its own dates, ascending, each once, and after the last of them every day from
// Monday to Friday. It implements forecast.Calendar.
type Dates []etf.Session

// Next returns the first date after s. It never fails.
func (d Dates) Next(s etf.Session) (etf.Session, error) {
	if i, _ := slices.BinarySearch(d, s+1); i < len(d) {
		return d[i], nil
	}
	for s++; s.Weekday() == time.Saturday || s.Weekday() == time.Sunday; s++ {
	}
	return s, nil
}

// Sessions returns the file's dates in the window. A zero end is open.
func (d Dates) Sessions(w etf.Window) []etf.Session {
	from, to := 0, len(d)
	if !w.From.IsZero() {
		from, _ = slices.BinarySearch(d, w.From)
	}
	if !w.To.IsZero() {
		to, _ = slices.BinarySearch(d, w.To+1)
	}
	return slices.Clone(d[from:max(from, to)])
}

// Count returns how many of the file's dates are in the window.
func (d Dates) Count(w etf.Window) int { return len(d.Sessions(w)) }
