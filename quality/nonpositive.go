package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleNonPositive = "non_positive_price"

// checkNonPositive quarantines rows with a price of zero or less, except untraded sessions.
func checkNonPositive(s *state) {
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || min(b.Open, b.High, b.Low, b.Close) > 0 || untraded(b) {
			continue
		}
		s.quarantine(ruleNonPositive, i, -min(b.Open, b.High, b.Low, b.Close).Float(), fmt.Sprintf("%s: %s", b.Session, ohlc(b)))
	}
}
