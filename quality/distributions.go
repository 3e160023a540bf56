package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleDistribution = "implausible_distribution"

const (
	// foreignUnit is the least factor between a distribution and the fund's usual ones that is read as another unit or
	// currency: 100 for pence, 100 to 150 for yen, more than 1,000 for won. A fund whose distributions differ by more than
	// steady among themselves has no usual size.
	foreignUnit = 20.0
	steady      = 3.0
	// leastUsual is how many earlier distributions make a usual size, mostUsual how many of the latest are looked at.
	leastUsual, mostUsual = 4, 12
	// repeatedWithin is how many days apart two distributions of one amount are taken for the same one stated twice. Funds that
	// pay most often pay once a week.
	repeatedWithin = 4
)

// checkDistributions reports the distributions of the response's sessions that are not to be believed, and those that a
// provider has restated for a split that its prices are not restated for, or the reverse.
func checkDistributions(s *state) {
	if len(s.paid) == 0 {
		return
	}
	rows := s.series()
	actions := slices.Concat(s.paid, s.splits)
	for _, a := range s.paid {
		at, _ := slices.BinarySearchFunc(rows, a.Ex, func(r row, t etf.Session) int { return cmp.Compare(r.Session, t) })
		if at == len(rows) || rows[at].ordinal < 0 || a.Ex < rows[0].Session || s.unchanged(rows[at].Bar) && !(at > 0 && rows[at-1].fresh()) {
			continue // reported when it was stored, unless the price before it comes only now
		}
		var before etf.Price
		if at > 0 {
			before = rows[at-1].Close
		}
		after := rows[at].Close
		if s.in.Basis == etf.AsTraded { // on the basis of the amount, that of Ex
			for _, x := range s.between(s.splits, rows[max(0, at-1)].Session, rows[at].Session) {
				if p, ok := before.MulRatio(x.Denominator, x.Numerator); ok {
					before = p
				}
			}
		}
		if why := implausible(a, before, after, s.sigmaAround(rows, at), actions); why != "" {
			s.flag(ruleDistribution, etf.SeverityWarning, rows[at].Session, math.Abs(a.Amount.Float()), why)
		}
	}
	for _, split := range s.splits {
		s.checkRestatedDividends(rows, split)
	}
}

// sigmaAround is the volatility around the step to row at. Where prices may be restated for distributions, so that they
// don't fall with them, it is at least the prior.
func (s *state) sigmaAround(rows []row, at int) float64 {
	var sizes []float64
	for k := max(1, at-30); k < min(len(rows), at+31); k++ {
		if k != at {
			sizes = append(sizes, s.change(&rows[k-1], &rows[k]).size())
		}
	}
	sigma := volatilityPrior
	if len(sizes) >= leastUsual {
		sigma = max(spread(sizes), floorAt(s.in.Exchange, rows[at].Close))
	}
	if s.in.Basis != etf.AsTraded && s.in.Basis != etf.SplitAdjusted {
		sigma = max(sigma, volatilityPrior)
	}
	return sigma
}

// checkRestatedDividends compares the yields of the dividends before and after a split. If they differ by the split's
// ratio, the older amounts are not on the basis of the prices.
func (s *state) checkRestatedDividends(rows []row, split etf.Action) {
	var before, after []float64 // log yields
	var old []etf.Session
	for _, a := range s.paid {
		at, _ := slices.BinarySearchFunc(rows, a.Ex, func(r row, t etf.Session) int { return cmp.Compare(r.Session, t) })
		if a.Kind != etf.Dividend || a.Amount <= 0 || at == 0 || at == len(rows) || a.Ex == split.Ex {
			continue
		}
		yield := math.Log(a.Amount.Float() / rows[at-1].Close.Float())
		if a.Ex < split.Ex {
			before = append(before, yield)
			if rows[at].ordinal >= 0 && !s.unchanged(rows[at].Bar) {
				old = append(old, rows[at].Session)
			}
		} else {
			after = append(after, yield)
		}
	}
	before, after = before[max(0, len(before)-mostUsual):], after[:min(len(after), mostUsual)]
	if len(before) < 3 || len(after) < 3 || len(old) == 0 {
		return
	}
	ratio := math.Log(float64(split.Numerator) / float64(split.Denominator))
	step := median(after) - median(before)
	apart := 0.0
	for _, y := range before {
		apart = max(apart, math.Abs(y-median(before)))
	}
	for _, y := range after {
		apart = max(apart, math.Abs(y-median(after)))
	}
	if math.Abs(math.Abs(step)-math.Abs(ratio)) > 0.3*math.Abs(ratio) || math.Abs(step) < 2*apart {
		return
	}
	text := fmt.Sprintf("the dividends before the split %s of %s are %s times as high against the price as those after it: they are not restated as the prices are",
		split.Terms(), split.Ex, short(math.Exp(-step)))
	for _, session := range old {
		s.flag(ruleDistribution, etf.SeverityWarning, session, 0, text)
		text = ""
	}
}

// Implausible says why a distribution is not to be believed before somebody has looked at it; "" if it is plausible, or a
// split. before is the close of the session before Ex, after that of Ex or the first one later, both on the amount's
// basis; 0 if unknown. earlier are the fund's actions up to Ex, in any order, splits included.
func Implausible(a etf.Action, before, after etf.Price, earlier []etf.Action) (why string) {
	return implausible(a, before, after, volatilityPrior, earlier)
}

// implausible is Implausible for a fund of the daily volatility sigma.
func implausible(a etf.Action, before, after etf.Price, sigma float64, earlier []etf.Action) string {
	if a.Kind == etf.Split {
		return ""
	}
	name := fmt.Sprintf("the %s of %s with ex-date %s", kindName(a.Kind), a.Amount, a.Ex)
	if a.Amount <= 0 {
		return name + " is not positive"
	}
	for _, e := range earlier {
		days := a.Ex - e.Ex
		if e.Kind == a.Kind && e.Amount == a.Amount && days > 0 && days <= repeatedWithin {
			return fmt.Sprintf("%s repeats that of %s: one distribution stated twice?", name, e.Ex)
		}
	}
	if before == 0 && after > 0 && a.Amount >= after {
		return fmt.Sprintf("%s is %s times the close %s after it, and there is none before it: another unit or currency?", name, short(a.Amount.Float()/after.Float()), after)
	}
	fell := false // with the distribution
	if before > 0 {
		size := a.Amount.Float() / before.Float()
		if size >= 1 {
			return fmt.Sprintf("%s is %s times the close %s before it: another unit or currency?", name, short(size), before)
		}
		fall := before.Float() - after.Float()
		fell = after > 0 && fall > 0.5*a.Amount.Float() && fall > surprising*sigma*before.Float()
		text := fmt.Sprintf("%s is %s of the close %s before it", name, percent(size), before)
		switch {
		case after == 0 && size > unlikely*sigma:
			return text + ", and no later price shows it"
		// How far the next close is above where the distribution would have left the price.
		case after > 0 && !fell && math.Log(after.Float()/before.Float())-math.Log1p(-size) > spiking*sigma:
			return fmt.Sprintf("%s, but the next close is %s", text, after)
		}
	}
	if fell {
		return ""
	}
	// The amounts may be restated for splits or not: only what differs from both is strange.
	for _, restated := range []bool{false, true} {
		usual, most, n := usualAmount(a, earlier, restated)
		if n < leastUsual || most > math.Log(steady) {
			return ""
		}
		factor := a.Amount.Float() / usual
		if math.Abs(math.Log(factor)) < math.Log(foreignUnit) {
			return ""
		}
		if restated {
			return fmt.Sprintf("%s is %s times the usual amount of %s: another unit or currency?", name, short(factor), short(usual))
		}
	}
	return ""
}

// usualAmount is the median of the amounts of the latest earlier actions of a's kind, divided by the splits since if asked
// to. most is the greatest distance of one of them from it, as a logarithm.
func usualAmount(a etf.Action, earlier []etf.Action, restated bool) (usual, most float64, n int) {
	var latest []etf.Action
	for _, e := range earlier {
		if e.Kind == a.Kind && e.Amount > 0 && e.Ex < a.Ex {
			latest = append(latest, e)
		}
	}
	byEx(latest)
	latest = latest[max(0, len(latest)-mostUsual):]
	amounts := make([]float64, len(latest))
	for i, e := range latest {
		amounts[i] = e.Amount.Float()
		for _, x := range earlier {
			if restated && x.Kind == etf.Split && x.Numerator > 0 && x.Denominator > 0 && x.Ex > e.Ex && x.Ex <= a.Ex {
				amounts[i] *= float64(x.Denominator) / float64(x.Numerator)
			}
		}
	}
	if len(amounts) == 0 {
		return 0, 0, 0
	}
	usual = median(amounts)
	for _, x := range amounts {
		most = max(most, math.Abs(math.Log(x/usual)))
	}
	return usual, most, len(amounts)
}

// kindName writes a kind of action as words.
func kindName(k etf.ActionKind) string {
	switch k {
	case etf.SpecialDividend:
		return "special dividend"
	case etf.CapitalGain:
		return "capital gain"
	case etf.SpinOff:
		return "spin-off"
	default:
		return string(k)
	}
}
