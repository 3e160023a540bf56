package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleAdjusted = "adjusted_close"

// A step of the adjustment factor beyond lostSteps times its noise is a distribution. The noise, from rounding, is at least
// leastNoise of the price, and fewNoise if few steps show it.
const (
	lostSteps  = 5.0
	leastNoise = 2e-5
	fewNoise   = 1e-4
	fewFactors = 20
)

// factorStep is the part of the price that the adjusted close deducts between two rows.
func factorStep(a, b row) float64 {
	return 1 - (a.AdjClose.Float()/a.Close.Float())/(b.AdjClose.Float()/b.Close.Float())
}

// factorNoise is how much the adjustment factor varies between sessions without a distribution.
func (s *state) factorNoise(rows []row) float64 {
	var steps []float64
	for i := 1; i < len(rows); i++ {
		if a, b := rows[i-1], rows[i]; a.AdjClose > 0 && b.AdjClose > 0 {
			steps = append(steps, math.Abs(factorStep(a, b)))
		}
	}
	if len(steps) < fewFactors {
		return fewNoise
	}
	return max(leastNoise, 2*spread(steps))
}

// checkAdjusted compares the step in the provider's adjustment factor (adjusted close over close) on an ex-date with
// the distributions the provider states for it. Providers multiply earlier prices by 1 - amount/close, with the close
// of the session before.
func checkAdjusted(s *state) {
	if len(s.paid) == 0 || s.in.Basis == etf.TotalAdjusted {
		return
	}
	rows := s.series()
	noise := s.factorNoise(rows)
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1], rows[i]
		paid := s.between(s.paid, a.Session, b.Session)
		if b.ordinal < 0 || s.unchanged(b.Bar) && !a.fresh() || a.AdjClose <= 0 || b.AdjClose <= 0 || len(s.between(s.splits, a.Session, b.Session)) > 0 {
			continue
		}
		if len(paid) == 0 {
			// Of the sessions before an update's window not all distributions need be known.
			if step := factorStep(a, b); math.Abs(step) > lostSteps*noise && (s.in.Initial || b.Session > s.paid[0].Ex) {
				s.flag(ruleAdjusted, etf.SeverityWarning, b.Session, math.Abs(step),
					fmt.Sprintf("%s: the adjusted close deducts %s, but no distribution is stated: was it lost?", b.Session, short(step*a.Close.Float())))
			}
			continue
		}
		var dividend, gain float64
		for _, x := range paid {
			if x.Kind == etf.CapitalGain {
				gain += x.Amount.Float()
			} else {
				dividend += x.Amount.Float()
			}
		}
		before := a.Close.Float()
		applied := before * factorStep(a, b)
		near := func(amount float64) bool { return amount > 0 && math.Abs(applied-amount) <= 0.1*amount+noise*before }
		switch {
		case dividend > 0 && gain > 0 && near(dividend+gain) && !near(dividend):
			// If the dividend already includes the gain, the price falls by the dividend alone.
			fall := before - b.Close.Float()
			if math.Abs(fall-dividend) < math.Abs(fall-dividend-gain) {
				s.flag(ruleAdjusted, etf.SeverityWarning, b.Session, gain/before,
					fmt.Sprintf("%s: the adjusted close deducts %s, the dividend %s plus the capital gain %s, while the price fell by %s: the gain seems to be counted twice",
						b.Session, short(applied), short(dividend), short(gain), short(fall)))
			}
		case near(dividend) || near(gain) || near(dividend+gain):
		default:
			s.flag(ruleAdjusted, etf.SeverityWarning, b.Session, math.Abs(dividend+gain-applied)/before,
				fmt.Sprintf("%s: the adjusted close deducts %s, but %s was paid", b.Session, short(applied), short(dividend+gain)))
		}
	}
}
