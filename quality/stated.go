package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleUnconfirmed = "split_unconfirmed"
	ruleWithdrawn   = "action_withdrawn"
)

// checkStated reports splits that the response states and its prices contradict. Prices and statement can't both be right: if
// nothing from the ex-date on is in use yet, the rows from then on are kept out under the rule that reports the same the other
// way round, a change of level without a split. Once enough rows show that nothing happened, it is a warning.
func checkStated(s *state) {
	for _, a := range s.plan.Doubted {
		_, text := s.planned.judge(a, doubt{})
		text = fmt.Sprintf("the stated split %s of %s is not in the prices (%s)", a.Terms(), a.Ex, text)
		var rows []int
		used := false
		for i, b := range s.in.Bars {
			if b.Session < a.Ex || s.verdicts[i] != etf.VerdictKeep || b.Close <= 0 || untraded(b) {
				continue
			}
			rows = append(rows, i)
			used = used || s.stored(b.Session) != nil
		}
		if n := len(s.in.Known); n > 0 && s.in.Known[n-1].Session >= a.Ex {
			used = true
		}
		if used || len(rows) == 0 || len(rows) >= lasting {
			if s.proposedNow(a) {
				s.flag(ruleUnconfirmed, etf.SeverityWarning, a.Ex, 0, text)
			}
			continue
		}
		for k, i := range rows {
			if k > 0 && s.in.Bars[i].Session != s.in.Session {
				s.quarantine(ruleSplit, i, 0, "")
				continue
			}
			s.quarantine(ruleSplit, i, 0, fmt.Sprintf("%s: %s", s.in.Bars[i].Session, text))
		}
	}
	for _, w := range s.plan.Withdrawn {
		s.flag(ruleWithdrawn, etf.SeverityWarning, w.Ex, 0, fmt.Sprintf("the %s %s of %s counts on: %s", kindName(w.Kind), w.Terms(), w.Ex, w.Why))
	}
}

// proposedNow reports whether the response is the first to state the action, or the first after it was withdrawn.
func (s *state) proposedNow(a etf.Action) bool {
	for _, c := range s.plan.Changes {
		if c.Status == etf.Proposed && sameStatement(c.Action, a) {
			return true
		}
	}
	return false
}
