package quality

import (
	"math"

	"github.com/etfcast/etfcast/etf"
)

// What a session's other ETFs say about a held close. On a day like 19 October 1987 or 16 March 2020, hardly any price moves as
// its own past predicts, and a close that would be suspect on any other day is an ordinary one.
//
// Moves are compared in local volatilities, so that a leveraged fund and a bond fund count alike. In a market with one common
// factor, the move of an ETF in its own volatilities is at most the factor's move (an ETF that follows it entirely), and the
// median is the factor's move times the median correlation with it, which even a mixture of stock and bond funds keeps above a
// third in a crash. So a move of up to marketReach times the median needs no other explanation. On an ordinary day the
// median is 0.67 (that of the absolute value of a standard normal variable): by itself that explains nothing that is held,
// and neither does a lively day. Only a session in which the median move itself is marketSurprise volatilities counts as the
// market's own surprise: a century has had few of them.
const (
	// MarketWitnesses is the fewest other ETFs that make a market.
	MarketWitnesses = 5
	marketSurprise  = 4.0
	marketReach     = 3.0
	// marketHistory is the fewest returns from which a local volatility is taken here: those of two trading weeks.
	marketHistory = 10
)

// MoveInVolatilities returns the size of the last close's move from the close before it, in local volatilities as of that
// close. The closes are positive, ascending by session, and restated for splits; sessions is how many sessions the last move
// spans, 1 if none is missing. ok is false with fewer than ten returns before the last one.
func MoveInVolatilities(exchange etf.Exchange, closes []etf.Price, sessions int) (move float64, ok bool) {
	n := len(closes)
	if n < marketHistory+2 || sessions < 1 {
		return 0, false
	}
	sizes := make([]float64, n-1)
	for i := range sizes {
		if closes[i] <= 0 || closes[i+1] <= 0 {
			return 0, false
		}
		sizes[i] = math.Abs(math.Log(closes[i+1].Float() / closes[i].Float()))
	}
	before := sizes[:n-2]
	vol := newVolatility(before[:min(len(before), 20)])
	for i, size := range before {
		vol.add(size, floorAt(exchange, closes[i]))
	}
	return sizes[n-2] / (vol.careful(floorAt(exchange, closes[n-2])) * math.Sqrt(float64(sessions))), true
}

// MarketMove is the median size of the moves of a session's other ETFs, in local volatilities; ok is false if there are fewer
// than MarketWitnesses.
func MarketMove(others []float64) (move float64, ok bool) {
	if len(others) < MarketWitnesses {
		return 0, false
	}
	return median(others), true
}

// MarketExplains reports whether the moves of a session's other ETFs explain an ETF's own, all in local volatilities: their
// median is a surprise itself, and the ETF's move is at most three times as large.
func MarketExplains(own float64, others []float64) bool {
	market, ok := MarketMove(others)
	return ok && market >= marketSurprise && own <= marketReach*market
}
