package source

import (
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// ClosedWindow returns q.Window with its end moved back to the last session closed at q.AsOf: what a source may
// answer, since a bar of a running session is not final. The result is empty (To before From) where the whole
// window lies later. Errors are of KindInvalid: an unknown exchange, no AsOf, or one outside the calendar.
func ClosedWindow(cal *calendar.Calendar, q etf.Query) (etf.Window, error) {
	if q.AsOf.IsZero() {
		return etf.Window{}, etf.Invalid("as_of", "the query names no instant of asking", "set Query.AsOf")
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
