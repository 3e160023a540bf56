package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleShifted = "shifted_dates"

// leastShifted is how many stored rows have to come back under a neighbour's date before the dates are doubted: one
// or two may be a correction of the provider's own.
const leastShifted = 3

// checkShifted looks for stored rows that come back one session earlier or later: a change of time zone or of clocks
// on the provider's side. Taken as revisions, rows shifted to earlier would bring each close into the history of the
// day before it was made. All rows that differ from what is stored are named, the new session's among them: its date
// is no surer than theirs.
func checkShifted(s *sheet) {
	differing, earlier, later := 0, 0, 0
	for i, b := range s.in.Bars {
		k := s.believed(b.Session)
		if k == nil || s.verdicts[i] == etf.VerdictDrop || k.Basis != s.in.Basis || samePrices(k.Bar, b) {
			continue
		}
		differing++
		if s.is(b, s.cal.Next) {
			earlier++
		}
		if s.is(b, s.cal.Previous) {
			later++
		}
	}
	// The row at the window's end has no stored neighbour to come from.
	shifted, side := max(earlier, later), "earlier"
	if later > earlier {
		side = "later"
	}
	if shifted < leastShifted || shifted < differing-1 {
		return
	}
	text := fmt.Sprintf("%s as stored, but dated one session %s: have the provider's dates moved to another time zone?", count(shifted, "row"), side)
	var told [2]bool // the new session's finding is one of its own and needs the text too
	for i, b := range s.in.Bars {
		if k := s.believed(b.Session); s.verdicts[i] == etf.VerdictDrop || k != nil && samePrices(k.Bar, b) {
			continue
		}
		own := 0
		if b.Session == s.in.Session {
			own = 1
		}
		said := ""
		if !told[own] {
			said, told[own] = text, true
		}
		s.reject(ruleShifted, i, 0, said)
	}
}

// is reports whether b has the prices and the volume stored for the neighbour of its session.
func (s *sheet) is(b etf.Bar, neighbour func(etf.Session) (etf.Session, error)) bool {
	session, err := neighbour(b.Session)
	if err != nil {
		return false
	}
	k := s.believed(session)
	b.Session = session
	return k != nil && samePrices(k.Bar, b) && k.Volume == b.Volume
}
