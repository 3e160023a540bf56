package source

import (
	"fmt"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// CheckWindow returns an error of KindInvalid for a window that ends before it begins.
func CheckWindow(w etf.Window) error {
	if w.To.IsZero() || w.To >= w.From {
		return nil
	}
	return etf.Invalid("window", fmt.Sprintf("the window from %s to %s ends before it begins", w.From, w.To), "end the window on or after its first day")
}

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
