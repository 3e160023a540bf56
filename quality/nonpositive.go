package quality

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleMissingOpen = "missing_open"
	ruleNonPositive = "non_positive_price"
)

// leastWithoutOpen is how many of the oldest rows must have no open to be taken for a time from which the source has none.
const leastWithoutOpen = 10

// checkMissingOpen reports the oldest rows of a history whose source has no opens for that time: they are 0, and the other
// prices are sound. The rows are kept, without an open. A single open of 0 is left to checkNonPositive.
func checkMissingOpen(s *state) {
	any := false
	for i := range s.in.Bars {
		any = any || s.withoutOpen(i)
	}
	if !any {
		return
	}
	var lacking []int
	rows, open := 0, 0 // of the oldest rows so far: all, and those with an open
	old := 0           // how many of lacking belong to the oldest rows of which nine in ten lack it
	for i := range s.in.Known {
		if k := &s.in.Known[i]; k.Session < s.first {
			rows++
			if !lacksOpen(&k.Bar) {
				open++
			}
		}
	}
	for _, i := range s.byDay() {
		if s.verdicts[i] == etf.VerdictDrop {
			continue
		}
		rows++
		if !s.withoutOpen(i) {
			open++
			continue
		}
		lacking = append(lacking, i)
		if rows-open >= leastWithoutOpen && open*10 <= rows {
			old = len(lacking)
		}
	}
	lacking = lacking[:old]
	s.openless = make(map[int]bool, old)
	for _, i := range lacking {
		s.openless[i] = true
	}
	lacking = slices.DeleteFunc(lacking, func(i int) bool { return s.unchanged(s.in.Bars[i]) })
	for k, i := range lacking {
		text := ""
		if k == 0 {
			b, last := s.in.Bars[i], s.in.Bars[lacking[len(lacking)-1]]
			text = fmt.Sprintf("%s without an open from %s to %s; the first: %s", count(len(lacking), "row"), b.Session, last.Session, ohlc(b))
		}
		s.flag(ruleMissingOpen, etf.SeverityWarning, s.in.Bars[i].Session, 0, text)
	}
}

// withoutOpen reports whether a row in use lacks only the open.
func (s *state) withoutOpen(i int) bool {
	return s.verdicts[i] == etf.VerdictKeep && lacksOpen(&s.in.Bars[i])
}

func lacksOpen(b *etf.Bar) bool {
	return b.Open == 0 && b.Low > 0 && b.Low <= b.Close && b.Close <= b.High
}

// checkNonPositive quarantines rows with a price of zero or less, except untraded sessions and rows known to have no open.
func checkNonPositive(s *state) {
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || min(b.Open, b.High, b.Low, b.Close) > 0 || untraded(b) || s.openless[i] {
			continue
		}
		text := fmt.Sprintf("%s: %s", b.Session, ohlc(b))
		if lacksOpen(&b) {
			text += ": no open"
		}
		s.quarantine(ruleNonPositive, i, -min(b.Open, b.High, b.Low, b.Close).Float(), text)
	}
}
