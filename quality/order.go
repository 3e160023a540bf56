package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleOrder = "row_order"

// checkOrder reports rows that come after a later date, unless the response as a whole is sorted newest first.
func checkOrder(s *state) {
	ascending, descending := true, true
	for i := 1; i < len(s.in.Bars); i++ {
		a, b := s.in.Bars[i-1].Session, s.in.Bars[i].Session
		ascending = ascending && a <= b
		descending = descending && a >= b
	}
	if ascending || descending {
		return
	}
	latest := s.in.Bars[0].Session
	for i, b := range s.in.Bars {
		if b.Session < latest {
			s.flag(ruleOrder, etf.SeverityWarning, b.Session, float64(latest-b.Session), fmt.Sprintf("row %d (%s) comes after %s", s.number(i), b.Session, latest))
		}
		latest = max(latest, b.Session)
	}
}
