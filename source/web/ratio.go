package web

import (
	"math/big"
	"strings"
)

// Ratio reads the factor of a split, new shares for each old one, in lowest terms: "2.0" is 2:1, "1.5" is 3:2, "0.1" is 1:10. A long
// decimal that rounds a simple fraction is that fraction: "0.333333" is 1:3. ok is false for a factor that is not positive, or
// too fine or large to be one.
func Ratio(text string) (numerator, denominator int64, ok bool) {
	if len(text) > 40 || strings.ContainsAny(text, "eE/xXpP_") {
		return 0, 0, false
	}
	exact, valid := new(big.Rat).SetString(text)
	if !valid || exact.Sign() <= 0 {
		return 0, 0, false
	}
	_, decimals, _ := strings.Cut(text, ".")
	if r, simple := simplest(exact, len(strings.TrimRight(decimals, "0"))); simple {
		exact = r
	}
	if !exact.Num().IsInt64() || !exact.Denom().IsInt64() {
		return 0, 0, false
	}
	return exact.Num().Int64(), exact.Denom().Int64(), true
}

// simplest finds the fraction that a number with so many decimals rounds. A fraction fits by chance if its denominator is large for
// the decimals, so the square of that is at most a hundredth of their unit; 1:n, the usual ratio of a reverse split, may be
// as fine as the decimals tell.
func simplest(exact *big.Rat, decimals int) (*big.Rat, bool) {
	const fewest, largest = 4, 1000
	if decimals < fewest {
		return nil, false // 0.33 may well be 33:100
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(scale, big.NewInt(2)))
	finer := func(factor, d int64) bool { return big.NewInt(factor*d*d).Cmp(scale) <= 0 }
	for d := int64(1); d <= largest && finer(2, d); d++ {
		// The nearest fraction with this denominator is (2·exact·d + 1) / 2, rounded down, over d.
		n := new(big.Rat).Mul(exact, new(big.Rat).SetInt64(2*d))
		n.Add(n, big.NewRat(1, 1))
		near := new(big.Rat).SetFrac(new(big.Int).Quo(n.Num(), new(big.Int).Mul(n.Denom(), big.NewInt(2))), big.NewInt(d))
		off := new(big.Rat).Sub(near, exact)
		if near.Sign() > 0 && off.Abs(off).Cmp(half) <= 0 && (finer(100, d) || near.Num().Cmp(big.NewInt(1)) == 0) {
			return near, true
		}
	}
	return nil, false
}
