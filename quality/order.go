package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleOrder = "row_order"

// checkOrder objects to rows that come before one of an earlier date; newest-first as a whole is an order too.
func checkOrder(s *sheet) {
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
			s.object(ruleOrder, etf.SeverityWarning, b.Session, float64(latest-b.Session), fmt.Sprintf("row %d (%s) comes after %s", i+1, b.Session, latest))
		}
		latest = max(latest, b.Session)
	}
}
