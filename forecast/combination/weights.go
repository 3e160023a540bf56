package combination

import (
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// Discount is what the losses of a session count of those of the session after it: half after 69 sessions.
const Discount = .99

// Record is what a member's weight at one horizon follows from: the sums of its scores, in any order. The benchmark's may be empty.
type Record struct {
	Model    string
	Sessions []etf.SessionLosses
}

// WeightsOf returns the members' weights at a horizon, in the order of the records; they add up to 1. A weight is proportional to exp(-D),
// with D the discounted sum over sessions of the mean over ETFs of the member's CRPS less the benchmark's, in units of the scale times the
// square root of the horizon (the exponential weights of Vovk 1990, with a learning rate of 1). The newest session of any record
// counts fully. A member without scores, such as the benchmark, has D = 0. Only scores with a counterpart of the benchmark count.
func WeightsOf(records []Record, horizon int) []float64 {
	var newest etf.Session
	origins := map[etf.Session]bool{}
	for _, r := range records {
		for _, s := range r.Sessions {
			if s.Paired > 0 {
				newest = max(newest, s.Origin)
				origins[s.Origin] = true
			}
		}
	}
	age := map[etf.Session]int{}
	for i, origin := range slices.Backward(sorted(origins)) {
		age[origin] = len(origins) - 1 - i
	}
	losses := make([]float64, len(records))
	for k, r := range records {
		for _, s := range ascending(r.Sessions) {
			if s.Paired > 0 {
				difference := (s.PairedCRPS - s.AgainstCRPS) / float64(s.Paired) / math.Sqrt(float64(horizon))
				losses[k] += math.Pow(Discount, float64(age[s.Origin])) * difference
			}
		}
	}
	return softmax(losses)
}

// softmax returns weights in proportion to exp(-loss).
func softmax(losses []float64) []float64 {
	weights := make([]float64, len(losses))
	least, sum := math.Inf(1), 0.0
	for _, l := range losses {
		least = min(least, l)
	}
	for k, l := range losses {
		weights[k] = math.Exp(least - l)
		sum += weights[k]
	}
	for k := range weights {
		weights[k] /= sum
	}
	return weights
}

// Weigher gives the weights of WeightsOf as sessions are added one by one, oldest first, in time that does not grow with their number.
type Weigher struct {
	horizon int
	losses  []float64
}

// NewWeigher returns one of some members at a horizon, without sessions: with equal weights.
func NewWeigher(members, horizon int) *Weigher { return &Weigher{horizon, make([]float64, members)} }

// Add adds a session: the sums of each member's scores, empty ones of a member without. A session in which no score of any has a counterpart
// does not count.
func (w *Weigher) Add(sums []etf.SessionLosses) {
	any := false
	for _, s := range sums {
		any = any || s.Paired > 0
	}
	if !any {
		return
	}
	for k, s := range sums {
		w.losses[k] *= Discount
		if s.Paired > 0 {
			w.losses[k] += (s.PairedCRPS - s.AgainstCRPS) / float64(s.Paired) / math.Sqrt(float64(w.horizon))
		}
	}
}

// Weights returns the weights, in the order of the members; they add up to 1.
func (w *Weigher) Weights() []float64 { return softmax(w.losses) }

func sorted(set map[etf.Session]bool) []etf.Session {
	list := make([]etf.Session, 0, len(set))
	for s := range set {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

// ascending returns the sessions by origin: sums of floating-point numbers depend on their order.
func ascending(sessions []etf.SessionLosses) []etf.SessionLosses {
	list := slices.Clone(sessions)
	slices.SortStableFunc(list, func(a, b etf.SessionLosses) int { return int(a.Origin - b.Origin) })
	return list
}
