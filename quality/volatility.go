package quality

import (
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// volatility is a robust running estimate of the scale of daily log returns: an exponentially weighted average of
// squares (with RiskMetrics' decay for daily data) in which each return is clipped to 5 times the deviation before it,
// so that one bad price can't hide the next. The careful estimate, needed only when a move looks large, is at least the
// deviation implied by the 90 % quantile of the last 60 returns. That quantile ignores the largest tenth; the median
// would be zero in thin funds, whose close stays the same on most days.
type volatility struct {
	variance float64
	recent   [60]float64 // absolute returns, a ring buffer
	n        int
}

const (
	volatilityDecay = 0.94
	volatilityClip  = 5.0
	// volatilityFloor is 0.02 % a day (0.3 % a year), that of funds of short bonds. Moves below it are mostly rounding.
	volatilityFloor = 0.0002
	// volatilityPrior is used with fewer than 5 returns: 2 % a day (32 % a year) is more than that of a broad equity
	// fund in quiet times, and less than that of a leveraged one.
	volatilityPrior = 0.02
	// spreadLevel and spreadScale: the 90 % quantile of the absolute value of a standard normal is Phi^-1(0.95) = 1.6449.
	spreadLevel = 0.90
	spreadScale = 1.6449
	// startLevel and startScale: likewise, Phi^-1(0.8) = 0.8416.
	startLevel = 0.60
	startScale = 0.8416
)

// newVolatility starts from the 60 % quantile of the first returns, which bad prices don't move even among few returns, or
// from the prior if there are fewer than 5. It may be too low, which only makes more moves worth a closer look.
func newVolatility(first []float64) *volatility {
	sigma := volatilityPrior
	if len(first) >= 5 {
		sorted := slices.Clone(first)
		slices.Sort(sorted)
		sigma = sorted[int(startLevel*float64(len(sorted)-1))] / startScale
	}
	return &volatility{variance: sigma * sigma}
}

func (v *volatility) add(size, floor float64) {
	size = min(size, volatilityClip*max(math.Sqrt(v.variance), floor))
	v.variance = volatilityDecay*v.variance + (1-volatilityDecay)*size*size
	v.recent[v.n%len(v.recent)] = size
	v.n++
}

// quick is the exponentially weighted deviation; careful is the greater of it and the spread.
func (v *volatility) quick(floor float64) float64 { return max(math.Sqrt(v.variance), floor) }

func (v *volatility) careful(floor float64) float64 {
	if v.n < 20 {
		return v.quick(floor)
	}
	return max(v.quick(floor), spread(v.recent[:min(v.n, len(v.recent))]))
}

// localReach is how many returns on each side of a row count for the volatility around it, and priorWeight how many
// returns the estimate from few of them is widened for.
const (
	localReach  = 30
	priorWeight = 3.0
)

// around is the volatility around rows prev+1 to end-1, from up to 30 returns before and after them. sizes holds the
// absolute daily returns: sizes[i] is that of row i. A crash brings volatility with it, which the returns after it show; a
// bad price does not. Few returns may all happen to be small, so they count as a somewhat wider estimate.
func around(sizes []float64, prev, end int, floor float64) float64 {
	var near [2 * localReach]float64
	list := near[:0]
	for i := prev; i >= 1 && len(list) < localReach; i-- {
		list = append(list, sizes[i])
	}
	for i := end + 1; i < len(sizes) && i <= end+localReach; i++ {
		list = append(list, sizes[i])
	}
	if len(list) < 20 { // too few to tell from the days without a move how thinly the fund trades
		list = slices.DeleteFunc(list, func(x float64) bool { return x == 0 })
	}
	if len(list) < 5 {
		return max(volatilityPrior, floor)
	}
	return max(spread(list)*(1+priorWeight/float64(len(list))), floor)
}

// floorAt is the lowest plausible volatility at a price: 0.02 %, or half a trading tick if that is more. Ticks are 5 KRW
// (1 KRW below 2,000) and a cent (a hundredth of a cent below a dollar).
// Prices below a dollar that are given in whole cents count in cents.
func floorAt(x etf.Exchange, price etf.Price) float64 {
	tick := tradingTick(x, price)
	if x == etf.XNYS && price < one && price%(one/100) == 0 {
		tick = one / 100
	}
	return max(volatilityFloor, 0.5*tick.Float()/price.Float())
}

// spread is the standard deviation of the normal distribution whose absolute values have the same 90 % quantile as
// sizes, absolute returns of which there must be at least one.
func spread(sizes []float64) float64 {
	sorted := slices.Clone(sizes)
	slices.Sort(sorted)
	return sorted[int(spreadLevel*float64(len(sorted)-1))] / spreadScale
}

// median returns the median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	m := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[m]
	}
	return (sorted[m-1] + sorted[m]) / 2
}
