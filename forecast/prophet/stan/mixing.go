package stan

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// RHat is the rank-normalised split R-hat: the larger of the R-hats of the draws (bulk) and of their distances from the
// median (folded). 1 means that the chains agree; Vehtari et al. 2021 recommend less than 1.01. Rows are chains of equal
// length, at least 4; if the length is odd the middle draw is left out. It is NaN for shorter or ragged chains, for draws
// that are not finite and if all are equal.
func RHat(chains [][]float64) float64 {
	s := split(chains)
	if s == nil {
		return math.NaN()
	}
	bulk := plainRHat(rankNormal(s))
	all := slices.Sorted(values(s))
	median := quantile(all, 0.5)
	folded := each(s, func(x float64) float64 { return math.Abs(x - median) })
	return math.Max(bulk, plainRHat(rankNormal(folded)))
}

// ESSBulk is the effective sample size for the centre of the distribution: that of the rank-normalised draws, by
// Geyer's initial monotone sequence over split chains. For antithetic draws it may exceed the number of draws, at most
// by a factor of that number's decimal logarithm. It is NaN where RHat is.
func ESSBulk(chains [][]float64) float64 {
	s := split(chains)
	if s == nil {
		return math.NaN()
	}
	return ess(rankNormal(s))
}

// ESSTail is the effective sample size for the 5 % and 95 % quantiles: the smaller of those of the indicators of being
// at or below them. It is NaN where RHat is.
func ESSTail(chains [][]float64) float64 {
	s := split(chains)
	if s == nil {
		return math.NaN()
	}
	// Quantiles of all draws, including the middle one of odd chains, as in Stan's posterior and ArviZ.
	all := slices.Sorted(values(chains))
	tail := math.Inf(1)
	for _, p := range []float64{0.05, 0.95} {
		q := quantile(all, p)
		tail = math.Min(tail, ess(each(s, func(x float64) float64 {
			if x <= q {
				return 1
			}
			return 0
		})))
	}
	return tail
}

// split cuts each chain into two halves; nil for chains that have no R-hat.
func split(chains [][]float64) [][]float64 {
	if len(chains) == 0 {
		return nil
	}
	n := len(chains[0])
	if n < 4 {
		return nil
	}
	var halves [][]float64
	equal := true
	for _, c := range chains {
		if len(c) != n || !allFinite(c) {
			return nil
		}
		for _, x := range c {
			equal = equal && x == chains[0][0]
		}
		halves = append(halves, c[:n/2], c[n-n/2:])
	}
	if equal {
		return nil
	}
	return halves
}

func values(chains [][]float64) func(yield func(float64) bool) {
	return func(yield func(float64) bool) {
		for _, c := range chains {
			for _, x := range c {
				if !yield(x) {
					return
				}
			}
		}
	}
}

func each(chains [][]float64, f func(float64) float64) [][]float64 {
	out := make([][]float64, len(chains))
	for i, c := range chains {
		out[i] = make([]float64, len(c))
		for k, x := range c {
			out[i][k] = f(x)
		}
	}
	return out
}

// rankNormal replaces draws by the normal scores of their ranks over all chains, tied draws sharing their mean rank: the
// quantile at (rank-3/8)/(n+1/4), Blom 1958.
func rankNormal(chains [][]float64) [][]float64 {
	type place struct {
		x    float64
		c, k int
	}
	var all []place
	out := make([][]float64, len(chains))
	for c, row := range chains {
		out[c] = make([]float64, len(row))
		for k, x := range row {
			all = append(all, place{x, c, k})
		}
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Compare(a.x, b.x) })
	n := float64(len(all))
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && all[j].x == all[i].x {
			j++
		}
		rank := float64(i+1+j) / 2
		z := distuv.UnitNormal.Quantile((rank - 0.375) / (n + 0.25))
		for ; i < j; i++ {
			out[all[i].c][all[i].k] = z
		}
	}
	return out
}

func meanVariance(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x)-1)
}

// plainRHat is the square root of the ratio of the pooled to the within-chain variance (Gelman and Rubin 1992).
func plainRHat(chains [][]float64) float64 {
	n := float64(len(chains[0]))
	means := make([]float64, len(chains))
	var within float64
	for i, c := range chains {
		m, v := meanVariance(c)
		means[i] = m
		within += v / float64(len(chains))
	}
	_, between := meanVariance(means)
	return math.Sqrt((n-1)/n + between/within)
}

// ess is the effective sample size of split chains: draws/tau, tau by Geyer's initial monotone sequence of summed pairs
// of the autocorrelations that combine all chains (Vehtari et al. 2021, equations 10 to 13).
func ess(chains [][]float64) float64 {
	m, n := len(chains), len(chains[0])
	total := float64(m * n)
	means := make([]float64, m)
	var within float64
	for i, c := range chains {
		mean, v := meanVariance(c)
		means[i] = mean
		within += v / float64(m)
	}
	_, between := meanVariance(means)
	pooled := within*float64(n-1)/float64(n) + between
	if pooled == 0 { // an indicator that is the same for all draws
		return total
	}
	rho := func(lag int) float64 {
		if lag == 0 {
			return 1
		}
		var acov float64
		for i, c := range chains {
			for k := 0; k+lag < n; k++ {
				acov += (c[k] - means[i]) * (c[k+lag] - means[i])
			}
		}
		return 1 - (within-acov/total)/pooled
	}
	// tau = -1 + 2*(sum of pairs rho(2k)+rho(2k+1) while positive, made non-increasing) + the even lag that follows.
	tau, last := -1.0, math.Inf(1)
	for lag := 0; ; lag += 2 {
		even, odd := rho(lag), rho(lag+1)
		if math.IsNaN(even) || math.IsNaN(odd) {
			return math.NaN()
		}
		if lag > 0 && (even+odd <= 0 || lag+4 >= n) {
			// The first pair left out: its even lag, if positive, improves the estimate for antithetic chains.
			tau += max(0, even)
			break
		}
		last = min(last, even+odd)
		tau += 2 * last
	}
	return total / max(tau, 1/math.Log10(total))
}

// quantile of sorted values by linear interpolation at p*(n-1).
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
