package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleNoTrade = "no_trade"

// checkNoTrade notes sessions without a trade. KRX sends open = high = low = 0 with the close carried over;
// others send a flat bar with volume 0. A close that moved without a trade is the exchange's new base price, or
// wrong; forecasts start from it like from any other, and the rules on levels don't see it, so beyond leastSpike it is
// an error.
func checkNoTrade(s *sheet) {
	var previous etf.Bar // the row before in the source's order, dropped ones apart
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop {
			continue
		}
		switch {
		case s.settled(b):
		case untraded(b):
			before := previous
			if before.Close == 0 && i == 0 {
				if n := len(s.in.Known); n > 0 && s.in.Known[n-1].Session < b.Session {
					before = s.in.Known[n-1].Bar
				}
			}
			if off := b.Close - before.Close; before.Close > 0 && before.Session < b.Session &&
				max(off, -off) > tolerance(s.in.Exchange, b.Close) {
				text := fmt.Sprintf("%s: no trade, but close %s is not the %s of %s carried over", b.Session, b.Close, before.Close, before.Session)
				size := math.Abs(s.change(&row{Bar: before}, &row{Bar: b}).log)
				if size > leastSpike {
					s.reject(ruleNoTrade, i, size, text)
					continue // no level to carry over from
				}
				s.object(ruleNoTrade, etf.SeverityWarning, b.Session, size, text)
				break
			}
			s.object(ruleNoTrade, etf.SeverityInfo, b.Session, 0, fmt.Sprintf("%s: no trade, close %s carried over", b.Session, b.Close))
		case b.Volume == 0 && b.Open == b.High && b.High == b.Low && b.Low == b.Close && b.Close > 0:
			s.object(ruleNoTrade, etf.SeverityInfo, b.Session, 0, fmt.Sprintf("%s: volume 0, flat at %s", b.Session, b.Close))
		}
		previous = b
	}
}

// untraded reports a bar of KRX's untraded form; without a volume column, the three zeros alone say it.
func untraded(b etf.Bar) bool {
	return b.NoTrade() || (b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close > 0 && !b.Volume.Known())
}
