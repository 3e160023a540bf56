package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleOHLC = "ohlc_order"

// checkOHLC quarantines rows whose high or low contradicts the other prices.
func checkOHLC(s *state) {
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || min(b.Open, b.High, b.Low, b.Close) <= 0 {
			continue
		}
		top, bottom := max(b.Open, b.Close, b.Low), min(b.Open, b.Close, b.High)
		if b.High >= top && b.Low <= bottom {
			continue
		}
		off := max(top-b.High, b.Low-bottom)
		if allowed := tolerance(s.in.Exchange, b.Close); off > allowed {
			s.quarantine(ruleOHLC, i, off.Float()/b.Close.Float(), fmt.Sprintf("%s: %s; off by %s, tolerance %s", b.Session, ohlc(b), off, allowed))
		}
	}
}
