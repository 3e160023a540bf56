package forecast

import "math"

// volatilityDecay is the daily decay of RiskMetrics (Technical Document 1996, section 5.3.2.2), and minVolatility the least volatility
// that is not due to rounding of prices (see package drift).
const (
	volatilityDecay = .94
	minVolatility   = 1e-5
)

// Volatility returns the exponentially weighted standard deviation of the log return of one session at the end of the series, with decay
// .94 and mean 0. A return over k sessions counts as its square divided by k. It is at least 1e-5; of fewer than two rows it is 0.
// Intervals of different days, and of different ETFs, are comparable in units of it times the square root of the horizon.
func Volatility(s Series) float64 {
	var sum, weights float64
	w := 1.0
	for i := len(s.Close) - 1; i >= 1 && w > 1e-12; i-- {
		r := math.Log(s.Close[i] / s.Close[i-1])
		sum += w * r * r / float64(s.Step(i))
		weights += w
		w *= volatilityDecay
	}
	if weights == 0 {
		return 0
	}
	return max(math.Sqrt(sum/weights), minVolatility)
}
