package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const (
	// MostFollowing is how many stored bars after a response it is judged with (etf.Staged.Following).
	MostFollowing = 60
	// ParkedGap is the number of days between a response and the nearest bar in use from which quarantined ones between them are
	// looked at (etf.Staged.Parked): more than any closure of an exchange but one.
	ParkedGap = 7
	// parkedDays is how many days the rows that are kept out must span to hide a change of level.
	parkedDays = 31
)

// Span returns the first and the last session of a response's rows. Rows after the window that was asked for, such as one with a wrong
// date, do not widen it, unless there are no others.
func Span(bars []etf.Bar, to etf.Session) (first, last etf.Session) {
	newest := etf.Session(0)
	for i, b := range bars {
		if i == 0 || b.Session < first {
			first = b.Session
		}
		if i == 0 || b.Session > newest {
			newest = b.Session
		}
		if b.Session <= to && (last.IsZero() || b.Session > last) {
			last = b.Session
		}
	}
	if last.IsZero() {
		last = newest
	}
	return first, last
}

// LastBefore returns the session of the last of ascending bars before a session; ok is false if there is none.
func LastBefore(known []etf.StoredBar, session etf.Session) (before etf.Session, ok bool) {
	at, _ := slices.BinarySearchFunc(known, session, func(k etf.StoredBar, t etf.Session) int { return cmp.Compare(k.Session, t) })
	if at == 0 {
		return 0, false
	}
	return known[at-1].Session, true
}

// setFollowing sorts the stored bars after the response and leaves out those of sessions that the response has.
func (s *state) setFollowing() {
	if len(s.in.Following) == 0 {
		return
	}
	if len(s.in.Bars) == 0 {
		s.in.Following = nil
		return
	}
	has := make(map[etf.Session]bool, len(s.in.Bars))
	for i := range s.in.Bars {
		has[s.in.Bars[i].Session] = true
	}
	kept := make([]etf.StoredBar, 0, len(s.in.Following))
	for _, k := range s.in.Following {
		if !has[k.Session] && k.Session >= s.in.Listed && InUse(k) {
			kept = append(kept, k)
		}
	}
	slices.SortStableFunc(kept, func(a, b etf.StoredBar) int { return cmp.Compare(a.Session, b.Session) })
	s.in.Following = kept
}

// checkParked keeps out rows that go on from bars which are kept out for their level: between them and the bars in use lies more than
// a month, over which the market could have moved by as much. They are released together, once a split explains the level. Rows beyond a step
// that takes the change of level back are on the level of the bars in use: the bars kept out were in another unit or of another security.
func checkParked(s *state) {
	if len(s.in.Parked) == 0 || len(s.in.Bars) == 0 {
		return
	}
	l := s.levels()
	first := slices.IndexFunc(l.rows, func(r row) bool { return r.fresh() })
	if first < 0 {
		return
	}
	last := first
	sizes := []float64{}
	for i := first + 1; i < len(l.rows); i++ {
		if l.rows[i].fresh() {
			last = i
			sizes = append(sizes, l.sizes[i])
		}
	}
	parked := slices.Clone(s.in.Parked)
	slices.SortStableFunc(parked, func(a, b etf.StoredBar) int { return cmp.Compare(a.Session, b.Session) })
	before, after := 0, len(parked) // parked[:before] are before the response, parked[after:] after it
	for before < len(parked) && parked[before].Session < s.first {
		before++
	}
	for after > before && parked[after-1].Session > l.rows[last].Session {
		after--
	}
	sigma := volatilityPrior
	if len(sizes) >= 5 {
		sigma = max(spread(sizes), floorAt(s.in.Exchange, l.rows[last].Close))
	}
	if after < len(parked) && len(s.in.Following) > 0 && l.continues(first, last, true, parked[after], parked[len(parked)-1], s.in.Following[0], sigma) {
		return
	}
	at, _ := slices.BinarySearchFunc(s.in.Known, s.first, func(k etf.StoredBar, t etf.Session) int { return cmp.Compare(k.Session, t) })
	if before > 0 && at > 0 {
		l.continues(first, last, false, parked[before-1], parked[0], s.in.Known[at-1], sigma)
	}
}

// continues keeps the response's rows, which are rows first to last, out if the one at its edge, the last one or the first one, is on the level of the
// parked bar near it, and the parked bar far from it is on another level than the bar in use.
func (l *levels) continues(first, last int, after bool, near, far, used etf.StoredBar, sigma float64) bool {
	s, edge := l.state, l.rows[first].Bar
	if after {
		edge = l.rows[last].Bar
	}
	if days := edge.Session - used.Session; max(days, -days) <= parkedDays {
		return false
	}
	for _, k := range []etf.StoredBar{near, far, used} {
		if k.Close <= 0 || untraded(k.Bar) || k.Basis != s.in.Basis {
			return false
		}
	}
	move := s.step(edge, near.Bar)
	change := s.step(far.Bar, used.Bar).log
	if math.Abs(move.log) > max(surprising*sigma*math.Sqrt(move.gap), sameLevel) || math.Abs(change) <= sameLevel {
		return false
	}
	// The nearest row to the edge at which the level changes back: by a move that stands out, because a small change is about as large as usual ones.
	from, to := s.first, s.last
	for i := first + 1; i <= last; i++ {
		m := l.moves[i]
		if m.gap <= parkedDays && m.size() > surprising*sigma && math.Abs(m.log+change) < min(sameLevel, math.Abs(change)/2) {
			if from = l.rows[i].Session; !after {
				from, to = s.first, l.rows[i-1].Session
				break
			}
		}
	}
	text := fmt.Sprintf("close %s on %s is on the level of rows that are kept out (close %s on %s, %s on %s), and those are not on that of the rows in use (%s on %s)",
		edge.Close, edge.Session, near.Close, near.Session, far.Close, far.Session, used.Close, used.Session)
	s.quarantineAll(ruleSplit, text, func(i int) bool {
		session := s.in.Bars[i].Session
		return s.verdicts[i] == etf.VerdictKeep && (after && session >= from || !after && session <= to)
	})
	return true
}

// step is the move between two bars, in order of their sessions, which are counted from the dates.
func (s *state) step(a, b etf.Bar) change {
	if a.Session > b.Session {
		a, b = b, a
	}
	const days, sessions = 7, 5
	return s.change(&row{Bar: a}, &row{Bar: b, at: max(int(b.Session-a.Session)*sessions/days, 1)})
}
