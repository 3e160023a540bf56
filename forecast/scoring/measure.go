package scoring

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// Measure returns the losses of a point against the actual price, both in the forecast's own shares. Tails are the point's
// quantiles at etf.TailLevels, nil if the forecast has none.
//
// The rules, with q(τ) the quantile at level τ and y the actual price:
//   - Error is y minus the median, Squared the square of y minus the mean.
//   - Pinball at level τ is (y-q)(τ - 1{y<q}).
//   - CRPS is the integral of (F(x) - 1{x≥y})² over all x, in closed form. F is the distribution function that has the given
//     quantiles (9 with tails, 7 without) and is, between neighbouring ones, that of the normal distribution through both: x is
//     linear in the normal score of F(x). Beyond the outermost quantiles the outermost of these normal distributions goes on.
//     Equal quantiles are a point mass, and equal outermost ones the end of the distribution. If the quantiles are those of a
//     normal distribution, F is that distribution.
//   - PIT is F(y); at a point mass, the middle of the jump.
//   - An interval's ends belong to it. Its Winkler score at 1-α is its width, plus 2/α times the distance of y from it.
//
// Errors are of KindInvalid: the actual price is not a positive finite number, or the quantiles are not finite and nondecreasing.
func Measure(p etf.ForecastPoint, tails *[2]float64, actual float64) (etf.Losses, error) {
	if !(actual > 0) || math.IsInf(actual, 1) {
		return etf.Losses{}, etf.Invalid("actual", fmt.Sprintf("%v is no price", actual), "give a positive finite number")
	}
	q := &p.Quantiles
	d := distribution{knots: &untailed, n: len(q)}
	copy(d.q[:], q[:])
	if tails != nil {
		d.knots, d.n = &tailed, len(q)+2
		d.q[0], d.q[d.n-1] = tails[0], tails[1]
		copy(d.q[1:], q[:])
	}
	if err := d.check(p.Mean); err != nil {
		return etf.Losses{}, err
	}
	median := q[len(q)/2]
	l := etf.Losses{
		Error:    actual - median,
		Absolute: math.Abs(actual - median),
		Squared:  (actual - p.Mean) * (actual - p.Mean),
		Inside50: inside(q[2], q[4], actual),
		Inside80: inside(q[1], q[5], actual),
		Inside90: inside(q[0], q[6], actual),
		Width:    [2]float64{q[5] - q[1], q[6] - q[0]},
		Winkler:  [2]float64{winkler(q[1], q[5], .2, actual), winkler(q[0], q[6], .1, actual)},
	}
	for i, level := range etf.QuantileLevels {
		l.Pinball[i] = pinball(level, q[i], actual)
	}
	if tails != nil {
		l.Tailed = true
		l.Inside95 = inside(tails[0], tails[1], actual)
		for i, level := range etf.TailLevels {
			l.TailPinball[i] = pinball(level, tails[i], actual)
		}
	}
	l.CRPS, l.PIT = d.crps(actual), d.pit(actual)
	return l, nil
}

func pinball(level, q, y float64) float64 {
	if y < q {
		return (q - y) * (1 - level)
	}
	return (y - q) * level
}

func inside(low, high, y float64) bool { return low <= y && y <= high }

func winkler(low, high, alpha, y float64) float64 {
	return high - low + 2/alpha*max(low-y, 0, y-high)
}

// knots are the levels of a distribution's quantiles with what its integrals need at them.
type knots struct {
	level, z     [9]float64 // z: normal scores
	below, above [9]float64 // squares(z), squares(-z)
}

var (
	untailed = newKnots(etf.QuantileLevels[:])
	tailed   = newKnots(append(append([]float64{etf.TailLevels[0]}, etf.QuantileLevels[:]...), etf.TailLevels[1]))
)

func newKnots(levels []float64) (k knots) {
	for i, level := range levels {
		j := len(levels) - 1 - i
		k.level[i] = level
		// The lower half's score for both halves, so that they are symmetric to the last bit.
		switch {
		case i < j:
			k.z[i] = distuv.UnitNormal.Quantile(level)
		case i > j:
			k.z[i] = -k.z[j]
		}
		k.below[i], k.above[i] = squares(k.z[i]), squares(-k.z[i])
	}
	return k
}

// squares is the integral of the square of the standard normal distribution function from -∞ to z. The integral of the square of
// one minus that function from z to ∞ is squares(-z).
func squares(z float64) float64 {
	f := phi(z)
	density := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	return max(0, z*f*f+2*density*f-phi(math.Sqrt2*z)/math.Sqrt(math.Pi))
}

// phi is the standard normal distribution function.
func phi(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// distribution is the distribution function that Measure describes, by its n quantiles.
type distribution struct {
	knots *knots
	n     int
	q     [9]float64
}

func (d *distribution) check(mean float64) error {
	if math.IsNaN(mean) || math.IsInf(mean, 0) {
		return etf.Invalid("mean", fmt.Sprintf("%v is no price", mean), "give a finite number")
	}
	for i, q := range d.q[:d.n] {
		if math.IsNaN(q) || math.IsInf(q, 0) {
			return etf.Invalid("quantiles", fmt.Sprintf("%v at level %v is no price", q, d.knots.level[i]), "give finite numbers")
		}
		if i > 0 && q < d.q[i-1] {
			return etf.Invalid("quantiles", fmt.Sprintf("%v at level %v is less than %v at level %v", q, d.knots.level[i], d.q[i-1], d.knots.level[i-1]),
				"give quantiles that don't decrease with their level")
		}
	}
	return nil
}

// slope is that of x by z between quantiles i and i+1; i = -1 and n-1 are the outsides.
func (d *distribution) slope(i int) float64 {
	i = min(max(i, 0), d.n-2)
	return (d.q[i+1] - d.q[i]) / (d.knots.z[i+1] - d.knots.z[i])
}

func (d *distribution) crps(y float64) float64 {
	k, last := d.knots, d.n-1
	var sum float64
	// Below the lowest quantile.
	if s := d.slope(-1); y >= d.q[0] {
		sum += s * k.below[0]
	} else if z := k.z[0] + (y-d.q[0])/s; math.IsInf(z, 0) {
		sum += d.q[0] - y // as good as all of the distribution lies above
	} else {
		sum += s * (squares(z) + squares(-z) - k.above[0])
	}
	for i := range last {
		s := d.slope(i)
		switch {
		case s == 0:
		case y >= d.q[i+1]:
			sum += s * (k.below[i+1] - k.below[i])
		case y <= d.q[i]:
			sum += s * (k.above[i] - k.above[i+1])
		default:
			z := d.score(i, y)
			sum += s * (squares(z) - k.below[i] + squares(-z) - k.above[i+1])
		}
	}
	// Above the highest quantile.
	if s := d.slope(last); y <= d.q[last] {
		sum += s * k.above[last]
	} else if z := k.z[last] + (y-d.q[last])/s; math.IsInf(z, 0) {
		sum += y - d.q[last]
	} else {
		sum += s * (squares(z) - k.below[last] + squares(-z))
	}
	return sum
}

// score is the normal score of y, which lies between the different quantiles i and i+1.
func (d *distribution) score(i int, y float64) float64 {
	z := d.knots.z
	return z[i] + (y-d.q[i])/(d.q[i+1]-d.q[i])*(z[i+1]-z[i])
}

func (d *distribution) pit(y float64) float64 {
	k, last := d.knots, d.n-1
	switch {
	case y < d.q[0]:
		return phi(k.z[0] + (y-d.q[0])/d.slope(-1))
	case y > d.q[last]:
		return phi(k.z[last] + (y-d.q[last])/d.slope(last))
	}
	first := 0
	for d.q[first] < y {
		first++
	}
	if d.q[first] > y {
		return phi(d.score(first-1, y))
	}
	end := first
	for end < last && d.q[end+1] == y {
		end++
	}
	low, high := k.level[first], k.level[end]
	if first == 0 && end > 0 {
		low = 0
	}
	if end == last && first < last {
		high = 1
	}
	return (low + high) / 2
}
