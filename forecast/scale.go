package forecast

import (
	"math"

	"github.com/etfcast/etfcast/etf"
)

// ScaleOf returns the mean absolute and the mean squared change from one close to the next, over the newest etf.ScaleSessions changes
// or as many as there are. Closes are ascending by session, in the ETF's currency; so is Absolute. A session left out does not count:
// the change over it is one change. It is zero for fewer than two closes, and for closes that never change.
func ScaleOf(closes []float64) etf.Scale {
	closes = closes[max(0, len(closes)-etf.ScaleSessions-1):]
	n := float64(len(closes) - 1)
	if n < 1 {
		return etf.Scale{}
	}
	var s etf.Scale
	for i := 1; i < len(closes); i++ {
		change := closes[i] - closes[i-1]
		s.Absolute += math.Abs(change) / n
		s.Squared += change * change / n
	}
	return s
}
