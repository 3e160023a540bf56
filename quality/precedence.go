package quality

import (
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleDifference = "source_difference"
	ruleEarly      = "before_listing"
	ruleLate       = "after_delisting"
)

// The limits of what two sources may differ by, in daily volatilities. Closes of one session differ by hundredths of a
// volatility, because one source takes the closing auction and another the last trade; opens, highs and lows by more, because
// some sources count the trades of one venue only.
const (
	closeDifference = 0.1
	rangeDifference = 1.0
	levelDifference = 0.5 // all closes by one factor: the source is on another level
)

// rank is a source's place in an ETF's order of preference, the most preferred first. A person's values come before those of
// every source; those of a source that is no longer listed come last.
func rank(sources []etf.SourceRef, name string) int {
	if name == etf.SourcePerson {
		return -1
	}
	i := slices.IndexFunc(sources, func(r etf.SourceRef) bool { return r.Name == name })
	if i < 0 {
		return len(sources)
	}
	return i
}

// Yields reports whether a stored bar from one source may be replaced by another source's row. A source replaces only its own
// bars and those of a less preferred one. Where a source is not known, nothing is protected.
func Yields(sources []etf.SourceRef, stored, source string) bool {
	if stored == source || stored == "" || source == "" || len(sources) == 0 {
		return true
	}
	return rank(sources, source) < rank(sources, stored)
}

// checkPrecedence drops the rows of sessions that a more preferred source has a bar for, and reports the differences. Dropped
// rows play no part in later rules; the stored bars stand in for them.
func checkPrecedence(s *state) {
	var compared []revision
	protected := func(b etf.Bar) *etf.StoredBar {
		k := s.stored(b.Session)
		if k == nil || k.Basis != s.in.Basis || Yields(s.in.Sources, k.Source, s.in.Source) {
			return nil
		}
		return k
	}
	// A whole history of the source that most stored bars come from takes the others over too where it has been restated: they
	// hold for the level that they were given on.
	var at relative
	if s.in.Whole {
		foreign := 0
		for _, k := range s.in.Known {
			if !Yields(s.in.Sources, k.Source, s.in.Source) {
				foreign++
			}
		}
		if s.secondary = 2*foreign > len(s.in.Known); !s.secondary {
			at = relativeTo(s.in.Exchange, s.in.Bars, s.verdicts, s.in.Known)
		}
	}
	var m margin
	for i, b := range s.in.Bars {
		k := protected(b)
		if k == nil || s.verdicts[i] == etf.VerdictDrop {
			continue
		}
		if m.sigma == 0 {
			m = s.storedAndResponse()
		}
		superseded := s.in.Whole && !s.secondary && at.changed(b.Session)
		if !superseded {
			s.drop(i)
			if s.preferred == nil {
				s.preferred = map[etf.Session]bool{}
			}
			s.preferred[b.Session] = true
		}
		// What a person has given corrects single rows and says nothing about the source's others, and the person saw the source's price.
		if k.Source == etf.SourcePerson && !superseded {
			continue
		}
		off, ranged := apart(b, k.Bar)
		if b.Close > 0 && k.Close > 0 && !superseded {
			compared = append(compared, s.compare(b, k))
		}
		if off <= m.atMost(b.Close, k.Close, closeDifference) && ranged <= max(rangeDifference*m.sigma, 2*m.atMost(b.Close, k.Close, 0)) {
			continue
		}
		text := fmt.Sprintf("%s: %s from %s; stored: %s from %s, which counts", b.Session, ohlc(b), s.in.Source, ohlc(k.Bar), k.Source)
		if superseded {
			text = fmt.Sprintf("%s: %s from %s replaces %s from %s, which is on the level before the series was restated", b.Session, ohlc(b), s.in.Source, ohlc(k.Bar), k.Source)
		}
		s.flag(ruleDifference, etf.SeverityWarning, b.Session, max(off, ranged/10)/max(m.sigma, volatilityFloor), text)
	}
	s.checkSourceLevel(compared, m)
}

// storedAndResponse says what the stored bars and the response may differ by.
func (s *state) storedAndResponse() margin {
	all, known := closesOf(s.in.Known, s.in.Bars), len(s.in.Known)
	return margin{
		exchange: s.in.Exchange, asTraded: s.in.Basis == etf.AsTraded, sigma: s.knownVolatility(),
		step: max(stepIn(all[:known]), stepIn(all[known:])), tick: stepIn(all),
	}
}

// checkSourceLevel quarantines the rows that would fill missing sessions if what their source has for the sessions compared shows that
// it can't continue the stored series: its closes are off in one direction, by about one factor, or they are those of the
// sessions before or after, or most of them have nothing to do with the stored ones.
func (s *state) checkSourceLevel(compared []revision, m margin) {
	if len(compared) == 0 {
		return
	}
	largest := 0.0 // of what may differ
	sizes := make([]float64, len(compared))
	for i, r := range compared {
		largest = max(largest, m.atMost(r.close, r.close, levelDifference))
		sizes[i] = math.Abs(r.log)
	}
	middle, spread := middleSpread(compared)
	_, _, ratio := nearRatio(splitRatios, middle, 0.02)
	size := math.Abs(middle)
	agree := spread <= max(noise+2*compared[0].rounding, size/4)
	level := size > largest && agree && (len(compared) >= 2 || ratio)
	text := s.shiftedSource(m)
	switch usual := median(sizes); {
	case level:
		text = fmt.Sprintf("%s is on another level than the stored bars: its closes of %s are about %s times theirs", s.in.Source, count(len(compared), "session"), short(math.Exp(middle)))
	case text != "":
		size = usual
	case len(compared) >= leastShifted && len(compared) >= s.ownStored() && usual > largest:
		size = usual
		text = fmt.Sprintf("most closes of %s for %s are not the stored ones, but %s or more apart: is it another security?", s.in.Source, count(len(compared), "session"), percent(size))
	default:
		return
	}
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictKeep && s.stored(b.Session) == nil {
			s.quarantine(ruleDifference, i, size/max(m.sigma, volatilityFloor), fmt.Sprintf("%s: close %s; %s", b.Session, b.Close, text))
		}
	}
}

// ownStored counts the rows of sessions that have a bar of the source itself, or of one after it.
func (s *state) ownStored() (n int) {
	for _, b := range s.in.Bars {
		if s.stored(b.Session) != nil && !s.preferred[b.Session] {
			n++
		}
	}
	return n
}

// shiftedSource says that a source's closes are the stored ones of the sessions before or after, and not those of their own; it is empty
// if they are not. The stored numbers need not come back exactly, because they are another source's.
func (s *state) shiftedSource(m margin) string {
	same := func(p etf.Price, session etf.Session) (is, known bool) {
		k := s.stored(session)
		if k == nil || k.Close <= 0 || p <= 0 {
			return false, false
		}
		return math.Abs(math.Log(p.Float()/k.Close.Float())) <= m.atMost(p, k.Close, closeDifference), true
	}
	own := 0
	var others, found [2]int
	for _, b := range s.in.Bars {
		if !s.preferred[b.Session] {
			continue
		}
		if is, _ := same(b.Close, b.Session); is {
			own++
		}
		for side, neighbour := range []func(etf.Session) (etf.Session, error){s.cal.Previous, s.cal.Next} {
			session, err := neighbour(b.Session)
			if err != nil {
				continue
			}
			is, known := same(b.Close, session)
			if known {
				others[side]++
			}
			if is {
				found[side]++
			}
		}
	}
	for side, text := range []string{"late", "early"} {
		if found[side] >= leastShifted && 3*found[side] >= 2*others[side] && 2*own <= found[side] {
			return fmt.Sprintf("%s of %s are dated one session %s: its closes are those stored for the sessions beside them", count(found[side], "row"), s.in.Source, text)
		}
	}
	return ""
}

// apart is how far two bars of one session are apart, in log: their closes, and the farthest of the other prices.
func apart(a, b etf.Bar) (closes, others float64) {
	gap := func(p, q etf.Price) float64 {
		if p <= 0 || q <= 0 {
			return 0 // a source that leaves a price out does not contradict one that has it
		}
		return math.Abs(math.Log(p.Float() / q.Float()))
	}
	return gap(a.Close, b.Close), max(gap(a.Open, b.Open), gap(a.High, b.High), gap(a.Low, b.Low))
}

// knownVolatility is a robust daily volatility of the stored closes: the median of the absolute returns, scaled. The older windows of a history have
// most of them after the response.
func (s *state) knownVolatility() float64 {
	const normal = 1.4826 // of the standard deviation to the median absolute value of a normal distribution
	var sizes []float64
	floor := volatilityFloor
	for _, bars := range [][]etf.StoredBar{s.in.Following, s.in.Known} {
		for i := 1; i < len(bars); i++ {
			a, b := bars[i-1].Close, bars[i].Close
			if a > 0 && b > 0 {
				sizes = append(sizes, math.Abs(math.Log(b.Float()/a.Float())))
				floor = floorAt(s.in.Exchange, b)
			}
		}
	}
	if len(sizes) < 5 {
		return volatilityPrior
	}
	return max(normal*median(sizes), floor)
}

// checkEarly drops the rows before the ETF's listing, which belong to another security, and leaves out the stored ones.
func checkEarly(s *state) {
	if s.in.Listed.IsZero() {
		return
	}
	for len(s.in.Known) > 0 && s.in.Known[0].Session < s.in.Listed {
		s.in.Known = s.in.Known[1:]
	}
	dropped, newest := 0, etf.Session(0)
	var first etf.Session
	for i, b := range s.in.Bars {
		switch {
		case b.Session >= s.in.Listed:
			if first.IsZero() || b.Session < first {
				first = b.Session
			}
		case s.verdicts[i] != etf.VerdictDrop:
			s.drop(i)
			dropped++
			newest = max(newest, b.Session)
		}
	}
	if dropped == 0 {
		return
	}
	s.first = first
	s.flag(ruleEarly, etf.SeverityInfo, newest, 0, fmt.Sprintf("%s up to %s not used: %s was listed on %s", count(dropped, "row"), newest, s.in.Symbol, s.in.Listed))
}

// checkLate drops the rows after the ETF's delisting, which belong to another security or were never traded.
func checkLate(s *state) {
	if s.in.Delisted.IsZero() {
		return
	}
	dropped, oldest := 0, etf.Session(0)
	for i, b := range s.in.Bars {
		if b.Session > s.in.Delisted && s.verdicts[i] != etf.VerdictDrop {
			s.drop(i)
			dropped++
			if oldest.IsZero() || b.Session < oldest {
				oldest = b.Session
			}
		}
	}
	if dropped > 0 {
		s.flag(ruleLate, etf.SeverityInfo, oldest, 0, fmt.Sprintf("%s from %s on not used: %s was delisted on %s", count(dropped, "row"), oldest, s.in.Symbol, s.in.Delisted))
	}
}
