package scoring

import (
	"slices"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Pair is an origin and a horizon: the forecasts that are scored against one target.
type Pair struct {
	Origin  etf.Session
	Horizon int
}

// Complete reports whether a mark stands for scores at these horizons in this calendar. If it does not, everything has to be
// looked at.
func Complete(cal *calendar.Calendar, m etf.ScoringMark, horizons []int) bool {
	return m.Writer != "" && slices.Equal(m.Horizons, horizons) && sessionsUpTo(cal, m.Last) == m.Sessions
}

// sessionsUpTo counts the calendar's sessions up to one of them; 0 for none. What operators have closed until then is told apart by a
// checksum in front of the last six digits: one closed session instead of another leaves as many.
func sessionsUpTo(cal *calendar.Calendar, s etf.Session) int {
	if s.IsZero() {
		return 0
	}
	count := cal.Count(etf.Window{To: s})
	if cal.Version() == 0 {
		return count
	}
	base, err := calendar.At(cal.Exchange(), 0)
	if err != nil {
		return count
	}
	sum := 0
	for _, c := range cal.Closures(etf.Window{To: s}) {
		if base.IsSession(c.Date) {
			sum += int(c.Date)
		}
	}
	return count + 1_000_000*(sum%2000)
}

// OnlyNew reports whether no pair can have scores yet: every target is later than any session stored as of the mark.
func OnlyNew(cal *calendar.Calendar, u etf.Unscored, pairs []Pair) bool {
	for _, p := range pairs {
		if target, err := cal.Nth(p.Origin, p.Horizon); err != nil || target <= u.Mark.Last {
			return false
		}
	}
	return true
}

// Due returns the pairs whose scores may have to change, ascending by origin and horizon, without those whose target is after the
// newest session, now and as of the mark:
//   - those whose target's bar has changed;
//   - on a basis on which bars are restated, those whose base may be a session with a changed bar: its own, and the following
//     ones, from which forecasts may have been made while their prices were held;
//   - as traded, those with a split between origin and target, of which a state has changed;
//   - those of forecasts that have been appended, and of origins asked for.
func Due(cal *calendar.Calendar, u etf.Unscored, horizons []int) []Pair {
	last := max(u.Last, u.Mark.Last) // the newest bar may have been taken out
	due := map[Pair]bool{}
	add := func(from etf.Session, steps, horizon int) {
		origin, err := cal.Nth(from, steps)
		if err != nil {
			return // before the calendar begins there are no forecasts
		}
		if target, err := cal.Nth(origin, horizon); err == nil && target <= last {
			due[Pair{origin, horizon}] = true
		}
	}
	for _, h := range horizons {
		for _, s := range u.Changed {
			if cal.IsSession(s) {
				add(s, -h, h)
			}
			if u.Basis == etf.AsTraded {
				continue
			}
			if cal.IsSession(s) {
				add(s, 0, h)
			}
			for held := range etf.MaxHeld {
				add(s, held+1, h)
			}
		}
		if u.Basis == etf.AsTraded {
			for _, a := range u.Splits {
				if a.DataVersion <= u.Mark.DataVersion && a.SupersededBy <= u.Mark.DataVersion {
					continue
				}
				for k := range h {
					add(a.Ex, -k-1, h)
				}
			}
		}
		for _, f := range u.Appended {
			if cal.IsSession(f.Origin) {
				add(f.Origin, 0, h)
			}
		}
	}
	pairs := make([]Pair, 0, len(due))
	for p := range due {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		if a.Origin != b.Origin {
			return int(a.Origin - b.Origin)
		}
		return a.Horizon - b.Horizon
	})
	return pairs
}
