package diagnostics

import (
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// Curve is a metric over the horizon: one value for each horizon, ascending, or one for each row.
type Curve struct {
	Horizon []prophet.Stamp
	Value   []float64
}

// group is the rows of one horizon: first to end-1.
type group struct {
	horizon    prophet.Stamp
	first, end int
}

func groupsOf(x []float64, h []prophet.Stamp, w int) ([]group, error) {
	switch {
	case w < 1:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is not a number of rows", w), "use 1 or more")
	case len(x) != len(h):
		return nil, etf.Invalid("horizon", fmt.Sprintf("%d horizons for %d values", len(h), len(x)), "give one for each value")
	case !slices.IsSorted(h):
		return nil, etf.Invalid("horizon", "the horizons are not in ascending order", "sort the rows by horizon")
	}
	var out []group
	for i := range h {
		if i == 0 || h[i] != h[i-1] {
			out = append(out, group{horizon: h[i], first: i})
		}
		out[len(out)-1].end = i + 1
	}
	return out, nil
}

// RollingMeanByHorizon returns, for each horizon, the mean of w values: those of the horizon itself and, if they are
// fewer, those of the horizons before it, nearest first. A horizon that fits only in part, or has more than w values,
// counts as its mean times the number of values still missing. Horizons that cannot reach w values are left out.
//
// x has a value for each row and h its horizon, ascending. Errors are of KindInvalid: w below 1, and h that is out of
// order or not as long as x.
func RollingMeanByHorizon(x []float64, h []prophet.Stamp, w int) (Curve, error) {
	groups, err := groupsOf(x, h, w)
	if err != nil {
		return Curve{}, err
	}
	sums := make([]float64, len(groups))
	for g, rows := range groups {
		for _, v := range x[rows.first:rows.end] {
			sums[g] += v
		}
	}
	size := func(g int) int { return groups[g].end - groups[g].first }
	out := Curve{Horizon: make([]prophet.Stamp, 0, len(groups)), Value: make([]float64, 0, len(groups))}
	// The window is groups[earliest..latest]; both ends only move left.
	earliest, count, sum := len(groups), 0, 0.0
	for latest := len(groups) - 1; latest >= 0; latest-- {
		for count < w && earliest > 0 {
			earliest--
			count += size(earliest)
			sum += sums[earliest]
		}
		if count < w {
			break
		}
		surplus := float64(count-w) * sums[earliest] / float64(size(earliest))
		out.Horizon = append(out.Horizon, groups[latest].horizon)
		out.Value = append(out.Value, (sum-surplus)/float64(w))
		count -= size(latest)
		sum -= sums[latest]
		if count == 0 {
			sum = 0 // no rounding is carried into a window that shares nothing with this one
		}
	}
	slices.Reverse(out.Horizon)
	slices.Reverse(out.Value)
	return out, nil
}

// RollingMedianByHorizon returns, for each horizon, the median of all its values and, if they are fewer than w, of the
// values before them, one by one from the last, until there are w. Horizons that cannot reach w values are left out.
// Arguments and errors are those of RollingMeanByHorizon.
func RollingMedianByHorizon(x []float64, h []prophet.Stamp, w int) (Curve, error) {
	groups, err := groupsOf(x, h, w)
	if err != nil {
		return Curve{}, err
	}
	out := Curve{Horizon: make([]prophet.Stamp, 0, len(groups)), Value: make([]float64, 0, len(groups))}
	window := make([]float64, 0, len(x))
	for _, g := range groups {
		if g.end < w {
			continue
		}
		window = append(window[:0], x[min(g.first, g.end-w):g.end]...)
		out.Horizon = append(out.Horizon, g.horizon)
		out.Value = append(out.Value, median(window))
	}
	return out, nil
}

// median sorts x. It is NaN if any of x is.
func median(x []float64) float64 {
	slices.Sort(x)
	if math.IsNaN(x[0]) { // NaN sorts first
		return x[0]
	}
	half := len(x) / 2
	if len(x)%2 == 1 {
		return x[half]
	}
	if x[half-1] == x[half] {
		return x[half] // their sum may overflow
	}
	return (x[half-1] + x[half]) / 2
}
