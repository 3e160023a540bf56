package file

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// blank reports whether s is one of the ways files mark a missing value.
func blank(s string) bool {
	if len(s) == 0 {
		return true
	}
	if len(s) > 6 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	switch s {
	case "-", "--", "---", "\u2013", "\u2014", ".", "\u00a0":
		return true
	}
	switch strings.ToLower(s) {
	case "nan", "nat", "na", "n/a", "n.a.", "null", "none", "nil", "#n/a", "<na>":
		return true
	}
	return false
}

// parsePrice reads a price with a decimal point and removes the noise of binary floats, as described in the package documentation.
func parsePrice(s string) (etf.Price, error) {
	point := strings.IndexByte(s, '.')
	decimals := len(s) - point - 1
	if point < 0 || decimals <= 4 || strings.ContainsAny(s, "eE") {
		return etf.ParsePrice(s)
	}
	if decimals > 8 {
		if point >= 4 { // from 1024 on, 32 bits are not precise to 4 decimals: 1743.18 prints as 1743.1800537109375
			if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f-float64(float32(f))) <= 1e-12*math.Abs(f) {
				p, err := etf.ParsePrice(strconv.FormatFloat(f, 'f', -1, 32))
				return p.RoundTo(4), err
			}
		}
		keep, unit := 4, etf.Price(10_000)
		if whole, ok := digits(strings.TrimLeft(s[:point], "+-")); ok && whole == 0 {
			keep, unit = 6, 100
		}
		rest := s[point+1+keep:]
		if _, ok := digits(rest); !ok {
			return etf.ParsePrice(s) // for its error
		}
		p, err := etf.ParsePrice(s[:point+1+keep])
		if err == nil && rest[0] >= '5' {
			if s[0] == '-' {
				unit = -unit
			}
			p += unit
		}
		return p, err
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && strconv.FormatFloat(float64(float32(f)), 'f', decimals, 64) == strings.TrimPrefix(s, "+") {
		if p, err := etf.ParsePrice(strconv.FormatFloat(f, 'f', -1, 32)); err == nil && p == p.RoundTo(4) {
			return p, nil
		}
	}
	return etf.ParsePrice(s)
}

// digits reads up to 18 digits; no digits are 0.
func digits(s string) (n int, ok bool) {
	if len(s) > 19 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// maxDenominator bounds the denominator of a split ratio: 1281:1000 has been seen for spin-offs.
const maxDenominator = 1000

// maxTerm bounds both numbers of a ratio such as 4:1.
const maxTerm = 1_000_000

// parseRatio reads "4:1" or new shares per old share, as a fraction: exactly if its denominator is at most 1000, else as the
// simplest fraction that rounds to the given decimals (0.06666667 is 1:15). num is 0 for no split.
func parseRatio(s string) (num, den int64, err error) {
	if i := strings.IndexAny(s, ":/"); i > 0 {
		n, ok1 := digits(strings.TrimSpace(s[:i]))
		d, ok2 := digits(strings.TrimSpace(s[i+1:]))
		if !ok1 || !ok2 || n < 1 || d < 1 || n > maxTerm || d > maxTerm || i+1 == len(s) {
			return 0, 0, fmt.Errorf("%q is not a split ratio; write new shares, a colon and old shares, such as 4:1", etf.Clip(s, 40))
		}
		if n == d {
			return 0, 0, nil
		}
		g := gcd(int64(n), int64(d))
		return int64(n) / g, int64(d) / g, nil
	}
	p, err := etf.ParsePrice(s)
	if err != nil {
		return 0, 0, err
	}
	if p < 0 {
		return 0, 0, fmt.Errorf("%s is negative", s)
	}
	const one = 100_000_000
	if p == 0 || p == one {
		return 0, 0, nil
	}
	g := gcd(int64(p), one)
	num, den = int64(p)/g, one/g
	if den <= maxDenominator {
		return num, den, nil
	}
	// Half a unit in the last decimal given; at most eight are kept.
	decimals := 0
	if point := strings.IndexByte(s, '.'); point >= 0 {
		decimals = min(len(s)-point-1, 8)
	}
	half := 0.5
	for range decimals {
		half /= 10
	}
	x := float64(p) / one
	if n, d, ok := simplest(x, half*1.000001); ok {
		return n, d, nil
	}
	return num, den, nil
}

// simplest returns the first convergent of x's continued fraction within tolerance.
func simplest(x, tolerance float64) (num, den int64, ok bool) {
	n0, d0, n1, d1 := int64(0), int64(1), int64(1), int64(0)
	for y, i := x, 0; i < 20 && y < 1e9; i++ {
		a := int64(y)
		n0, d0, n1, d1 = n1, d1, a*n1+n0, a*d1+d0
		if d1 > maxDenominator {
			return 0, 0, false
		}
		if diff := x - float64(n1)/float64(d1); diff <= tolerance && -diff <= tolerance {
			return n1, d1, n1 > 0
		}
		y = 1 / (y - float64(a))
	}
	return 0, 0, false
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
