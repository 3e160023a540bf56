package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleMissing = "missing_session"

// checkMissing names the sessions without a row, from the last stored row before the answer (or the answer's first
// row) to the new session. One finding: a long gap must not become a thousand.
func checkMissing(s *sheet) {
	have := make(map[etf.Session]bool, len(s.in.Bars)+len(s.in.Known))
	from := s.first
	for _, b := range s.in.Bars {
		have[b.Session] = true
	}
	for _, k := range s.in.Known {
		have[k.Session] = true
		if len(s.in.Bars) == 0 || k.Session < s.first {
			from = k.Session // ascending: ends as the last one before the answer
		}
	}
	to := max(s.last, s.in.Session)
	if from.IsZero() {
		from = s.in.Session
	}
	var missing []etf.Session
	for _, session := range s.cal.Sessions(etf.Window{From: from, To: to}) {
		if !have[session] {
			missing = append(missing, session)
		}
	}
	if len(missing) == 0 {
		return
	}
	text := fmt.Sprintf("%d sessions without a row: %s", len(missing), ranges(missing, s.cal.Next, 12))
	for i, session := range missing {
		if i > 0 {
			text = ""
		}
		s.object(ruleMissing, etf.Warning, session, 0, text)
	}
}
