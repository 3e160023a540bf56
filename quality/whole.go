package quality

import (
	"cmp"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// whole is what the rules on whole responses and on their rows leave for each other.
type whole struct {
	// condemned means that a rule has quarantined the whole response: what its rows say is of no interest to other rules.
	condemned bool
	single    []etf.Bar    // of sessions with one row, stored ones included; for choosing between duplicates
	openless  map[int]bool // rows that are kept without an open
}

// quarantineAll quarantines the rows for which named is true and that are not dropped; one text covers them all.
func (s *state) quarantineAll(rule, text string, named func(ordinal int) bool) {
	var written [2]bool // the new session has a separate finding, which needs the text too
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || !named(i) {
			continue
		}
		group, flagText := 0, ""
		if b.Session == s.in.Session {
			group = 1
		}
		if !written[group] {
			flagText = text
		}
		before := len(s.flags)
		s.quarantine(rule, i, 0, flagText)
		written[group] = written[group] || len(s.flags) > before // not if the row is stored already
	}
}

// condemn quarantines the whole response: it is another kind of data than it should be, so no row can be right but by
// chance. The last row of each session stands for all of them.
func (s *state) condemn(rule, text string) {
	s.condemned = true
	if !s.ordered {
		last := make(map[etf.Session]int, len(s.in.Bars))
		for i, b := range s.in.Bars {
			last[b.Session] = i
		}
		for i, b := range s.in.Bars {
			if last[b.Session] != i {
				s.drop(i)
			}
		}
	}
	s.quarantineAll(rule, text, func(int) bool { return true })
}

// byDay returns the positions of the response's rows in ascending order of session.
func (s *state) byDay() []int {
	rows := make([]int, len(s.in.Bars))
	for i := range rows {
		rows[i] = i
	}
	if !s.ordered {
		slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(s.in.Bars[a].Session, s.in.Bars[b].Session) })
	}
	return rows
}
