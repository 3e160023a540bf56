package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleAdjusted = "adjusted_close"

// checkAdjusted compares the step in the provider's adjustment factor (adjusted close over close) on an ex-date with
// the distributions the provider states for it. Providers multiply earlier prices by 1 - amount/close, with the close
// of the session before.
func checkAdjusted(s *state) {
	if len(s.cash) == 0 || s.in.Basis == etf.TotalAdjusted {
		return
	}
	rows := s.series()
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1], rows[i]
		paid := s.between(s.cash, a.Session, b.Session)
		if len(paid) == 0 || b.ordinal < 0 || s.unchanged(b.Bar) || a.AdjClose <= 0 || b.AdjClose <= 0 || len(s.between(s.splits, a.Session, b.Session)) > 0 {
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
		applied := before * (1 - (a.AdjClose.Float()/before)/(b.AdjClose.Float()/b.Close.Float()))
		near := func(amount float64) bool { return amount > 0 && math.Abs(applied-amount) <= 0.1*amount+1e-4*before }
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
