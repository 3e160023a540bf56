package quality

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleMissing = "missing_session"

// checkMissing reports the sessions without a row, from the last stored row before the response (or the response's first
// row) to the new session, in one finding, so that a long gap does not become a thousand. A gap with stored rows on both
// sides was reported when they were stored.
func checkMissing(s *state) {
	have := make([]etf.Session, 0, len(s.in.Bars)+len(s.in.Known))
	from := s.first
	for i := range s.in.Bars {
		have = append(have, s.in.Bars[i].Session)
	}
	for i := range s.in.Known {
		k := &s.in.Known[i]
		have = append(have, k.Session)
		if len(s.in.Bars) == 0 || k.Session < s.first {
			from = k.Session // ascending, so this ends at the last one before the response
		}
	}
	to := max(s.last, s.in.Session)
	if from.IsZero() {
		from = s.in.Session
	}
	if len(s.in.Known) > 0 || !s.ordered {
		slices.Sort(have)
	}
	stored := etf.Session(-1 << 31)
	if n := len(s.in.Known); n > 0 {
		stored = s.in.Known[n-1].Session
	}
	var missing []etf.Session
	i := 0
	for _, session := range s.cal.Sessions(etf.Window{From: from, To: to}) {
		for i < len(have) && have[i] < session {
			i++
		}
		if (i == len(have) || have[i] != session) && session > stored {
			missing = append(missing, session)
		}
	}
	if len(missing) == 0 {
		return
	}
	text := fmt.Sprintf("no row for %s: %s", count(len(missing), "session"), ranges(missing, s.cal.Next, 12))
	for i, session := range missing {
		if i > 0 {
			text = ""
		}
		s.flag(ruleMissing, etf.SeverityWarning, session, 0, text)
	}
}
