package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleNoTrade = "no_trade"

// checkNoTrade reports sessions without a trade. KRX sends open = high = low = 0 with the close carried over;
// others send a flat bar with volume 0. A close that moved without a trade is either a new base price set by the
// exchange or wrong; forecasts start from it as from any other, and checkLevels skips it, so a move beyond leastSpike
// is an error.
func checkNoTrade(s *state) {
	var previous etf.Bar // the row before in the source's order, ignoring dropped ones
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop {
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
				if size > leastSpike {
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

// untraded reports whether the bar has KRX's form of a session without a trade. Without a volume column, the three
// zeros are enough.
func untraded(b etf.Bar) bool {
	return b.NoTrade() || (b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close > 0 && !b.Volume.Known())
}
