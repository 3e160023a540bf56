package forecast

import (
	"fmt"
	"math"
	"sort"

	"github.com/etfcast/etfcast/etf"
)

// After returns the index of the first row after the session, len(s.Close) if it is the last row. It checks what Validate checks, but only of
// the session's own row and the rows after it, in time proportional to their number. Errors are of KindInvalid: the series ends before the
// session or has no row of it, or a row after it breaks a rule of Validate. It is what a Filterer begins with.
func (s Series) After(session etf.Session) (int, error) {
	const remedy = "fit the model again"
	n := len(s.Sessions)
	if n == 0 || s.Sessions[n-1] < session {
		return 0, etf.Invalid("sessions", fmt.Sprintf("the series ends before %s, where the fit does", session), remedy)
	}
	at := n - 1
	if s.Sessions[at] != session { // most often the fit is a few rows old
		at = sort.Search(n, func(i int) bool { return s.Sessions[i] >= session })
		if s.Sessions[at] != session {
			return 0, etf.Invalid("sessions", fmt.Sprintf("the series has no row of %s, where the fit ends", session), remedy)
		}
	}
	rest := s
	rest.Sessions = s.Sessions[at:]
	rest.Close = s.Close[min(at, len(s.Close)):]
	if s.Steps != nil {
		rest.Steps = s.Steps[min(at, len(s.Steps)):]
	}
	return at + 1, rest.Validate(1)
}

// LogReturn is log(b/a), even if the quotient of extreme numbers would overflow.
func LogReturn(a, b float64) float64 {
	if q := b / a; q > 0 && !math.IsInf(q, 1) {
		return math.Log(q)
	}
	return math.Log(b) - math.Log(a)
}
