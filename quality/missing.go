package quality

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleMissing = "missing_session"

// checkMissing reports the sessions without a row, from the last stored row before the response (or the response's first
// row) to the new session, in one finding, so that a long gap does not become a thousand. A gap with stored rows on both
// sides was reported when they were stored.
func checkMissing(s *state) {
	type present struct {
		session etf.Session
		fresh   bool // the response has it, and no stored bar in use is there
	}
	have := make([]present, 0, len(s.in.Bars)+len(s.in.Known)+len(s.in.Following)+len(s.in.Parked))
	from, anyFresh := s.first, false
	for i := range s.in.Bars {
		session := s.in.Bars[i].Session
		fresh := s.stored(session) == nil
		anyFresh = anyFresh || fresh
		have = append(have, present{session, fresh})
	}
	for i := range s.in.Known {
		k := &s.in.Known[i]
		have = append(have, present{session: k.Session})
		if len(s.in.Bars) == 0 || k.Session < s.first {
			from = k.Session // ascending, so this ends at the last one before the response
		}
	}
	to := max(s.last, s.in.Session)
	for i := range s.in.Following {
		have = append(have, present{session: s.in.Following[i].Session})
	}
	end := etf.Session(0) // what is missing after it was reported when it was stored
	if len(s.in.Following) > 0 && anyFresh {
		end = s.in.Following[0].Session
	}
	for _, k := range s.in.Parked { // a row that is kept out is not missing
		if k.Session < s.first {
			from = max(from, k.Session)
		} else if k.Session < end {
			end = k.Session
		}
		have = append(have, present{session: k.Session})
	}
	to = max(to, end)
	if from.IsZero() {
		from = s.in.Session
	}
	if len(s.in.Known)+len(s.in.Following)+len(s.in.Parked) > 0 || !s.ordered {
		slices.SortStableFunc(have, func(a, b present) int { return cmp.Compare(a.session, b.session) })
	}
	stored := etf.Session(-1 << 31)
	if n := len(s.in.Known); n > 0 {
		stored = s.in.Known[n-1].Session
	}
	var missing []etf.Session
	i := 0
	for _, session := range s.cal.Sessions(etf.Window{From: from, To: to}) {
		for i < len(have) && have[i].session < session {
			i++
		}
		switch {
		case i < len(have) && have[i].session == session:
		case i > 0 && i < len(have) && !have[i-1].fresh && !have[i].fresh: // a gap between stored rows
		case session < s.in.Window.From && session < stored: // not asked for: a row that is kept out may be there
		default:
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
