package quality

import (
	"math"

	"github.com/etfcast/etfcast/etf"
)

// unitRatios are the factors of a price in a currency's subunit or in thousands. A 100:1 split is rarer than a price in
// pence.
var unitRatios = []int64{100, 1000}

// splitRatio is a ratio by which funds split, in either direction, and how unusual it is, in daily volatilities: of two
// ratios about as near, the usual one is meant.
type splitRatio struct {
	num, den int64
	log      float64
	unusual  float64
}

// splitRatios has every whole ratio up to 20, round ones up to 500, and the few broken ones that occur.
var splitRatios = func() []splitRatio {
	var out []splitRatio
	add := func(num, den int64, unusual float64) {
		out = append(out, splitRatio{num, den, math.Log(float64(num) / float64(den)), unusual})
	}
	for _, n := range []int64{2, 3, 4, 5, 10, 20} {
		add(n, 1, 0)
	}
	for _, n := range []int64{6, 8, 15, 25, 30, 40, 50, 100} {
		add(n, 1, 0.5)
	}
	for _, n := range []int64{7, 9, 11, 12, 13, 14, 16, 17, 18, 19} {
		add(n, 1, 1)
	}
	for n := int64(22); n <= 60; n++ {
		if n != 25 && n != 30 && n != 40 && n != 50 {
			add(n, 1, 2)
		}
	}
	for n := int64(65); n <= 500; n += 5 {
		if n != 100 {
			add(n, 1, 2)
		}
	}
	add(3, 2, 0)
	add(4, 3, 0.5)
	add(5, 4, 0.5)
	add(5, 2, 0.5)
	add(5, 3, 2)
	return out
}()

// nearUnit finds the unit factor within tolerance of a log return, in either direction.
func nearUnit(log, tolerance float64) (factor int64, ok bool) {
	for _, r := range unitRatios {
		if math.Abs(math.Abs(log)-math.Log(float64(r))) <= tolerance {
			return r, true
		}
	}
	return 0, false
}

// nearSplit finds the split that explains a log return best, and how far off it is. overnight is the log return from the
// close before to the open, which the market has moved less than the close; it equals log where there is no open.
func nearSplit(log, overnight, sigma, tolerance float64) (r splitRatio, off float64, ok bool) {
	best := math.Inf(1)
	for _, c := range splitRatios {
		d := math.Abs(math.Abs(log) - c.log)
		if d > tolerance {
			continue
		}
		o := math.Abs(math.Abs(overnight) - c.log)
		if cost := misfit(math.Abs(log), math.Abs(overnight), c.log, sigma) + c.unusual; cost < best {
			best, r, off, ok = cost, c, min(o, d), true
		}
	}
	return r, off, ok
}

// misfit is how badly a ratio, as a logarithm, explains a log return and that from the close before to the open, in daily volatilities.
func misfit(log, overnight, ratio, sigma float64) float64 {
	d, o := math.Abs(log-ratio), math.Abs(overnight-ratio)
	return (d + min(o, d)) / 2 / sigma
}

// split is the action that multiplies prices by about exp(log): 5:1 for a fall to a fifth, 1:20 for a rise to twenty times
// the price.
func (r splitRatio) split(log float64, ex etf.Session) *etf.Action {
	a := &etf.Action{Kind: etf.Split, Ex: ex, Numerator: r.num, Denominator: r.den}
	if log > 0 {
		a.Numerator, a.Denominator = r.den, r.num
	}
	return a
}

// nearRatio finds the usual ratio nearest to the size of a log return, within tolerance. The text is the split that would
// cause the return, the factor its ratio as a number above 1.
func nearRatio(ratios []splitRatio, log, tolerance float64) (text string, factor float64, ok bool) {
	for _, r := range ratios {
		if d := math.Abs(math.Abs(log) - r.log); d <= tolerance && r.unusual <= 0.5 {
			tolerance, factor, ok = d, math.Exp(r.log), true
			text = r.split(log, 0).Terms()
		}
	}
	return text, factor, ok
}

// gcd is the greatest common divisor of two positive numbers.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
