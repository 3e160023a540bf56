package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleDuplicate = "duplicate_row"

// checkDuplicate drops every row of a session but the last one in the source's order. Providers correct
// themselves by appending: Yahoo, for example, sends the live bar of a day after that day's final one.
func checkDuplicate(s *state) {
	if s.ordered {
		return
	}
	lastOf := make(map[etf.Session]int, len(s.in.Bars))
	for i, b := range s.in.Bars {
		lastOf[b.Session] = i
	}
	if len(lastOf) == len(s.in.Bars) {
		return
	}
	differing := map[etf.Session]bool{}
	for _, b := range s.in.Bars {
		if b != s.in.Bars[lastOf[b.Session]] {
			differing[b.Session] = true
		}
	}
	if n := s.leftOut(); n > 0 {
		severity := etf.SeverityInfo
		if len(differing) > 0 {
			severity = etf.SeverityWarning
		}
		s.flag(ruleDuplicate, severity, 0, math.Inf(1), fmt.Sprintf("%d more rows of the same sessions were not looked at", n))
	}
	for i, b := range s.in.Bars {
		keep := lastOf[b.Session]
		if i == keep {
			continue
		}
		s.drop(i)
		kept := s.in.Bars[keep]
		if b == kept && differing[b.Session] {
			continue // one severity for a session: the differing row is reported
		}
		if b == kept {
			s.flag(ruleDuplicate, etf.SeverityInfo, b.Session, 0, fmt.Sprintf("%s: row %d repeats row %d", b.Session, s.number(i), s.number(keep)))
			continue
		}
		s.flag(ruleDuplicate, etf.SeverityWarning, b.Session, math.Abs(float64(b.Close-kept.Close)),
			fmt.Sprintf("%s: row %d (%s, volume %s) differs from row %d, which is kept (%s, volume %s)",
				b.Session, s.number(i), ohlc(b), b.Volume, s.number(keep), ohlc(kept), kept.Volume))
	}
}
