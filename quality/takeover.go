package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// mostLost is the share of the stored bars in use that a response with the whole history may fail to replace. A provider that
// keeps ten years drops a few months between two restatements; a file cut to its last rows lacks nearly everything.
const mostLost = 0.1

// TakeOver is how a response with the whole history replaces the stored bars of an ETF.
type TakeOver struct {
	// Remove are the stored bars to archive and take out, ascending; of those with a row in the response, the row is stored.
	Remove      []etf.Session
	Replaced    int // how many of them have a row
	Quarantined int // rows that end up quarantined, because of this response or an earlier one
	// Lost counts the stored bars in use that no usable row replaces, Later those of them after the response's last row.
	Lost, Later int
}

// PlanTakeOver decides bar by bar. A bar with the row's numbers stays as it is. A bar without a row in the response, and one
// in use whose row is quarantined, stays while the closes around it are what they were; where the series has been restated,
// it is on the old level and goes. A bar whose row was dropped stays: it comes from a more preferred source. verdicts are
// parallel to bars; stored are all bars of the ETF, ascending.
func PlanTakeOver(exchange etf.Exchange, bars []etf.Bar, verdicts []etf.Verdict, stored []etf.StoredBar) TakeOver {
	rows := make(map[etf.Session]int, len(bars)) // of each session, the row that is kept, else a dropped one
	var last etf.Session
	for i, b := range bars {
		if j, seen := rows[b.Session]; !seen || verdicts[j] == etf.VerdictDrop {
			rows[b.Session] = i
		}
		last = max(last, b.Session)
	}
	at := relativeTo(exchange, bars, verdicts, stored)
	var t TakeOver
	for _, k := range stored {
		inUse := !k.Quarantined && !k.Held
		i, has := rows[k.Session]
		switch {
		case !has:
			if at.changed(k.Session) {
				t.Remove = append(t.Remove, k.Session)
				if inUse {
					t.Lost++
				}
				if inUse && k.Session > last {
					t.Later++
				}
			}
		case verdicts[i] == etf.VerdictDrop:
		case verdicts[i] == etf.VerdictQuarantine:
			switch {
			case sameNumbers(k.Bar, bars[i]):
				if k.Quarantined {
					t.Quarantined++
				}
				continue
			case inUse && !at.changed(k.Session):
				t.Quarantined++ // its numbers wait for a decision; the bar stays
				continue
			case inUse:
				t.Lost++
			}
			t.Quarantined++
			t.Remove = append(t.Remove, k.Session)
			t.Replaced++
		case sameNumbers(k.Bar, bars[i]) && !k.Quarantined && (!k.Held || verdicts[i] == etf.VerdictHold):
		default:
			t.Remove = append(t.Remove, k.Session)
			t.Replaced++
		}
	}
	have := make(map[etf.Session]bool, len(stored))
	for _, k := range stored {
		have[k.Session] = true
	}
	for i, b := range bars {
		if verdicts[i] == etf.VerdictQuarantine && !have[b.Session] {
			t.Quarantined++
		}
	}
	return t
}

// relative are the closes of a response relative to the stored bars in use, ascending by session.
type relative []revision

func relativeTo(exchange etf.Exchange, bars []etf.Bar, verdicts []etf.Verdict, stored []etf.StoredBar) relative {
	s := state{in: Input{Exchange: exchange, Known: stored}}
	var list relative
	for i, b := range bars {
		if verdicts[i] != etf.VerdictKeep || b.Close <= 0 {
			continue
		}
		if k := s.stored(b.Session); k != nil && !k.Quarantined && !k.Held && k.Close > 0 {
			list = append(list, s.compare(b, k))
		}
	}
	slices.SortFunc(list, bySession)
	return list
}

// changed reports whether the closes next to a session, on either side, are on another level than the stored ones. Three on
// each side are looked at, so that a single corrected close does not count. With nothing to compare, the level is unknown
// and counts as changed.
func (l relative) changed(session etf.Session) bool {
	const near = 3
	if len(l) == 0 {
		return true
	}
	i, _ := slices.BinarySearchFunc(l, session, func(r revision, t etf.Session) int { return cmp.Compare(r.session, t) })
	return l[max(i-near, 0):i].moved() || l[i:min(i+near, len(l))].moved()
}

func (l relative) moved() bool {
	if len(l) == 0 {
		return false
	}
	logs, slack := make([]float64, len(l)), 0.0
	for i, r := range l {
		logs[i], slack = r.log, max(slack, r.rounding)
	}
	return math.Abs(median(logs)) > noise+2*slack
}

// takeOver decides, after every rule, whether a response with the whole history may replace what is stored. One that would
// lose much of it, or has no row that can be used, is refused: nothing stored is replaced, and its new rows are quarantined.
func (s *state) takeOver() {
	usable := slices.ContainsFunc(s.verdicts, func(v etf.Verdict) bool { return v == etf.VerdictKeep || v == etf.VerdictHold })
	plan := PlanTakeOver(s.in.Exchange, s.in.Bars, s.verdicts, s.in.Known)
	command := fmt.Sprintf("`etfcast etf refetch %s`", s.in.Symbol)
	switch {
	case s.secondary || !usable:
		return // it fills missing sessions, or each row has its finding
	case plan.Later > 0:
		s.refuseWhole(fmt.Sprintf("%s after %s would stay on the old level; %s replaces them too", count(plan.Later, "stored session"), s.last, command))
		return
	case float64(plan.Lost) > mostLost*float64(len(s.in.Known)):
		s.refuseWhole(fmt.Sprintf("it has no usable row for %d of %s: is the file or the response cut? %s takes a whole one", plan.Lost, count(len(s.in.Known), "stored session"), command))
		return
	}
	s.takenOver = true
	if !s.restatedAs.found {
		return
	}
	severity := etf.SeverityInfo
	text := s.restatedAs.text() + fmt.Sprintf("; the whole history of %s has been fetched and replaces %s", s.in.Source, count(len(plan.Remove), "stored bar"))
	if !s.restatedAs.plausible {
		severity = etf.SeverityWarning
		text += "; no distribution or split explains that"
	}
	if plan.Lost > 0 {
		severity = etf.SeverityWarning
		text += fmt.Sprintf("; it has no usable row for %d of them", plan.Lost)
	}
	s.flag(ruleRestated, severity, s.restatedAs.last, 0, text)
}

// refuseWhole keeps the whole response from replacing anything.
func (s *state) refuseWhole(why string) {
	text := "the whole history can't replace what is stored: " + why
	if s.restatedAs.found {
		text = s.restatedAs.text() + "; " + text
	}
	newest := -1 // the newest row that differs from what is stored
	named := false
	for i, b := range s.in.Bars {
		if s.verdicts[i] != etf.VerdictKeep && s.verdicts[i] != etf.VerdictHold {
			continue
		}
		k := s.stored(b.Session)
		switch {
		case k == nil:
			s.quarantine(ruleRestated, i, 0, text)
			named = true
		case !sameNumbers(k.Bar, b):
			s.drop(i)
			if newest < 0 || b.Session > s.in.Bars[newest].Session {
				newest = i
			}
		}
	}
	if !named && newest >= 0 {
		s.quarantine(ruleRestated, newest, 0, text)
	}
}
