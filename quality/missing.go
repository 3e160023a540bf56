package quality

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleMissing = "missing_session"

// checkMissing names the sessions without a row, from the last stored row before the answer (or the answer's first
// row) to the new session. One finding: a long gap must not become a thousand. A hole with stored rows on both sides
// was named when they came.
func checkMissing(s *sheet) {
	have := make([]etf.Session, 0, len(s.in.Bars)+len(s.in.Known))
	from := s.first
	for i := range s.in.Bars {
		have = append(have, s.in.Bars[i].Session)
	}
	for i := range s.in.Known {
		k := &s.in.Known[i]
		have = append(have, k.Session)
		if len(s.in.Bars) == 0 || k.Session < s.first {
			from = k.Session // ascending: ends as the last one before the answer
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
		s.object(ruleMissing, etf.SeverityWarning, session, 0, text)
	}
}
