package scoreboard

import (
	"math"

	"github.com/etfcast/etfcast/etf"
)

// Evidence is the e-value from which on a coverage counts as refuted: a right one ever reaches it with a probability of at most 1/Evidence.
const Evidence = 20

// CoverageNominals are the intervals whose coverage is measured.
var CoverageNominals = [4]float64{.5, .8, .9, .95}

// coverageBets is the number of bets on each side.
const coverageBets = 16

// MeasureCoverage measures how often one model's intervals at one horizon contained the price, one measure for each of CoverageNominals. The
// sessions may come in any order.
//
// Let x be the share of a session's ETFs whose price was inside, between 0 and 1, and p the nominal coverage. If the coverage is right, x
// has the expectation p given everything before its origin, however the ETFs depend on each other, and the product of 1+λ(x-p) is a
// nonnegative martingale that begins at 1, for every λ that leaves it positive; so is the weighted mean of such products over λ on both
// sides, which is EValue. By Ville's inequality it ever reaches Evidence with a probability of at most 1/Evidence. Low and High bound
// the mean over sessions of the expectation of x, whatever it is and however it changes, as those of Difference do, with x-p for the
// increment. For horizons above 1, every h-th origin is used, from the first one on. Sessions of several exchanges cover hours of
// each other: then only Measured and N are given.
//
// Measured is over all scores, overlapping ones included, so that it need not lie between Low and High.
func MeasureCoverage(sessions []etf.SessionLosses, horizon int) []etf.CoverageMeasure {
	origins, exchanges := byOrigin(sessions)
	horizon = max(horizon, 1)
	list := make([]etf.CoverageMeasure, len(CoverageNominals))
	for i, nominal := range CoverageNominals {
		list[i] = measureCoverage(origins, horizon, exchanges, nominal, func(s *etf.SessionLosses) (inside, n int) {
			return [...]int{s.Inside50, s.Inside80, s.Inside90, s.Inside95}[i], [...]int{s.N, s.N, s.N, s.Tailed}[i]
		})
	}
	return list
}

func measureCoverage(origins []etf.SessionLosses, horizon, exchanges int, nominal float64, of func(*etf.SessionLosses) (inside, n int)) etf.CoverageMeasure {
	m := etf.CoverageMeasure{Nominal: nominal, High: 1, EValue: 1}
	w := newWager(nominal)
	hits, next := 0, 0
	for i := range origins {
		inside, n := of(&origins[i])
		if n == 0 {
			continue
		}
		hits, m.N = hits+inside, m.N+n
		if i < next || exchanges > 1 {
			continue
		}
		next = i + horizon
		w.add(float64(inside) / float64(n))
		if m.EValue = w.value(); m.EValue >= Evidence && !m.Alarm {
			m.Alarm, m.Since = true, origins[i].Origin
		}
	}
	if m.N > 0 {
		m.Measured = float64(hits) / float64(m.N)
	}
	if m.Sessions = w.n; w.n > 0 {
		m.Low, m.High = w.bounds()
	}
	return m
}

// wager is the betting on one coverage.
type wager struct {
	nominal  float64
	n        int
	sum      float64 // of x - nominal
	up, down [coverageBets]float64
	// The λ on the two sides, and the logarithms of their weights.
	upBets, downBets, logWeights [coverageBets]float64
}

func newWager(nominal float64) *wager {
	w := &wager{nominal: nominal}
	for k := range w.upBets {
		part := .95 * math.Pow(2, -float64(k)/2)
		w.upBets[k], w.downBets[k] = part/nominal, part/(1-nominal)
		w.logWeights[k] = -math.Log(float64((k+1)*(k+2))) - math.Log1p(-1/float64(coverageBets+1))
	}
	return w
}

func (w *wager) add(x float64) {
	increment := x - w.nominal
	w.n++
	w.sum += increment
	for k := range w.up {
		w.up[k] += math.Log1p(w.upBets[k] * increment)
		w.down[k] += math.Log1p(-w.downBets[k] * increment)
	}
}

// value is the e-value: both sides have half of the capital.
func (w *wager) value() float64 {
	up, _ := capital(w.upBets[:], w.logWeights[:], w.up[:], 0)
	down, _ := capital(w.downBets[:], w.logWeights[:], w.down[:], 0)
	return min((math.Exp(up)+math.Exp(down))/2, math.MaxFloat64)
}

// bounds returns the confidence sequence of the mean expectation.
func (w *wager) bounds() (low, high float64) {
	n, threshold := float64(w.n), math.Log(2/Alpha)
	low = w.nominal + leastSum(w.upBets[:], w.logWeights[:], w.up[:], threshold)/n
	high = w.nominal - leastSum(w.downBets[:], w.logWeights[:], w.down[:], threshold)/n
	return max(low, 0), min(high, 1)
}
