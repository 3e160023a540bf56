package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// agreement is what prices say about a split.
type agreement int

const (
	unknown agreement = iota // no price before it, or none from it on
	agree
	against
)

// priceEvidence answers what prices say about a split.
type priceEvidence struct {
	basis       etf.Basis
	rows        []etf.Bar // the response's, traded, ascending, each session once
	carried     []etf.Bar // the response's rows of sessions without a trade
	known       []etf.Bar // stored and in use, traded, ascending, on the response's basis
	versions    []int64   // that wrote known
	first, last etf.Session
}

// doubt says which stored bars an earlier, wrong statement of a source may have put on the wrong level: those between its date
// and the corrected one that were stored with it or later. The zero value doubts none.
type doubt struct {
	sessions etf.Window
	version  int64
}

func (d doubt) of(s etf.Session, version int64) bool {
	return !d.sessions.From.IsZero() && d.sessions.To >= d.sessions.From && d.sessions.Contains(s) && version >= d.version
}

func newPriceEvidence(in PlanInput) priceEvidence {
	e := priceEvidence{basis: in.Basis}
	bySession := func(a, b etf.Bar) int { return cmp.Compare(a.Session, b.Session) }
	for _, b := range in.Bars {
		if e.first.IsZero() || b.Session < e.first {
			e.first = b.Session
		}
		e.last = max(e.last, b.Session)
		switch {
		case b.Close <= 0:
		case untraded(b):
			e.carried = append(e.carried, b)
		default:
			e.rows = append(e.rows, b)
		}
	}
	slices.SortStableFunc(e.rows, bySession)
	kept := e.rows[:0]
	for i, b := range e.rows { // of a session's rows, the last one counts
		if i+1 == len(e.rows) || e.rows[i+1].Session != b.Session {
			kept = append(kept, b)
		}
	}
	e.rows = kept
	known := in.Known
	if ascending := func(a, b etf.StoredBar) int { return cmp.Compare(a.Session, b.Session) }; !slices.IsSortedFunc(known, ascending) {
		known = slices.SortedStableFunc(slices.Values(known), ascending)
	}
	for _, k := range known {
		if k.Close > 0 && !untraded(k.Bar) && k.Basis == in.Basis {
			e.known, e.versions = append(e.known, k.Bar), append(e.versions, k.DataVersion)
		}
	}
	return e
}

// beside returns the response's last row before ex and its first from it on; nil for none.
func (e priceEvidence) beside(ex etf.Session) (before, after *etf.Bar) {
	return neighbours(e.rows, ex, func(int) bool { return false })
}

// knownBeside returns the last stored bar before ex and the first from it on, without doubtful ones; nil for none.
func (e priceEvidence) knownBeside(ex etf.Session, d doubt) (before, after *etf.Bar) {
	return neighbours(e.known, ex, func(i int) bool { return d.of(e.known[i].Session, e.versions[i]) })
}

func neighbours(bars []etf.Bar, ex etf.Session, out func(i int) bool) (before, after *etf.Bar) {
	at := firstFrom(bars, ex)
	for i := at - 1; i >= 0 && before == nil; i-- {
		if !out(i) {
			before = &bars[i]
		}
	}
	for i := at; i < len(bars) && after == nil; i++ {
		if !out(i) {
			after = &bars[i]
		}
	}
	return before, after
}

// firstFrom is the index of the first bar on or after a day.
func firstFrom(bars []etf.Bar, day etf.Session) int {
	at, _ := slices.BinarySearchFunc(bars, day, func(b etf.Bar, s etf.Session) int { return cmp.Compare(b.Session, s) })
	return at
}

// around returns the closes on both sides of an ex-date, 0 for none.
func (e priceEvidence) around(ex etf.Session) (before, after etf.Price) {
	b, a := e.beside(ex)
	kb, ka := e.knownBeside(ex, doubt{})
	if b == nil {
		b = kb
	}
	if a == nil {
		a = ka
	}
	if b != nil {
		before = b.Close
	}
	if a != nil {
		after = a.Close
	}
	return before, after
}

// judge compares a split with the prices on both sides of it, in the response and in the stored bars in use except doubtful
// ones. All of them have to agree. A stored bar that is more than a month further away than the response's own row says nothing: the
// response is then one of a history before stored bars or after a long gap, over which the market may have moved by as much.
func (e priceEvidence) judge(a etf.Action, doubtful doubt) (agreement, string) {
	before, after := e.beside(a.Ex)
	knownBefore, knownAfter := e.knownBeside(a.Ex, doubtful)
	if before != nil && knownBefore != nil && before.Session-knownBefore.Session > parkedDays {
		knownBefore = nil
	}
	if after != nil && knownAfter != nil && knownAfter.Session-after.Session > parkedDays {
		knownAfter = nil
	}
	before, after = e.withoutBadTick(a, before, after, cmp.Or(before, knownBefore), cmp.Or(after, knownAfter))
	result, text := unknown, ""
	for _, from := range []*etf.Bar{before, knownBefore} {
		for _, to := range []*etf.Bar{after, knownAfter} {
			if from == nil || to == nil {
				continue
			}
			r := e.compare(a, from, to)
			if result == unknown || r == against && result == agree {
				result, text = r, stepText(from, to)
			}
		}
	}
	switch {
	case result != unknown:
	case after != nil || knownAfter != nil:
		text = "there is no price before the ex-date"
	default:
		text = "there is no price on or after the ex-date yet"
		// An exchange may set a new base price before the first trade. A close carried over from before says nothing.
		for _, b := range e.carried {
			for _, from := range []*etf.Bar{before, knownBefore} {
				if b.Session >= a.Ex && from != nil && e.compare(a, from, &b) == agree {
					return agree, stepText(from, &b)
				}
			}
		}
	}
	return result, text
}

// withoutBadTick returns the response's rows beside a split: where one alone is on neither level, and the two beyond it show the split,
// the next one takes its place. from and to are the prices that the others are compared with. A row that is on the wrong one of the two levels is no
// bad tick: the split happened on another day.
func (e priceEvidence) withoutBadTick(a etf.Action, before, after, from, to *etf.Bar) (*etf.Bar, *etf.Bar) {
	if from == nil || to == nil || e.compare(a, from, to) == agree {
		return before, after
	}
	at := firstFrom(e.rows, a.Ex)
	off := func(x, y *etf.Bar) bool {
		return math.Abs(math.Log(x.Close.Float()/y.Close.Float())) > e.slack(a.Ex, tradingDays(x, y))
	}
	if after != nil && at+2 < len(e.rows) {
		next, third := &e.rows[at+1], &e.rows[at+2]
		if e.compare(a, from, next) == agree && e.compare(a, from, third) == agree && off(after, from) && off(after, next) {
			return before, next
		}
	}
	if before != nil && at >= 3 {
		next, third := &e.rows[at-2], &e.rows[at-3]
		if e.compare(a, next, to) == agree && e.compare(a, third, to) == agree && off(before, to) && off(before, next) {
			return next, after
		}
	}
	return before, after
}

// stillShown reports whether the response's prices show a split that it states no longer: between its own rows, or between
// the stored bars before it and the response's rows. In the latter case the source still divides older prices by it.
func (e priceEvidence) stillShown(a etf.Action) (bool, string) {
	before, after := e.beside(a.Ex)
	knownBefore, _ := e.knownBeside(a.Ex, doubt{})
	if after == nil || math.Abs(splitLog(a)) <= e.slack(a.Ex, 1) {
		return false, ""
	}
	for _, from := range []*etf.Bar{before, knownBefore} {
		if from != nil && e.compare(a, from, after) == agree {
			return true, stepText(from, after)
		}
	}
	return false, ""
}

func stepText(from, to *etf.Bar) string {
	return fmt.Sprintf("close %s on %s, %s on %s", from.Close, from.Session, to.Close, to.Session)
}

func splitLog(a etf.Action) float64 { return math.Log(float64(a.Numerator) / float64(a.Denominator)) }

// compare tells whether the step between two bars is that of the split, or on an adjusted basis none. A split that is
// smaller than the usual moves can't be told from them: then only a move that neither explains speaks against it.
func (e priceEvidence) compare(a etf.Action, from, to *etf.Bar) agreement {
	ratio := splitLog(a)
	step := math.Log(from.Close.Float() / to.Close.Float())
	slack := e.slack(a.Ex, tradingDays(from, to))
	with, without := math.Abs(step-ratio), math.Abs(step)
	if e.basis != etf.AsTraded {
		with, without = without, with
	}
	switch {
	case math.Abs(ratio) <= slack/3:
		if with <= slack {
			return agree
		}
	case with <= slack && with < without:
		return agree
	}
	return against
}

// tradingDays is about how many sessions two bars are apart, at least 1.
func tradingDays(x, y *etf.Bar) float64 {
	return max(math.Abs(float64(x.Session-y.Session))*5/7, 1)
}

// leastSlack allows for the moves of the ex-date even in the quietest fund.
const leastSlack = 0.03

// slack is how far the market may move over gap sessions near an ex-date. The volatility is that of the closes before it,
// or if there are too few, of those after it.
func (e priceEvidence) slack(ex etf.Session, gap float64) float64 {
	const window, least = 60, 6
	before := func(bars []etf.Bar) []etf.Bar {
		at := firstFrom(bars, ex)
		return bars[max(0, at-window):at]
	}
	bars := before(e.rows)
	if known := before(e.known); len(known) > len(bars) {
		bars = known
	}
	if len(bars) < least {
		bars = e.rows[:min(len(e.rows), window)]
	}
	sigma := volatilityPrior
	if len(bars) >= least {
		sizes := make([]float64, 0, len(bars))
		for i := 1; i < len(bars); i++ {
			sizes = append(sizes, math.Abs(math.Log(bars[i].Close.Float()/bars[i-1].Close.Float())))
		}
		sigma = max(spread(sizes), volatilityFloor)
	}
	return max(unlikely*sigma*math.Sqrt(gap), leastSlack)
}
