package quality

import (
	"cmp"
	"math"
	"slices"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// AboutLevel reports whether a rule is about the level of prices, so that its findings may be settled by a change of the splits
// in force.
func AboutLevel(rule string) bool {
	switch rule {
	case ruleSplit, ruleUnit, ruleJump, ruleRestated:
		return true
	}
	return false
}

// Freed returns the sessions of quarantined bars that fit the bars in use, now that other splits are in force: restated for
// those splits, each step from a bar in use to a freed one, and from one freed bar to the next, is a usual move. bars are the
// ETF's stored bars, ascending, with at least their closes; candidates are the quarantined ones that nothing but a rule about levels keeps out. A
// run of candidates between two bars in use is freed only as a whole.
//
// changed are the splits whose statements have changed, whether they count now or no longer: across one of these a step may be
// surprising, as long as it is small beside the split.
func Freed(x etf.Exchange, bars []etf.StoredBar, candidates map[etf.Session]bool, actions, changed []etf.Action) ([]etf.Session, error) {
	cal, err := calendar.For(x)
	if err != nil {
		return nil, err
	}
	var list []etf.StoredBar // in use, and candidates
	for _, b := range bars {
		if b.Close > 0 && !b.Held && (!b.Quarantined || candidates[b.Session]) {
			list = append(list, b)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	adjusted, err := Adjust(list, actions, list[len(list)-1].Session)
	if err != nil {
		return nil, err
	}
	f := freeing{x: x, list: list, adjusted: adjusted, at: positions(cal, list), changed: changed}
	var freed []etf.Session
	for i := 0; i < len(list); {
		if !list[i].Quarantined {
			i++
			continue
		}
		end := i
		for end < len(list) && list[end].Quarantined {
			end++
		}
		from, to := f.run(i, end)
		for ; from < to; from++ {
			freed = append(freed, list[from].Session)
		}
		i = end
	}
	slices.Sort(freed)
	return freed, nil
}

type freeing struct {
	x        etf.Exchange
	list     []etf.StoredBar
	adjusted []etf.Bar
	at       []int // positions of the sessions on the calendar
	changed  []etf.Action
}

// positions counts sessions, so that the gap between two bars is known.
func positions(cal *calendar.Calendar, list []etf.StoredBar) []int {
	days := cal.Sessions(etf.Window{From: list[0].Session, To: list[len(list)-1].Session})
	at := make([]int, len(list))
	for i, b := range list {
		at[i], _ = slices.BinarySearchFunc(days, b.Session, func(a, b etf.Session) int { return cmp.Compare(a, b) })
	}
	return at
}

// run returns which of the candidates from i up to end fit: all, those next to the bar in use on one side, or none.
func (f *freeing) run(i, end int) (from, to int) {
	left, right := i > 0, end < len(f.list)
	k := i
	if left {
		for k < end && f.usual(k-1, k) {
			k++
		}
	}
	m := end
	if right {
		for m > i && f.usual(m-1, m) {
			m--
		}
	}
	switch {
	case left && right:
		if k == end && f.usual(end-1, end) {
			return i, end
		}
		return i, i
	case left:
		return i, k
	case right:
		return m, end
	}
	return i, i
}

// usual reports whether the move between two neighbours is like those around it. Between a bar in use and a candidate it must not
// even be surprising; between two candidates, which were stored on one level, only what the market does not do is a break.
func (f *freeing) usual(a, b int) bool {
	most := surprising
	if f.list[a].Quarantined && f.list[b].Quarantined {
		most = unlikely
	}
	size, sigma := f.size(a, b), f.sigma(b)
	return size <= max(most*sigma, leastMove) || size <= min(unlikely*sigma, f.ratio(a, b)/splitRest)
}

// splitRest is what part of a split's ratio, as a logarithm, the step across it may leave: too little for the next likely
// ratio (5:1 instead of 4:1 leaves a seventh, 2:1 instead of 3:2 more than two fifths), but enough for a lively day.
const splitRest = 8

// ratio is the size of the changed splits between a and b, as a logarithm; 0 without any.
func (f *freeing) ratio(a, b int) float64 {
	size := 0.0
	for _, s := range f.changed {
		if s.Kind == etf.Split && s.Ex > f.list[a].Session && s.Ex <= f.list[b].Session && s.Numerator > 0 && s.Denominator > 0 {
			size = max(size, math.Abs(math.Log(float64(s.Numerator)/float64(s.Denominator))))
		}
	}
	return size
}

// size is the move from a to b as a daily one.
func (f *freeing) size(a, b int) float64 {
	gap := math.Sqrt(float64(max(f.at[b]-f.at[a], 1)))
	return math.Abs(math.Log(f.adjusted[b].Close.Float()/f.adjusted[a].Close.Float())) / gap
}

// sigma is the daily volatility around the step to bar i, without the step itself.
func (f *freeing) sigma(i int) float64 {
	const window = 30 // on each side
	var sizes []float64
	for k := max(1, i-window); k < min(len(f.list), i+window+1); k++ {
		if k != i && !untraded(f.list[k].Bar) && !untraded(f.list[k-1].Bar) {
			sizes = append(sizes, f.size(k-1, k))
		}
	}
	floor := floorAt(f.x, f.list[i].Close)
	if len(sizes) < 5 {
		return max(volatilityPrior, floor)
	}
	return max(spread(sizes), floor)
}

// FreeCandidates returns the sessions of quarantined bars that nothing but findings about levels keeps out: at least one
// names the bar's numbers, and nobody has rejected them.
func FreeCandidates(quarantined []etf.StoredBar, cases Cases) map[etf.Session]bool {
	candidates := map[etf.Session]bool{}
	for _, b := range quarantined {
		level, other := false, false
		for _, c := range cases[b.Session] {
			switch {
			case !c.Staged || !sameNumbers(b.Bar, c.Bar):
			case c.Decision == etf.Undecided && (c.Severity == etf.SeverityWarning || c.Severity == etf.SeverityInfo): // keeps nothing out
			case c.Decision == etf.Reject, c.Decision == etf.Undecided && !AboutLevel(c.Rule):
				other = true
			default:
				level = true
			}
		}
		if level && !other {
			candidates[b.Session] = true
		}
	}
	return candidates
}

// Outcome returns the decision that a finding comes to when splits in force change: Accept if the rows it names are in use
// now, Reject if other numbers are, Undecided while one of them is still kept out. stored are the bars of its sessions.
func Outcome(rows []NamedRow, stored []etf.StoredBar) etf.Decision {
	bars := make(map[etf.Session]etf.StoredBar, len(stored))
	for _, b := range stored {
		bars[b.Session] = b
	}
	d := etf.Reject
	for _, r := range rows {
		b, ok := bars[r.Session]
		switch {
		case !r.Staged:
		case !ok || b.Quarantined:
			return etf.Undecided
		case sameNumbers(b.Bar, r.Bar):
			d = etf.Accept
		}
	}
	return d
}
