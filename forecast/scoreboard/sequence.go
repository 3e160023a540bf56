package scoreboard

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/etfcast/etfcast/etf"
)

// Alpha is the probability, at most, that a confidence sequence ever excludes the true mean.
const Alpha = .05

// Difference is the confidence sequence of the difference from the benchmark at its newest place: the mean over sessions of the
// pinball loss minus the benchmark's, in units of the scale times the square root of the horizon. Below 0 the model is better.
//
// An increment is a session's mean over ETFs of the clipped differences (etf.SessionLosses.Difference), between ±Limit. For
// horizons above 1, every h-th origin is used, from the first one on, so that no two increments cover the same session; an origin
// without pairs gives way to the next one. Increments of several exchanges cover hours of each other: then there is no sequence (N is 0).
//
// Low and High bound the mean of the expected increments, each expected given everything before its origin, with probability 1-Alpha
// at all N at once: they may be looked at every day, and nothing is assumed of the increments but their bounds. They
// may change their distribution and their mean, and depend on earlier ones. The method is the empirical Bernstein confidence
// sequence of Howard, Ramdas, McAuliffe and Sekhon (2021, theorem 4), as Choe and Ramdas (2024) use it for
// forecasts, with increments centred at 0: the mean ± u(V)/N, where V is the sum of squared increments and u the gamma-exponential
// boundary of scale Limit at Alpha/2. Because the mean that is bounded may change, sequences are not intersected over time.
type Difference struct {
	Mean, Low, High float64 // NaN, and ±Limit, if N is 0
	N               int     // increments
	Alpha, Limit    float64
}

// difference returns the sequence's newest place. The origins are ascending.
func difference(origins []etf.SessionLosses, horizon, exchanges int) Difference {
	var s sequence
	if exchanges == 1 {
		next := 0
		for i := range origins {
			if o := &origins[i]; i >= next && o.Paired > 0 {
				s.add(o.Difference / float64(o.Paired))
				next = i + horizon
			}
		}
	}
	return s.at()
}

// sequence is a confidence sequence in the making.
type sequence struct {
	n            int
	sum, squares float64
}

func (s *sequence) add(increment float64) {
	// Sums of thousands of clipped numbers may exceed the limit in their last bits.
	increment = min(max(increment, -etf.DifferenceLimit), etf.DifferenceLimit)
	s.n++
	s.sum += increment
	s.squares += increment * increment
}

func (s *sequence) at() Difference {
	d := Difference{Mean: math.NaN(), Low: -etf.DifferenceLimit, High: etf.DifferenceLimit, N: s.n, Alpha: Alpha, Limit: etf.DifferenceLimit}
	if s.n > 0 {
		n := float64(s.n)
		u := boundary(s.squares) / n
		d.Mean = s.sum / n
		d.Low, d.High = max(d.Low, d.Mean-u), min(d.High, d.Mean+u)
	}
	return d
}

// excludesZero is whether at excludes 0, in a fraction of its time.
func (s *sequence) excludesZero() bool {
	return logMixture(math.Abs(s.sum), s.squares) > math.Log(2/Alpha)
}

// The boundary is tightest at about tightest sum of squares: 400 sessions of increments with a standard deviation of .05, or 100 of .1.
// It holds for any value that is fixed beforehand.
const tightest = 1.

// rho is the parameter of the mixture that is best for tightest (Howard et al. 2021, section 3.5; best_rho of confseq).
var rho = func() float64 {
	l := 2 * math.Log(1/Alpha)
	return tightest / (l + math.Log(1+l))
}()

var mixtureConstant = func() float64 {
	r := rho / (etf.DifferenceLimit * etf.DifferenceLimit)
	g, _ := math.Lgamma(r)
	return r*math.Log(r) - g - math.Log(mathext.GammaIncReg(r, r))
}()

// logMixture is the logarithm of the gamma-exponential mixture: of exp(λs - ψ(λ)v) over λ, with ψ that of an exponential variable
// of scale etf.DifferenceLimit. s is not negative.
func logMixture(s, v float64) float64 {
	const c = etf.DifferenceLimit
	a := (v + rho) / (c * c)
	x := (c*s + v + rho) / (c * c)
	g, _ := math.Lgamma(a)
	return mixtureConstant + g + math.Log(mathext.GammaIncReg(a, x)) - a*math.Log(x) + (c*s+v)/(c*c)
}

// boundary is what a sum of increments minus their expectations, with the sum of squares v, ever exceeds with a probability of at
// most Alpha/2.
func boundary(v float64) float64 {
	threshold := math.Log(2 / Alpha)
	low, high := 0., 1.
	for logMixture(high, v) < threshold {
		low, high = high, 2*high
	}
	// The mixture increases with s.
	for high-low > 1e-13*high {
		s := low + (high-low)/2
		if s <= low || s >= high {
			break
		}
		if logMixture(s, v) < threshold {
			low = s
		} else {
			high = s
		}
	}
	return high
}
