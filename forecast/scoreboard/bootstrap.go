package scoreboard

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// fewest is the least number of origins that an interval or a standard error is made from.
const fewest = 10

// blockLength is that of the bootstrap. Errors at horizon h are correlated up to lag h-1; blocks of h would miss a third of the
// variance which that adds, twice as long ones a sixth.
func blockLength(n, horizon int) int {
	return int(math.Round(math.Cbrt(float64(n)))) + 2*(horizon-1)
}

// relative returns the ratios of the paired sums of absolute errors and of CRPS, with intervals. The sessions are ascending.
func relative(paired []etf.SessionLosses, o Options) (mae, crps Estimate) {
	n := len(paired)
	// Sums over the first i sessions: the sum over a block takes one subtraction.
	const columns = 4
	sums := make([][columns]float64, n+1)
	for i := range paired {
		s := &paired[i]
		for k, v := range [columns]float64{s.PairedAbsolute, s.AgainstAbsolute, s.PairedCRPS, s.AgainstCRPS} {
			sums[i+1][k] = sums[i][k] + v
		}
	}
	all := sums[n]
	mae, crps = estimate(ratio(all[0], all[1])), estimate(ratio(all[2], all[3]))
	block := blockLength(n, o.Horizon)
	if n < max(fewest, 3*block) || o.Replicates < 1 {
		return mae, crps
	}
	random := rand.New(rand.NewPCG(0x657466, 0x63617374)) // fixed: the same scores give the same intervals
	maes, crpss := make([]float64, o.Replicates), make([]float64, o.Replicates)
	for r := range o.Replicates {
		var sum [columns]float64
		for drawn := 0; drawn < n; drawn += block {
			from := random.IntN(n - block + 1)
			to := from + min(block, n-drawn)
			for k := range sum {
				sum[k] += sums[to][k] - sums[from][k]
			}
		}
		maes[r], crpss[r] = ratio(sum[0], sum[1]), ratio(sum[2], sum[3])
	}
	// A few blocks tell the spread no better than as many observations do.
	widen := distuv.StudentsT{Sigma: 1, Nu: float64(n)/float64(block) - 1}.Quantile(.975) / distuv.UnitNormal.Quantile(.975)
	mae.around(maes, widen)
	crps.around(crpss, widen)
	return mae, crps
}

// around sets the interval to the middle 95 % of values, its ends moved away from the value by a factor, as logarithms.
func (e *Estimate) around(values []float64, widen float64) {
	low, high := middle(values)
	e.Low, e.High = e.Value*math.Pow(low/e.Value, widen), e.Value*math.Pow(high/e.Value, widen)
}

func estimate(v float64) Estimate { return Estimate{v, math.NaN(), math.NaN()} }

// ratio is NaN if the benchmark has lost nothing.
func ratio(model, benchmark float64) float64 {
	if !(benchmark > 0) {
		return math.NaN()
	}
	return model / benchmark
}

// middle returns the ends of the middle 95 % of values, interpolated between neighbours; NaN if a value is. It sorts them.
func middle(values []float64) (low, high float64) {
	if slices.ContainsFunc(values, math.IsNaN) {
		return math.NaN(), math.NaN()
	}
	slices.Sort(values)
	at := func(p float64) float64 {
		x := p * float64(len(values)-1)
		i := min(int(x), len(values)-2)
		return values[i] + (x-float64(i))*(values[i+1]-values[i])
	}
	if len(values) == 1 {
		return values[0], values[0]
	}
	return at(.025), at(.975)
}
