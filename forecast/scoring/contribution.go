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
// against is its counterpart, a score of the benchmark (see Contributions), nil if there is none. Both models' paired losses are divided
// by the counterpart's scale, so that equal forecasts have equal losses; if their shares differ, because a split was restated between
// the two forecasts, it is first converted by what the same price is in each. The benchmark's own counterpart is itself.
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
	shares := s.Actual / against.Actual
	mine, mineSquared := theirs*shares, theirsSquared*shares*shares
	sum.PairedAbsolute, sum.PairedSquared, sum.PairedCRPS = atMost(s.Absolute/mine), atMost(s.Squared/mineSquared), atMost(s.CRPS/mine)
	sum.AgainstAbsolute, sum.AgainstSquared = atMost(against.Absolute/theirs), atMost(against.Squared/theirsSquared)
	sum.AgainstCRPS = atMost(against.CRPS / theirs)
	root := math.Sqrt(float64(s.Horizon))
	difference := (pinball/mine - mean(against.Pinball)/theirs) / root
	sum.Difference = min(max(difference, -etf.DifferenceLimit), etf.DifferenceLimit)
	return sum
}

// Contributions returns what each of an ETF's scores adds to the sums, in the order given. The scores are those that count: the
// newest versions.
//
// The counterpart is the benchmark's score of the same origin, horizon and standing. Of several late ones it is one whose forecast was
// made from the same data version, else the first by data version; of these the one with the least forecast ID. A late score without
// a late counterpart has the benchmark's of record: the benchmark was in time.
func Contributions(scores []etf.Score, benchmark string) []etf.SessionLosses {
	type place struct {
		origin  etf.Session
		horizon int
	}
	against := map[place][]*etf.Score{}
	for i, s := range scores {
		if s.Model == benchmark && !s.Withdrawn {
			at := place{s.Origin, s.Horizon}
			against[at] = append(against[at], &scores[i])
		}
	}
	list := make([]etf.SessionLosses, len(scores))
	for i, s := range scores {
		if s.Model == benchmark {
			list[i] = Contribution(s, &scores[i])
			continue
		}
		list[i] = Contribution(s, counterpart(s, against[place{s.Origin, s.Horizon}]))
	}
	return list
}

// counterpart chooses among the benchmark's scores of the same origin and horizon; nil if there is none to choose.
func counterpart(s etf.Score, of []*etf.Score) *etf.Score {
	var best *etf.Score
	for _, b := range of {
		if b.Standing != s.Standing && s.Standing != etf.Late {
			continue
		}
		if best == nil || closer(s, b, best) {
			best = b
		}
	}
	return best
}

// closer reports whether a is nearer to being s's counterpart than b.
func closer(s etf.Score, a, b *etf.Score) bool {
	if same := a.Standing == s.Standing; same != (b.Standing == s.Standing) {
		return same
	}
	if same := a.ForecastVersion == s.ForecastVersion; same != (b.ForecastVersion == s.ForecastVersion) {
		return same
	}
	if a.ForecastVersion != b.ForecastVersion {
		return a.ForecastVersion < b.ForecastVersion
	}
	return a.Forecast < b.Forecast
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
