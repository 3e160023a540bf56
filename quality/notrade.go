package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleNoTrade = "no_trade"

// checkNoTrade reports sessions without a trade. KRX sends open = high = low = 0 with the close carried over;
// others send a flat bar with volume 0. A close that moved without a trade is either a new base price set by the
// exchange, on which the next trades are made, or wrong.
func checkNoTrade(s *state) {
	var previous etf.Bar // the row before in the source's order, ignoring dropped ones
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || s.verdicts[i] == etf.VerdictHold {
			continue
		}
		switch {
		case s.unchanged(b):
		case untraded(b):
			before := previous
			if before.Close == 0 && i == 0 {
				if n := len(s.in.Known); n > 0 && s.in.Known[n-1].Session < b.Session {
					before = s.in.Known[n-1].Bar
				}
			}
			if off := b.Close - before.Close; before.Close > 0 && before.Session < b.Session &&
				max(off, -off) > tolerance(s.in.Exchange, b.Close) {
				text := fmt.Sprintf("%s: no trade, but close %s differs from close %s of %s", b.Session, b.Close, before.Close, before.Session)
				size := math.Abs(s.change(&row{Bar: before}, &row{Bar: b}).log)
				if next := s.nextTraded(i); size > baseMove && (next == nil || !nearer(next.Close, b.Close, before.Close)) {
					s.quarantine(ruleNoTrade, i, size, text)
					continue // the next close can't be carried over from this one
				}
				s.flag(ruleNoTrade, etf.SeverityWarning, b.Session, size, text)
				break
			}
			s.flag(ruleNoTrade, etf.SeverityInfo, b.Session, 0, fmt.Sprintf("%s: no trade, close %s carried over", b.Session, b.Close))
		case b.Volume == 0 && b.Open == b.High && b.High == b.Low && b.Low == b.Close && b.Close > 0:
			s.flag(ruleNoTrade, etf.SeverityInfo, b.Session, 0, fmt.Sprintf("%s: volume 0, flat at %s", b.Session, b.Close))
		}
		previous = b
	}
}

// baseMove is how far a close may move without a trade and without a later trade at the new level: a distribution moves the
// base price by less.
var baseMove = math.Log(1.10)

// nextTraded is the first traded row after row i, among rows in ascending order; nil if there is none.
func (s *state) nextTraded(i int) *etf.Bar {
	for k := i + 1; k < len(s.in.Bars); k++ {
		b := &s.in.Bars[k]
		if s.verdicts[k] == etf.VerdictKeep && b.Close > 0 && !untraded(*b) && b.Session > s.in.Bars[i].Session {
			return b
		}
	}
	for k := range s.in.Following {
		if b := &s.in.Following[k].Bar; b.Close > 0 && !untraded(*b) {
			return b
		}
	}
	return nil
}

// untraded reports whether the bar has KRX's form of a session without a trade. Without a volume column, the three
// zeros are enough.
func untraded(b etf.Bar) bool {
	return b.NoTrade() || (b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close > 0 && !b.Volume.Known())
}
