package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleDuplicate = "duplicate_row"

const (
	// A bar within another's range and with less than muchLess of its volume was not finished. With less than farLess it need
	// not lie within the range, if the closes agree.
	muchLess = 0.5
	farLess  = 0.1
	// Two closes contradict each other if they are more daily volatilities apart than opposed, and more than leastOpposed.
	opposed      = 7.0
	leastOpposed = 0.01
)

// checkDuplicate keeps one row of each session. Of rows that differ it is the last in the source's order, because providers
// correct themselves by appending, unless another one is plainly the finished bar. Two rows that contradict each other by
// more than the fund moves in a day, and neither of which fits its neighbours, are both quarantined.
func checkDuplicate(s *state) {
	if s.ordered {
		return
	}
	pairs := pairsOf(s.in.Bars)
	if len(pairs) == len(s.in.Bars) {
		return
	}
	if n := s.leftOut(); n > 0 {
		severity := etf.SeverityInfo
		for _, p := range pairs {
			if p.other >= 0 && p.differs {
				severity = etf.SeverityWarning
			}
		}
		s.flag(ruleDuplicate, severity, 0, math.Inf(1), fmt.Sprintf("%d more rows of the same sessions were not looked at", n))
	}
	var undecided []pair
	kept := map[etf.Session]int{}
	for i, b := range s.in.Bars {
		p := pairs[b.Session]
		if i != p.last || p.other < 0 {
			continue
		}
		kept[b.Session] = p.last
		if !p.differs {
			continue
		}
		switch choice := s.choose(s.in.Bars[p.other], b); choice.keep {
		case keepOther:
			kept[b.Session] = p.other
			s.differ(p.last, p.other, choice.why)
		case keepNeither:
			undecided = append(undecided, p)
		default:
			s.differ(p.other, p.last, choice.why)
		}
	}
	// A row quarantined already, as one of a part of the response with wrong dates, speaks for its session.
	for i, b := range s.in.Bars {
		if keep, repeated := kept[b.Session]; repeated && s.verdicts[i] == etf.VerdictQuarantine && s.verdicts[keep] == etf.VerdictKeep {
			kept[b.Session] = i
		}
	}
	for i, b := range s.in.Bars {
		keep, repeated := kept[b.Session]
		if !repeated || i == keep {
			continue
		}
		s.drop(i)
		if p := pairs[b.Session]; !p.differs {
			s.flag(ruleDuplicate, etf.SeverityInfo, b.Session, 0, fmt.Sprintf("%s: row %d repeats row %d", b.Session, s.number(i), s.number(keep)))
		}
	}
	s.decide(undecided)
}

// differ reports that a row differs from the one kept.
func (s *state) differ(dropped, keep int, why string) {
	b, kept := s.in.Bars[dropped], s.in.Bars[keep]
	text := fmt.Sprintf("%s: row %d (%s, volume %s) differs from row %d, which is kept (%s, volume %s)",
		b.Session, s.number(dropped), ohlc(b), volumeText(b.Volume), s.number(keep), ohlc(kept), volumeText(kept.Volume))
	if why != "" {
		text += ": " + why
	}
	s.flag(ruleDuplicate, etf.SeverityWarning, b.Session, math.Abs(float64(b.Close-kept.Close)), text)
}

// pair is the two rows of a session that matter, as positions among the bars: the last one and, of those before it, the one
// to choose it against. other is -1 if there is none.
type pair struct {
	last, other int
	differs     bool // other differs from last
}

func pairsOf(bars []etf.Bar) map[etf.Session]pair {
	pairs := make(map[etf.Session]pair)
	for i, b := range bars {
		pairs[b.Session] = pair{last: i, other: -1}
	}
	if len(pairs) == len(bars) {
		return pairs
	}
	for i, b := range bars {
		p := pairs[b.Session]
		if i != p.last {
			p.add(bars, i)
			pairs[b.Session] = p
		}
	}
	return pairs
}

// add looks at another row of the session, in order. last is known already. Of the rows that differ from it the one with
// the most volume is chosen, rows that can't be used last; of those that don't, the first.
func (p *pair) add(bars []etf.Bar, i int) {
	b, differs := &bars[i], bars[i] != bars[p.last]
	switch {
	case p.other < 0, differs && !p.differs:
	case !differs:
		return
	case cmp.Or(compareBool(consistentBar(b), consistentBar(&bars[p.other])), cmp.Compare(b.Volume, bars[p.other].Volume)) <= 0:
		return
	}
	p.other, p.differs = i, differs
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// consistentBar reports whether the bar's prices can be those of one session, but for rounding.
func consistentBar(b *etf.Bar) bool {
	slack := b.Close / 200
	return min(b.Open, b.High, b.Low, b.Close) > 0 && b.High+slack >= max(b.Open, b.Close) && b.Low-slack <= min(b.Open, b.Close)
}

type choice struct {
	keep int
	why  string
}

const (
	keepLast = iota
	keepOther
	keepNeither
)

// choose decides between two different rows of a session, of which last comes later in the source's order.
func (s *state) choose(other, last etf.Bar) choice {
	a, b := consistentBar(&other), consistentBar(&last)
	switch {
	case a && !b:
		return choice{keepOther, "the later row's prices can't be those of one session"}
	case b && !a:
		return choice{keepLast, "the earlier row's prices can't be those of one session"}
	case unfinished(last, other):
		return choice{keepOther, unfinishedText("later", last, other)}
	case unfinished(other, last):
		return choice{keepLast, unfinishedText("earlier", other, last)}
	case samePrices(other, last) && other.Volume > 0 && !last.Volume.Known():
		return choice{keepOther, "the later row has no volume"}
	case !a || samePrices(other, last):
		return choice{keepLast, ""}
	}
	// What is left is to be decided by the closes.
	keep, close := s.nearer(other, last)
	if close && last.Volume >= 0 && last.Volume.Float() < farLess*other.Volume.Float() {
		return choice{keepOther, volumeTimes("later", last, other)}
	}
	return choice{keep, ""}
}

// unfinished reports whether b looks like an unfinished state of the bar whole: with a small part of its volume, and
// within its range. A flat bar without volume stands for no trading at all.
func unfinished(b, whole etf.Bar) bool {
	if whole.Volume <= 0 || b.High > whole.High || b.Low < whole.Low {
		return false
	}
	if !b.Volume.Known() {
		return b.High == b.Low && whole.High > whole.Low
	}
	return b.Volume.Float() < muchLess*whole.Volume.Float()
}

func unfinishedText(which string, b, whole etf.Bar) string {
	if b.Volume <= 0 {
		return "the " + which + " row has no volume"
	}
	return volumeTimes(which, b, whole)
}

func volumeTimes(which string, b, whole etf.Bar) string {
	return fmt.Sprintf("it has %s times the volume of the %s row", short(whole.Volume.Float()/b.Volume.Float()), which)
}

// leastMove is a move that is never worth a thought: 1 %.
const leastMove = 0.01

// nearer decides by the sessions before and after. If the closes differ by less than the fund moves in a day, the last row
// is as good as any. If they don't, the one on the level of both neighbours is right; on the newest session nothing can
// tell a genuine move from a wrong row.
func (s *state) nearer(other, last etf.Bar) (keep int, close bool) {
	before, after, sigma := s.neighbours(last.Session, last.Close)
	distance := func(a, b etf.Price) float64 { return math.Abs(math.Log(a.Float() / b.Float())) }
	if apart := distance(other.Close, last.Close); apart <= leastOpposed || apart <= opposed*sigma {
		return keepLast, true
	}
	if before == 0 || after == 0 {
		return keepNeither, false
	}
	far := func(b etf.Bar) float64 { return max(distance(b.Close, before), distance(b.Close, after)) / sigma }
	switch o, l := far(other), far(last); {
	case l <= opposed && l < o:
		return keepLast, false
	case o <= opposed:
		return keepOther, false
	}
	return keepNeither, false
}

// neighbours returns the closes of the sessions with one row on either side, 0 if there is none, and the volatility there.
func (s *state) neighbours(session etf.Session, price etf.Price) (before, after etf.Price, sigma float64) {
	if s.single == nil {
		of := make(map[etf.Session]int, len(s.in.Bars))
		for _, b := range s.in.Bars {
			of[b.Session]++
		}
		s.single = []etf.Bar{}
		for _, k := range s.in.Known {
			if of[k.Session] == 0 && k.Close > 0 && k.Basis == s.in.Basis {
				s.single = append(s.single, k.Bar)
			}
		}
		for _, k := range s.in.Following {
			if k.Close > 0 && k.Basis == s.in.Basis {
				s.single = append(s.single, k.Bar)
			}
		}
		for i, b := range s.in.Bars {
			if of[b.Session] == 1 && b.Close > 0 && s.verdicts[i] == etf.VerdictKeep {
				s.single = append(s.single, b)
			}
		}
		slices.SortFunc(s.single, func(a, b etf.Bar) int { return cmp.Compare(a.Session, b.Session) })
	}
	at, _ := slices.BinarySearchFunc(s.single, session, func(b etf.Bar, t etf.Session) int { return cmp.Compare(b.Session, t) })
	if at > 0 {
		before = s.single[at-1].Close
	}
	if at < len(s.single) {
		after = s.single[at].Close
	}
	near := s.single[max(0, at-30):min(len(s.single), at+30)]
	var sizes []float64
	for i := 1; i < len(near); i++ {
		sizes = append(sizes, math.Abs(math.Log(near[i].Close.Float()/near[i-1].Close.Float())))
	}
	sigma = volatilityPrior
	if len(sizes) >= 5 {
		sigma = spread(sizes)
	}
	return before, after, max(sigma, floorAt(s.in.Exchange, price))
}

// decide quarantines rows that nothing decides between. The last one stands for its session.
func (s *state) decide(undecided []pair) {
	for _, p := range undecided {
		if s.verdicts[p.last] != etf.VerdictKeep {
			continue
		}
		if k := s.stored(s.in.Bars[p.last].Session); k != nil && !Yields(s.in.Sources, k.Source, s.in.Source) {
			s.differ(p.other, p.last, "the stored bar from "+k.Source+" counts in any case")
			continue
		}
		a, b := s.in.Bars[p.other], s.in.Bars[p.last]
		text := fmt.Sprintf("%s: row %d (%s, volume %s) contradicts row %d (%s, volume %s), and nothing shows which one is right: neither is used",
			b.Session, s.number(p.other), ohlc(a), volumeText(a.Volume), s.number(p.last), ohlc(b), volumeText(b.Volume))
		s.quarantine(ruleDuplicate, p.last, math.Abs(float64(b.Close-a.Close)), text)
	}
}

func volumeText(v etf.Volume) string {
	if !v.Known() {
		return "unknown"
	}
	return v.String()
}
