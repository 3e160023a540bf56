package source

import (
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// ClosedWindow returns q.Window with its end moved back to the last session that had closed at q.AsOf: the bar of a
// session still in progress is not final, so a source must not return it. If the whole window is later than that, the
// result is empty (To before From). Errors are of KindInvalid: q.AsOf is missing or outside the calendar.
func ClosedWindow(cal *calendar.Calendar, q etf.Query) (etf.Window, error) {
	if q.AsOf.IsZero() {
		return etf.Window{}, etf.Invalid("as_of", "the query has no as-of time", "set Query.AsOf")
	}
	last, err := cal.LastClosed(q.AsOf)
	if err != nil {
		return etf.Window{}, err
	}
	w := q.Window
	if w.To.IsZero() || w.To > last {
		w.To = last
	}
	return w, nil
}
