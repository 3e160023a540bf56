package scoreboard

import (
	"cmp"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// DefaultReplicates is how often the bootstrap resamples unless told otherwise.
const DefaultReplicates = 1000

// Options say what is summarised and how.
type Options struct {
	Horizon     int  // of the scores, in sessions; 0 means 1
	FixedWindow bool // the window of origins was chosen beforehand: add the Diebold-Mariano tests
	Replicates  int  // of the bootstrap; 0 means DefaultReplicates, less than 0 none: the estimates have no intervals
}

// Row says how one model's forecasts at one horizon have fared. Losses are divided by their forecasts' scale. What is undefined,
// because there are too few scores, is NaN.
type Row struct {
	N        int // scores
	Sessions int // origins
	From, To etf.Session

	// Over the scores that have a counterpart of the benchmark: below 1 the model is better.
	RelMAE, RelCRPS Estimate

	MASE, RMSSE          float64
	CRPS, Pinball        float64
	Winkler80, Winkler90 float64
	Width80, Width90     float64

	Coverage50, Coverage80, Coverage90 Coverage
	Coverage95                         Coverage // of the forecasts with tails

	PIT [etf.PITBins]int // scores by the forecast's distribution function at the actual price

	Difference Difference
	DM         *DieboldMariano // only of a fixed window
}

// Estimate is a value with its 95 % interval.
type Estimate struct{ Value, Low, High float64 }

// Coverage is the share of actual prices within an interval, 0 to 1, and its standard error.
type Coverage struct{ Value, SE float64 }

// Summarise summarises the sessions of one model and horizon. They may come in any order; those of one origin are added up, and
// those without scores left out.
//
// The rules, with n the number of origins:
//   - RelMAE and RelCRPS are ratios of sums over the pairs. Their intervals are the 2.5 % and 97.5 % quantiles of a moving-block
//     bootstrap over the origins, the model's and the benchmark's losses of an origin drawn together. Blocks have round(n^(1/3)) +
//     2(h-1) origins. The ends' distance from the ratio, as logarithms, is widened by Student's t with n/block - 1 degrees of
//     freedom. With fewer than 3 blocks or 10 origins there is no interval.
//   - The standard error of a coverage is that of Newey and West (1987) for the mean over all scores, with Bartlett weights up to
//     lag max(floor(4(n/100)^(2/9)), 2(h-1)) and the factor n/(n-1) for the variance. There is none with fewer than 10 or 3h
//     origins, nor if all prices are inside or all outside.
//   - Difference: see there. DM: see DieboldMariano.
func Summarise(sessions []etf.SessionLosses, o Options) Row {
	o.Horizon = max(o.Horizon, 1)
	if o.Replicates == 0 {
		o.Replicates = DefaultReplicates
	}
	origins, exchanges := byOrigin(sessions)
	var sum etf.SessionLosses
	for i := range origins {
		add(&sum, &origins[i])
	}
	n := float64(sum.N)
	row := Row{
		N: sum.N, Sessions: len(origins), PIT: sum.PIT,
		MASE: sum.Absolute / n, RMSSE: math.Sqrt(sum.Squared / n), CRPS: sum.CRPS / n, Pinball: sum.Pinball / n,
		Winkler80: sum.Winkler80 / n, Winkler90: sum.Winkler90 / n, Width80: sum.Width80 / n, Width90: sum.Width90 / n,
		Coverage50: coverage(origins, o.Horizon, func(s *etf.SessionLosses) (int, int) { return s.Inside50, s.N }),
		Coverage80: coverage(origins, o.Horizon, func(s *etf.SessionLosses) (int, int) { return s.Inside80, s.N }),
		Coverage90: coverage(origins, o.Horizon, func(s *etf.SessionLosses) (int, int) { return s.Inside90, s.N }),
		Coverage95: coverage(origins, o.Horizon, func(s *etf.SessionLosses) (int, int) { return s.Inside95, s.Tailed }),
		Difference: difference(origins, o.Horizon, exchanges, Alpha),
	}
	if len(origins) > 0 {
		row.From, row.To = origins[0].Origin, origins[len(origins)-1].Origin
	}
	paired := slices.DeleteFunc(slices.Clone(origins), func(s etf.SessionLosses) bool { return s.Paired == 0 })
	row.RelMAE, row.RelCRPS = relative(paired, o)
	if o.FixedWindow {
		row.DM = &DieboldMariano{
			Absolute: dieboldMariano(paired, o.Horizon, func(s *etf.SessionLosses) float64 { return s.PairedAbsolute - s.AgainstAbsolute }),
			CRPS:     dieboldMariano(paired, o.Horizon, func(s *etf.SessionLosses) float64 { return s.PairedCRPS - s.AgainstCRPS }),
		}
	}
	return row
}

// byOrigin returns one sum for each origin that has scores, ascending, and the number of exchanges they are of.
func byOrigin(sessions []etf.SessionLosses) (origins []etf.SessionLosses, exchanges int) {
	sorted := make([]*etf.SessionLosses, 0, len(sessions))
	var seen []etf.Exchange
	for i := range sessions {
		if s := &sessions[i]; s.N > 0 {
			sorted = append(sorted, s)
			if !slices.Contains(seen, s.Exchange) {
				seen = append(seen, s.Exchange)
			}
		}
	}
	// Sums of floating-point numbers depend on their order: the same sessions give the same row in whatever order they come.
	slices.SortStableFunc(sorted, func(x, y *etf.SessionLosses) int {
		return cmp.Or(cmp.Compare(x.Origin, y.Origin), cmp.Compare(x.Exchange, y.Exchange), cmp.Compare(x.Absolute, y.Absolute), cmp.Compare(x.CRPS, y.CRPS))
	})
	origins = make([]etf.SessionLosses, 0, len(sorted))
	for _, s := range sorted {
		if last := len(origins) - 1; last >= 0 && origins[last].Origin == s.Origin {
			add(&origins[last], s)
			continue
		}
		origins = append(origins, *s)
	}
	return origins, len(seen)
}

func add(sum, s *etf.SessionLosses) {
	sum.N += s.N
	sum.Absolute += s.Absolute
	sum.Squared += s.Squared
	sum.CRPS += s.CRPS
	sum.Pinball += s.Pinball
	sum.Winkler80 += s.Winkler80
	sum.Winkler90 += s.Winkler90
	sum.Width80 += s.Width80
	sum.Width90 += s.Width90
	sum.Inside50 += s.Inside50
	sum.Inside80 += s.Inside80
	sum.Inside90 += s.Inside90
	sum.Tailed += s.Tailed
	sum.Inside95 += s.Inside95
	for i, n := range s.PIT {
		sum.PIT[i] += n
	}
	sum.Paired += s.Paired
	sum.PairedAbsolute += s.PairedAbsolute
	sum.PairedSquared += s.PairedSquared
	sum.PairedCRPS += s.PairedCRPS
	sum.AgainstAbsolute += s.AgainstAbsolute
	sum.AgainstSquared += s.AgainstSquared
	sum.AgainstCRPS += s.AgainstCRPS
	sum.Difference += s.Difference
}
