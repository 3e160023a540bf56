package scoring

import (
	"math"

	"github.com/etfcast/etfcast/etf"
)

const (
	// leastScale is the least scale of a forecast, as a part of its median: the price of a fund that hardly moves is quoted to
	// about this, and losses divided by less would outweigh all others.
	leastScale = 1e-4
	// most is the most that one score adds to a sum of losses: a sum over a thousand ETFs then fits its column.
	most = 1e6
)

// Contribution returns what a score adds to the sums of its session: each loss divided by the forecast's Scale.Absolute, the
// squared one by Scale.Squared, and at most a million. A scale counts as at least 1e-4 of the forecast's median (its square). A
// withdrawn score adds nothing.
//
// against is the benchmark's score of the same ETF, origin, horizon and standing, nil if there is none; its losses are divided by
// its own scale. The benchmark's own counterpart is itself.
func Contribution(s etf.Score, against *etf.Score) etf.SessionLosses {
	sum := etf.SessionLosses{Exchange: s.Exchange, Model: s.Model, Horizon: s.Horizon, Standing: s.Standing, Origin: s.Origin}
	if s.Withdrawn {
		return sum
	}
	absolute, squared := scales(s)
	sum.N = 1
	sum.Absolute, sum.Squared, sum.CRPS = atMost(s.Absolute/absolute), atMost(s.Squared/squared), atMost(s.CRPS/absolute)
	pinball := mean(s.Pinball)
	sum.Pinball = atMost(pinball / absolute)
	sum.Winkler80, sum.Winkler90 = atMost(s.Winkler[0]/absolute), atMost(s.Winkler[1]/absolute)
	sum.Width80, sum.Width90 = atMost(s.Width[0]/absolute), atMost(s.Width[1]/absolute)
	sum.Inside50, sum.Inside80, sum.Inside90 = one(s.Inside50), one(s.Inside80), one(s.Inside90)
	sum.Tailed, sum.Inside95 = one(s.Tailed), one(s.Tailed && s.Inside95)
	sum.PIT[min(max(int(s.PIT*etf.PITBins), 0), etf.PITBins-1)] = 1
	if against == nil || against.Withdrawn {
		return sum
	}
	theirs, theirsSquared := scales(*against)
	sum.Paired = 1
	sum.PairedAbsolute, sum.PairedSquared, sum.PairedCRPS = sum.Absolute, sum.Squared, sum.CRPS
	sum.AgainstAbsolute, sum.AgainstSquared = atMost(against.Absolute/theirs), atMost(against.Squared/theirsSquared)
	sum.AgainstCRPS = atMost(against.CRPS / theirs)
	root := math.Sqrt(float64(s.Horizon))
	difference := (pinball/absolute - mean(against.Pinball)/theirs) / root
	sum.Difference = min(max(difference, -etf.DifferenceLimit), etf.DifferenceLimit)
	return sum
}

// Contributions returns what each of an ETF's scores adds to the sums, in the order given. The scores are those that count: the
// newest versions. The counterpart is the benchmark's score of the same origin, horizon and standing; of several late ones it is
// the one with the least forecast ID.
func Contributions(scores []etf.Score, benchmark string) []etf.SessionLosses {
	type place struct {
		origin   etf.Session
		horizon  int
		standing etf.Standing
	}
	at := func(s etf.Score) place { return place{s.Origin, s.Horizon, s.Standing} }
	against := map[place]*etf.Score{}
	for i, s := range scores {
		if s.Model != benchmark || s.Withdrawn {
			continue
		}
		if other := against[at(s)]; other == nil || s.Forecast < other.Forecast {
			against[at(s)] = &scores[i]
		}
	}
	list := make([]etf.SessionLosses, len(scores))
	for i, s := range scores {
		counterpart := against[at(s)]
		if s.Model == benchmark {
			counterpart = &scores[i]
		}
		list[i] = Contribution(s, counterpart)
	}
	return list
}

// scales returns the scale of a score's forecast and that of squares, at least the least.
func scales(s etf.Score) (absolute, squared float64) {
	least := leastScale * (s.Actual - s.Error) // of the median
	return max(s.Scale.Absolute, least), max(s.Scale.Squared, least*least)
}

func mean(losses [7]float64) float64 {
	sum := 0.0
	for _, v := range losses {
		sum += v
	}
	return sum / float64(len(losses))
}

func atMost(v float64) float64 { return min(v, most) }

func one(hit bool) int {
	if hit {
		return 1
	}
	return 0
}
