package quality

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// Adjust restates prices in terms of the shares of session asOf. It is a pure function of the raw bars and the accepted
// splits with Ex up to asOf; other actions and later splits are ignored, and the same split stated twice counts once.
//
// The prices of as-traded bars are multiplied by Denominator/Numerator and their volumes by Numerator/Denominator of
// every later split. The product is exact and rounded once, half away from zero. AdjClose does not change: it is on the
// provider's own basis. Bars of any other basis pass through unchanged: they are adjusted already, or their basis is
// unknown.
//
// The result is parallel to bars, which must be ascending. Errors: KindInvalid for bars out of order or after asOf
// (a forecast as of asOf must not see them) and for a split whose ratio is not positive; KindConflict for bars of
// different bases in one series and for two different splits on one day; KindInternal when a price overflows its type.
func Adjust(bars []etf.StoredBar, actions []etf.Action, asOf etf.Session) ([]etf.Bar, error) {
	out := make([]etf.Bar, len(bars))
	for i, b := range bars {
		switch {
		case i > 0 && b.Session <= bars[i-1].Session:
			return nil, etf.Invalid(barField(i), fmt.Sprintf("%s does not come after %s", b.Session, bars[i-1].Session), "give the bars in ascending order")
		case b.Session > asOf:
			return nil, etf.Invalid(barField(i), fmt.Sprintf("%s is after %s, the session to adjust to", b.Session, asOf), "leave out later bars")
		case b.Basis != bars[0].Basis:
			return nil, &etf.Error{Kind: etf.KindConflict, Field: barField(i), Message: fmt.Sprintf("a bar of basis %s in a series of basis %s", b.Basis, bars[0].Basis), Remedy: "register the ETF under another symbol with a single source (`etfcast etf add`)"}
		}
		out[i] = b.Bar
	}
	if len(bars) == 0 || bars[0].Basis != etf.AsTraded {
		return out, nil
	}
	splits, err := splitsUpTo(actions, asOf)
	if err != nil {
		return nil, err
	}
	factor := big.NewRat(1, 1) // of prices
	num, den := int64(1), int64(1)
	next := len(splits) - 1
	for i := len(out) - 1; i >= 0; i-- {
		for ; next >= 0 && splits[next].Ex > out[i].Session; next-- {
			factor.Mul(factor, big.NewRat(splits[next].Denominator, splits[next].Numerator))
			if !factor.Num().IsInt64() || !factor.Denom().IsInt64() {
				return nil, overflow(out[i].Session)
			}
			num, den = factor.Num().Int64(), factor.Denom().Int64()
		}
		if num != den && !scale(&out[i], num, den) {
			return nil, overflow(out[i].Session)
		}
	}
	return out, nil
}

func barField(i int) string { return fmt.Sprintf("bars[%d]", i) }

// splitsUpTo returns the splits with Ex up to asOf, ascending, one for each day.
func splitsUpTo(actions []etf.Action, asOf etf.Session) ([]etf.Action, error) {
	var splits []etf.Action
	for i, a := range actions {
		if a.Kind != etf.Split || a.Ex > asOf {
			continue
		}
		if a.Numerator <= 0 || a.Denominator <= 0 {
			return nil, etf.Invalid(fmt.Sprintf("actions[%d]", i), fmt.Sprintf("the ratio of the split %d:%d on %s is not positive", a.Numerator, a.Denominator, a.Ex), "give two positive numbers")
		}
		splits = append(splits, a)
	}
	slices.SortStableFunc(splits, func(a, b etf.Action) int { return cmp.Compare(a.Ex, b.Ex) })
	kept := splits[:0]
	for _, a := range splits {
		if n := len(kept); n > 0 && kept[n-1].Ex == a.Ex {
			k := kept[n-1]
			if big.NewRat(k.Numerator, k.Denominator).Cmp(big.NewRat(a.Numerator, a.Denominator)) != 0 {
				return nil, &etf.Error{Kind: etf.KindConflict, Field: "actions", Message: fmt.Sprintf("two different splits, %d:%d and %d:%d, on %s", k.Numerator, k.Denominator, a.Numerator, a.Denominator, a.Ex), Remedy: wrongSplit}
			}
			continue
		}
		kept = append(kept, a)
	}
	return kept, nil
}

// scale multiplies prices by num/den and volume by den/num; false if one of them overflows its type.
func scale(b *etf.Bar, num, den int64) bool {
	for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
		scaled, ok := p.MulRatio(num, den)
		if !ok {
			return false
		}
		*p = scaled
	}
	volume, ok := b.Volume.MulRatio(den, num)
	b.Volume = volume
	return ok
}

// wrongSplit is the remedy for an accepted split that can't be right.
const wrongSplit = "list the splits with `etfcast action list` and reject the wrong one with `etfcast action reject`"

func overflow(s etf.Session) error {
	return &etf.Error{Kind: etf.KindInternal, Field: "actions", Message: fmt.Sprintf("the product of the splits after %s is too large for a price", s), Remedy: wrongSplit}
}
