package quality

import (
	"fmt"
	"math/big"

	"github.com/etfcast/etfcast/etf"
)

// Adjustment says what prices are restated for.
type Adjustment string

// The adjustments.
const (
	AdjustNone  Adjustment = "none"  // as stored
	AdjustSplit Adjustment = "split" // for splits
	AdjustTotal Adjustment = "total" // for splits and distributions: returns are those of an investor who reinvests them
)

// ParseAdjustment reads an adjustment; "" is none. Errors are of KindInvalid with Field "adjust".
func ParseAdjustment(text string) (Adjustment, error) {
	switch a := Adjustment(text); a {
	case "":
		return AdjustNone, nil
	case AdjustNone, AdjustSplit, AdjustTotal:
		return a, nil
	}
	return "", etf.Invalid("adjust", fmt.Sprintf("%q is not an adjustment", etf.Clip(text, etf.MaxQuoted)), "use none, split or total")
}

// Restate restates stored bars in terms of the shares of session asOf, by the accepted actions. It is a pure function; bars
// must be ascending and reach up to asOf, because a later distribution is measured by the close before it.
//
// For splits, see Adjust. For distributions (dividends, special dividends, capital gains and the value of spin-offs), the
// prices before an ex-date are multiplied by 1 - amount/close, with the last close in use before it, in the shares of the
// ex-date; amounts with one ex-date are added up first. Volume changes with splits only, and AdjClose never. The product of
// all factors is rounded once, half away from zero, to 8 decimals.
//
// KindConflict, with the reason, for a basis that can't be restated so (total-adjusted prices for splits only, prices of
// unknown basis for anything) and for distributions of at least the close before them; otherwise the errors of Adjust.
func Restate(bars []etf.StoredBar, actions []etf.Action, asOf etf.Session, how Adjustment) ([]etf.Bar, error) {
	basis := etf.AsTraded
	if len(bars) > 0 {
		basis = bars[0].Basis
	}
	switch {
	case how == AdjustNone:
		return Adjust(bars, nil, asOf)
	case basis == etf.BasisUnknown || basis == etf.TotalAdjusted && how == AdjustSplit:
		return nil, &etf.Error{Kind: etf.KindConflict, Field: "adjust",
			Message: fmt.Sprintf("the stored prices are %s, so they can't be restated with adjust=%s", basis, how),
			Remedy:  "use adjust=none, or register the ETF under another symbol from a source of as-traded prices (`etfcast etf add`)"}
	case basis == etf.TotalAdjusted:
		return Adjust(bars, nil, asOf)
	}
	out, err := Adjust(bars, actions, asOf)
	if err != nil || how == AdjustSplit {
		return out, err
	}
	return out, reinvest(out, bars, actions, asOf)
}

// precision is the mantissa of the product of factors, in bits: with hundreds of distributions, its error is far below the
// last decimal of any price.
const precision = 256

// reinvest multiplies the split-adjusted prices in out by the factors of the distributions; bars are the stored ones.
func reinvest(out []etf.Bar, bars []etf.StoredBar, actions []etf.Action, asOf etf.Session) error {
	var cash []etf.Action
	for _, a := range actions {
		if a.Kind != etf.Split && a.Ex <= asOf && a.Amount > 0 {
			cash = append(cash, a)
		}
	}
	byEx(cash)
	splits, err := splitsUpTo(actions, asOf)
	if err != nil {
		return err
	}
	factor := new(big.Float).SetPrec(precision).SetInt64(1)
	changed := false
	next := len(cash) - 1
	for i := len(out) - 1; i >= 0; i-- {
		for next >= 0 && cash[next].Ex > out[i].Session {
			ex, paid := cash[next].Ex, new(big.Int)
			for ; next >= 0 && cash[next].Ex == ex; next-- {
				paid.Add(paid, big.NewInt(int64(cash[next].Amount)))
			}
			before := i
			for before >= 0 && (bars[before].Quarantined || bars[before].Held || bars[before].Close <= 0) {
				before--
			}
			if before < 0 {
				continue // no price in use is older: nothing to restate
			}
			last := new(big.Rat).SetInt64(int64(bars[before].Close))
			if bars[before].Basis == etf.AsTraded {
				for _, s := range splits {
					if s.Ex > bars[before].Session && s.Ex <= ex {
						last.Mul(last, big.NewRat(s.Denominator, s.Numerator))
					}
				}
			}
			share := new(big.Rat).Quo(new(big.Rat).SetInt(paid), last)
			if share.Cmp(big.NewRat(1, 1)) >= 0 {
				return &etf.Error{Kind: etf.KindConflict, Field: "adjust",
					Message: fmt.Sprintf("the distributions of %s, %s in all, are not below the close %s before them", ex, etf.Price(paid.Int64()), bars[before].Close),
					Remedy:  "use adjust=split, or reject the wrong one (`etfcast action reject ACTION`)"}
			}
			f := new(big.Float).SetPrec(precision).SetRat(new(big.Rat).Sub(big.NewRat(1, 1), share))
			factor.Mul(factor, f)
			changed = true
		}
		if changed {
			b := &out[i]
			for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
				*p = times(*p, factor)
			}
		}
	}
	return nil
}

// times multiplies a price by a factor of at most 1 and rounds half away from zero.
func times(p etf.Price, factor *big.Float) etf.Price {
	x := new(big.Float).SetPrec(precision).SetInt64(int64(p))
	x.Mul(x, factor)
	half := big.NewFloat(0.5)
	if p < 0 {
		half = big.NewFloat(-0.5)
	}
	n, _ := x.Add(x, half).Int64()
	return etf.Price(n)
}
