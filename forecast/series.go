package forecast

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

// Series is what a model is fitted to: one ETF's closes up to and including the origin.
//
// Close is in the ETF's currency per share as of the origin session (split-adjusted as of the origin), one
// value a row, parallel to Sessions. Steps[i] is the number of trading sessions from row i-1 to row i (1 if
// none is missing, 2 if one session was left out); Steps[0] is 0. A nil Steps means all ones.
type Series struct {
	Symbol   etf.Symbol
	Exchange etf.Exchange
	Sessions []etf.Session
	Close    []float64
	Steps    []int
	Origin   etf.Session
	// CalendarVersion is the version of the exchange's calendar that Steps are counted on; 0 = the built-in one.
	CalendarVersion int
}

// Calendar is the part of a trading calendar this package needs; *calendar.Calendar implements it.
type Calendar interface {
	Next(s etf.Session) (etf.Session, error)
	Sessions(w etf.Window) []etf.Session
}

// NewSeries makes a Series from bars in ascending order; the last bar's session is the origin. The bars are what
// quality.Adjust returns, without quarantined ones. Steps are counted on the calendar, so that a row left out
// makes a two-session return and not a large one-session return. The result is validated.
func NewSeries(cal Calendar, symbol etf.Symbol, exchange etf.Exchange, bars []etf.Bar) (Series, error) {
	s := Series{
		Symbol: symbol, Exchange: exchange,
		Sessions: make([]etf.Session, len(bars)), Close: make([]float64, len(bars)),
	}
	for i, b := range bars {
		s.Sessions[i], s.Close[i] = b.Session, b.Close.Float()
	}
	if len(bars) == 0 {
		return s, s.Validate(1)
	}
	s.Origin = bars[len(bars)-1].Session
	if err := s.Validate(1); err != nil {
		return s, err
	}
	s.Steps = countSteps(cal.Sessions(etf.Window{From: s.Sessions[0], To: s.Origin}), s.Sessions)
	return s, nil
}

// countSteps merges two ascending lists. A row on a day that is not in the calendar counts as one step.
func countSteps(calendar, rows []etf.Session) []int {
	steps := make([]int, len(rows))
	at, prev := 0, 0 // calendar sessions up to this row and up to the previous one
	for i, r := range rows {
		for at < len(calendar) && calendar[at] <= r {
			at++
		}
		if i > 0 {
			steps[i] = max(at-prev, 1)
		}
		prev = at
	}
	return steps
}

// Step returns the number of sessions from row i-1 to row i.
func (s Series) Step(i int) int {
	if s.Steps == nil {
		return 1
	}
	return s.Steps[i]
}

// Tail returns the last n rows, or all of them if there are fewer or n is 0. It shares memory with s.
func (s Series) Tail(n int) Series {
	if n <= 0 || len(s.Sessions) <= n {
		return s
	}
	k := len(s.Sessions) - n
	s.Sessions, s.Close = s.Sessions[k:], s.Close[k:]
	if s.Steps != nil {
		s.Steps = s.Steps[k:]
	}
	return s
}

// Validate checks what every model relies on: at least minRows rows, parallel slices, sessions strictly
// ascending and ending at the origin, closes finite and positive, steps positive. Errors are of KindInvalid and
// their Field names the row.
func (s Series) Validate(minRows int) error {
	n := len(s.Sessions)
	if len(s.Close) != n {
		return etf.Invalid("close", fmt.Sprintf("%d closes for %d sessions", len(s.Close), n), "give one close for each session")
	}
	if s.Steps != nil && len(s.Steps) != n {
		return etf.Invalid("steps", fmt.Sprintf("%d steps for %d sessions", len(s.Steps), n), "give one step for each session, or none at all")
	}
	if n < max(minRows, 1) {
		return etf.Invalid("sessions", fmt.Sprintf("%d rows, but the model needs %d", n, max(minRows, 1)),
			"wait until the ETF has traded long enough, or register it under another symbol with a source that has more history (`etfcast etf add`)")
	}
	for i, c := range s.Close {
		if i > 0 && s.Sessions[i] <= s.Sessions[i-1] {
			return etf.Invalid(fmt.Sprintf("sessions[%d]", i), fmt.Sprintf("%s does not come after %s", s.Sessions[i], s.Sessions[i-1]),
				"sort the rows by session and keep one for each")
		}
		if math.IsNaN(c) || math.IsInf(c, 0) || c <= 0 {
			return etf.Invalid(fmt.Sprintf("close[%d]", i), fmt.Sprintf("close %v on %s is not a positive number", c, s.Sessions[i]),
				"leave the row out, or quarantine it")
		}
		if i > 0 && s.Steps != nil && s.Steps[i] < 1 {
			return etf.Invalid(fmt.Sprintf("steps[%d]", i), fmt.Sprintf("%d sessions from the previous row to %s", s.Steps[i], s.Sessions[i]),
				"count the trading sessions since the previous row: 1 or more")
		}
	}
	if s.Origin != s.Sessions[n-1] {
		return etf.Invalid("origin", fmt.Sprintf("the origin %s is not the last row's session %s", s.Origin, s.Sessions[n-1]),
			"forecast from the last session that has a price")
	}
	return nil
}
