package quality

import (
	"fmt"
	"math"
)

// splitRatios are the ratios by which funds split, in either direction. Most are whole; 3:2 and 4:3 are rare.
var splitRatios = []struct{ num, den int64 }{
	{4, 3}, {3, 2}, {2, 1}, {5, 2}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 1}, {10, 1}, {12, 1}, {15, 1}, {20, 1}, {25, 1}, {30, 1}, {40, 1}, {50, 1},
}

// unitRatios are the factors of a price in a currency's subunit or in thousands. A 100:1 split is rarer than a price in
// pence.
var unitRatios = []struct{ num, den int64 }{{100, 1}, {1000, 1}}

// nearRatio finds the ratio whose logarithm is nearest to the size of a log return, within tolerance. The text is the
// split that would cause the return: "5:1" for a fall to a fifth, "1:20" for a rise to twenty times the price. The factor
// is the ratio as a number, above 1.
func nearRatio(ratios []struct{ num, den int64 }, log, tolerance float64) (text string, factor float64, ok bool) {
	for _, r := range ratios {
		q := float64(r.num) / float64(r.den)
		if d := math.Abs(math.Abs(log) - math.Log(q)); d <= tolerance {
			tolerance, factor, ok = d, q, true
			text = fmt.Sprintf("%d:%d", r.num, r.den)
			if log > 0 {
				text = fmt.Sprintf("%d:%d", r.den, r.num)
			}
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
