package yahoo

import (
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// adjCloseDecimals is how many decimals of Yahoo's adjusted close are kept. Yahoo computes it anew for every request,
// and its seventh decimal differs from one to the next.
const adjCloseDecimals = 6

// maxPrice bounds a price, so that rounding can't overflow: a billion per share.
const maxPrice = etf.Price(1_000_000_000 * 100_000_000)

// undo restates numbers in terms of today's shares as they were traded.
type undo struct {
	splits []etf.Action // oldest first
	// num[i]/den[i] is the product of the ratios of splits[i:], in lowest terms.
	num, den []int64
	won      bool // the currency has no decimals
}

func newUndo(splits []etf.Action, currency etf.Currency) (undo, error) {
	u := undo{splits: splits, num: make([]int64, len(splits)), den: make([]int64, len(splits)), won: currency == "KRW"}
	num, den := int64(1), int64(1)
	for i := len(splits) - 1; i >= 0; i-- {
		n, d := lowest(splits[i].Numerator, splits[i].Denominator)
		// Cross-cancelling first keeps the products small.
		n, den = lowest(n, den)
		num, d = lowest(num, d)
		var okNum, okDen bool
		num, okNum = times(num, n)
		den, okDen = times(den, d)
		if !okNum || !okDen {
			return u, corrupt(root+".events.splits", "the product of the splits from %s on is too large", splits[i].Ex)
		}
		u.num[i], u.den[i] = num, den
	}
	return u, nil
}

func lowest(n, d int64) (int64, int64) {
	a, b := n, d
	for b != 0 {
		a, b = b, a%b
	}
	return n / a, d / a
}

// times multiplies positive numbers; ok is false when the product does not fit.
func times(a, b int64) (c int64, ok bool) {
	if a > math.MaxInt64/b {
		return 0, false
	}
	return a * b, true
}

// factor returns how many of today's shares one share held in session s has become.
func (u undo) factor(s etf.Session) (num, den int64) {
	i, _ := slices.BinarySearchFunc(u.splits, s, func(a etf.Action, s etf.Session) int {
		if a.Ex <= s {
			return -1
		}
		return 1
	})
	if i == len(u.splits) {
		return 1, 1
	}
	return u.num[i], u.den[i]
}

// after returns the splits undone in numbers of session first and later.
func (u undo) after(first etf.Session) []etf.Action {
	var out []etf.Action
	for _, a := range u.splits {
		if a.Ex > first {
			out = append(out, a)
		}
	}
	return out
}

// bar restates a bar as traded. AdjClose stays as sent. ok is false if a number overflows.
func (u undo) bar(b etf.Bar) (r etf.Bar, ok bool) {
	num, den := u.factor(b.Session)
	r = b
	for _, p := range []*etf.Price{&r.Open, &r.High, &r.Low, &r.Close} {
		v, ok := p.MulRatio(num, den)
		if !ok || abs(v) > maxPrice {
			return b, false
		}
		*p = u.price(v, num, den)
	}
	if num != den {
		v, ok := b.Volume.MulRatio(den, num)
		if !ok {
			return b, false
		}
		r.Volume = wholeShares(v)
	}
	return r, true
}

// amount restates an amount per share as traded.
func (u undo) amount(p etf.Price, ex etf.Session) (etf.Price, bool) {
	num, den := u.factor(ex)
	v, ok := p.MulRatio(num, den)
	if !ok || abs(v) > maxPrice {
		return p, false
	}
	return denoise(v, num, den), true
}

func (u undo) price(p etf.Price, num, den int64) etf.Price {
	if u.won {
		return p.RoundTo(0) // ticks are whole won
	}
	return denoise(p, num, den)
}

// denoise removes the rounding errors of the provider from a traded number p, the number sent times num/den. Yahoo
// sends float32 (24 significant bits), rounded to six decimals for old prices; both errors grow with the factor. The
// first of these within that error is the result: cents, sixty-fourths of a dollar (the ticks until 2001), then three
// to six decimals.
func denoise(p etf.Price, num, den int64) etf.Price {
	const sixDecimals = 50 // half a millionth, in units of Price
	grain, ok := etf.Price(sixDecimals).MulRatio(num, den)
	if !ok {
		grain = 0
	}
	noise := grain + abs(p)>>23 + 1 // 2^-23 is twice float32's relative error; 1 is our own rounding
	fits := func(q etf.Price) bool { return abs(p-q) <= noise }
	if q := p.RoundTo(2); fits(q) {
		return q
	}
	const tick = 100_000_000 / 64
	q := (abs(p) + tick/2) / tick * tick
	if p < 0 {
		q = -q
	}
	if fits(q) {
		return q
	}
	for decimals := 3; decimals < 6; decimals++ {
		if q := p.RoundTo(decimals); fits(q) {
			return q
		}
	}
	return p.RoundTo(6)
}

func abs(p etf.Price) etf.Price {
	if p < 0 {
		return -p
	}
	return p
}

// wholeShares rounds half up to whole shares: fractions come only from Yahoo's rounding.
func wholeShares(v etf.Volume) etf.Volume {
	if !v.Known() {
		return v
	}
	const share = 10_000
	return (v + share/2) / share * share
}
