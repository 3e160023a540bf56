package quality

import (
	"math"

	"github.com/etfcast/etfcast/etf"
)

// stepOf is how many different closes show in which step a source's prices come: that of eight random ones is found too great once in 256 times.
const stepOf = 8

// stepOdd is of how many closes one may be off the step that the others come in: an odd digit of one, such as a price that a person has given,
// does not change what the market's tick is.
const stepOdd = 20

// stepIn is the step in which closes come, their greatest common divisor, or nearly all of them: a tick of the market, or the last digit that
// the source gives. 0 if there are too few different ones to tell.
func stepIn(closes []etf.Price) etf.Price {
	var step int64
	for _, c := range closes {
		if c > 0 {
			step = gcd(step, int64(c))
		}
	}
	if step == 0 || !manyIn(closes, step) {
		return 0
	}
	for power := int64(100_000_000_000_000); power > 0; power /= 10 {
		for _, most := range []int64{5 * power, 5 * power / 2, 2 * power, power} {
			if most <= step {
				return etf.Price(step)
			}
			odd := 0
			for _, c := range closes {
				if int64(c)%most != 0 {
					odd++
				}
				if stepOdd*odd > len(closes) {
					break
				}
			}
			if stepOdd*odd <= len(closes) && manyIn(closes, most) {
				return etf.Price(most)
			}
		}
	}
	return etf.Price(step)
}

// manyIn reports whether enough different closes are multiples of a step.
func manyIn(closes []etf.Price, step int64) bool {
	seen := make(map[etf.Price]bool, stepOf)
	for _, c := range closes {
		if c > 0 && int64(c)%step == 0 {
			seen[c] = true
		}
		if len(seen) == stepOf {
			return true
		}
	}
	return false
}

// margin says what two sources may differ by.
type margin struct {
	exchange etf.Exchange
	asTraded bool      // both series, so that closes are in steps of trading
	tick     etf.Price // the step in which the closes of both come; 0 if it is not known
	step     etf.Price // that of the one that rounds more; 0 if it is not known
	sigma    float64   // daily volatility
}

// atMost is how far apart, in log, two prices of one session may be: by a part of the daily volatility, one tick of the market or 0.01 %,
// whichever is most. Where one source rounds more than the other, a step of it counts instead, up to half a volatility: what is lost beyond
// that matters.
//
// The ticks are counted in the prices themselves: in logarithms, a tick down is more than a tick up.
func (m margin) atMost(p, q etf.Price, part float64) float64 {
	most := max(p, q)
	if min(p, q) <= 0 {
		return part * m.sigma
	}
	tick := max(tolerance(m.exchange, most), m.tick)
	if m.asTraded {
		tick = max(tick, tradingTick(m.exchange, most))
	}
	if most < one && p%(one/100) == 0 && q%(one/100) == 0 {
		tick = max(tick, one/100) // below a dollar, many sources give whole cents
	}
	tick = max(tick, min(m.step, etf.Price(levelDifference*m.sigma*float64(most))))
	return max(part*m.sigma, ticksApart(most, tick))
}

// ticksApart is how far, in log, a price may be below another if it is not more than so much below it.
func ticksApart(price, tick etf.Price) float64 {
	const most = 0.5
	return -math.Log1p(-min((float64(tick)+0.5)/float64(price), most)) // prices are whole units: half of one is never reached
}

// closesOf lists the closes of stored bars, then those of others.
func closesOf(stored []etf.StoredBar, others []etf.Bar) []etf.Price {
	closes := make([]etf.Price, 0, len(stored)+len(others))
	for i := range stored {
		closes = append(closes, stored[i].Close)
	}
	for i := range others {
		closes = append(closes, others[i].Close)
	}
	return closes
}
