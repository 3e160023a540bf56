package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleShifted = "shifted_dates"

// leastShifted is how many stored rows must come back under a neighbouring date to count as a shift: one or two may be
// the provider's own corrections.
const leastShifted = 3

// checkShifted looks for stored rows that come back one session earlier or later, because the provider's time zone or
// clocks have changed. Stored as revisions, rows shifted to an earlier date would put each close into the history of the
// day before it was made. It names every row that differs from the stored bar, including that of the new session, whose
// date is just as doubtful.
func checkShifted(s *state) {
	if s.in.Whole {
		return
	}
	differing, earlier, later := 0, 0, 0
	for i, b := range s.in.Bars {
		k := s.stored(b.Session)
		if k == nil || s.verdicts[i] == etf.VerdictDrop || k.Basis != s.in.Basis || samePrices(k.Bar, b) {
			continue
		}
		differing++
		if s.matches(b, s.cal.Next) {
			earlier++
		}
		if s.matches(b, s.cal.Previous) {
			later++
		}
	}
	// The row at the end of the window has no stored neighbour to match.
	shifted, side := max(earlier, later), "earlier"
	if later > earlier {
		side = "later"
	}
	if shifted < leastShifted || shifted < differing-1 {
		return
	}
	text := fmt.Sprintf("%s with the stored numbers, but dated one session %s: has the provider changed its time zone?", count(shifted, "row"), side)
	var written [2]bool // the new session has a separate finding, which needs the text too
	for i, b := range s.in.Bars {
		if k := s.stored(b.Session); s.verdicts[i] == etf.VerdictDrop || k != nil && samePrices(k.Bar, b) {
			continue
		}
		group := 0
		if b.Session == s.in.Session {
			group = 1
		}
		flagText := ""
		if !written[group] {
			flagText, written[group] = text, true
		}
		s.quarantine(ruleShifted, i, 0, flagText)
	}
}

// matches reports whether b has the prices and the volume stored for the neighbour of its session.
func (s *state) matches(b etf.Bar, neighbour func(etf.Session) (etf.Session, error)) bool {
	session, err := neighbour(b.Session)
	if err != nil {
		return false
	}
	k := s.stored(session)
	b.Session = session
	return k != nil && samePrices(k.Bar, b) && k.Volume == b.Volume
}
