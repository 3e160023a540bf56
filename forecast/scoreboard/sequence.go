package scoreboard

import (
	"iter"
	"math"

	"github.com/etfcast/etfcast/etf"
)

// Alpha is the probability, at most, that a confidence sequence ever excludes the true mean.
const Alpha = .05

// Difference is the confidence sequence of the difference from the benchmark at its newest place: the mean over sessions of the
// pinball loss minus the benchmark's, in units of the scale times the square root of the horizon. Below 0 the model is better.
//
// An increment is a session's mean over ETFs of the clipped differences (etf.SessionLosses.Difference), between ±Limit. For
// horizons above 1, every h-th origin is used, from the first one on, so that no two increments cover the same session; an origin
// without pairs gives way to the next one. Increments of several exchanges cover hours of each other: then there is no sequence (N is 0).
//
// Low and High bound the mean of the expected increments, each expected given everything before its origin, with probability 1-Alpha
// at all N at once: they may be looked at every day, and nothing is assumed of the increments but their limit. They may change their
// distribution and their mean, and depend on earlier ones.
//
// The method is betting (Waudby-Smith and Ramdas 2024) with bets that are fixed beforehand. Let x be the increments, m their
// expectations, and 0 < λ < 1/Limit. The expectation of 1+λx is 1+λm ≤ exp(λm), so that the product of (1+λx)exp(-λm) is a
// nonnegative supermartingale, which ever exceeds 2/Alpha with a probability of at most Alpha/2 (Ville's inequality). It
// depends on the expectations only by their sum, and so does a weighted mean over several λ: Low is the mean at which that is 2/Alpha, High the
// same of -x. Because the mean that is bounded may change, sequences are not intersected over time.
type Difference struct {
	Mean, Low, High float64 // NaN, and ±Limit, if N is 0
	N               int     // increments
	Alpha, Limit    float64
}

// Compare returns the newest place of the confidence sequence at level alpha of one model and horizon; 0 means Alpha. The sessions may
// come in any order.
func Compare(sessions []etf.SessionLosses, horizon int, alpha float64) Difference {
	origins, exchanges := byOrigin(sessions)
	if alpha == 0 {
		alpha = Alpha
	}
	return difference(origins, max(horizon, 1), exchanges, alpha)
}

// CompareEach calls each with every place of the sequence that Compare returns the newest of, oldest first, and the origin of its last
// increment, until it returns false.
func CompareEach(sessions []etf.SessionLosses, horizon int, alpha float64, each func(origin etf.Session, d Difference) bool) {
	origins, exchanges := byOrigin(sessions)
	if alpha == 0 {
		alpha = Alpha
	}
	var s sequence
	for origin, increment := range increments(origins, max(horizon, 1), exchanges) {
		s.add(increment)
		if !each(origin, s.at(alpha)) {
			return
		}
	}
}

// difference returns the sequence's newest place. The origins are ascending.
func difference(origins []etf.SessionLosses, horizon, exchanges int, alpha float64) Difference {
	var s sequence
	eachIncrement(origins, horizon, exchanges, s.add)
	return s.at(alpha)
}

// eachIncrement calls add with the increments of a sequence, oldest first.
func eachIncrement(origins []etf.SessionLosses, horizon, exchanges int, add func(float64)) {
	for _, increment := range increments(origins, horizon, exchanges) {
		add(increment)
	}
}

// increments are the increments of a sequence with their origins, oldest first.
func increments(origins []etf.SessionLosses, horizon, exchanges int) iter.Seq2[etf.Session, float64] {
	return func(yield func(etf.Session, float64) bool) {
		if exchanges > 1 {
			return
		}
		next := 0
		for i := range origins {
			if o := &origins[i]; i >= next && o.Paired > 0 {
				if !yield(o.Origin, o.Difference/float64(o.Paired)) {
					return
				}
				next = i + horizon
			}
		}
	}
}

// sequence is a confidence sequence in the making.
type sequence struct {
	n        int
	sum      float64
	up, down [len(bets)]float64 // logarithms of what each bet has made of 1, on increments above and below 0
}

// bets are the λ. Each is best for a sum of squared increments of about 2 log(2/Alpha)/λ²: from 2, at first, to 4,000.
var bets, logWeights = func() (bets, logWeights [12]float64) {
	for k := range bets {
		bets[k] = .95 / etf.DifferenceLimit * math.Pow(2, -float64(k)/2)
		// 1/((k+1)(k+2)), which add up to 1-1/(len+1): most weight where every record begins.
		logWeights[k] = -math.Log(float64((k+1)*(k+2))) - math.Log1p(-1/float64(len(bets)+1))
	}
	return bets, logWeights
}()

func (s *sequence) add(increment float64) {
	// Sums of thousands of clipped numbers may exceed the limit in their last bits.
	increment = min(max(increment, -etf.DifferenceLimit), etf.DifferenceLimit)
	s.n++
	s.sum += increment
	for k, bet := range bets {
		s.up[k] += math.Log1p(bet * increment)
		s.down[k] += math.Log1p(-bet * increment)
	}
}

func (s *sequence) at(alpha float64) Difference {
	d := Difference{Mean: math.NaN(), Low: -etf.DifferenceLimit, High: etf.DifferenceLimit, N: s.n, Alpha: alpha, Limit: etf.DifferenceLimit}
	if s.n > 0 {
		n := float64(s.n)
		d.Mean = s.sum / n
		d.Low, d.High = max(d.Low, least(&s.up, alpha)/n), min(d.High, -least(&s.down, alpha)/n)
	}
	return d
}

// least is the sum of expectations at which the logarithm of the capital is log(2/alpha): it decreases with the sum.
func least(logs *[len(bets)]float64, alpha float64) float64 {
	return leastSum(bets[:], logWeights[:], logs[:], math.Log(2/alpha))
}

// capital is the logarithm of the weighted mean of all bets if the expectations add up to sum, and its derivative by sum.
func capital(bets, logWeights, logs []float64, sum float64) (value, derivative float64) {
	largest := math.Inf(-1)
	for k, bet := range bets {
		largest = max(largest, logs[k]+logWeights[k]-bet*sum)
	}
	var all, moment float64
	for k, bet := range bets {
		e := math.Exp(logs[k] + logWeights[k] - bet*sum - largest)
		all += e
		moment += e * bet
	}
	return largest + math.Log(all), -moment / all
}

// leastSum is the sum at which capital is the threshold.
func leastSum(bets, logWeights, logs []float64, threshold float64) float64 {
	// Where the first of the bets alone gets there.
	sum := math.Inf(-1)
	for k, bet := range bets {
		sum = max(sum, (logs[k]+logWeights[k]-threshold)/bet)
	}
	// Newton's steps approach the root of a convex function from one side.
	for range 100 {
		value, derivative := capital(bets, logWeights, logs, sum)
		next := sum - (value-threshold)/derivative
		if !(next > sum+1e-15*math.Abs(sum)) {
			break
		}
		sum = next
	}
	return sum
}
