package prophet

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

// autoChangepoints returns the stamps of n changepoints spread evenly over the rows of the first part of the history,
// without its first row; fewer than n if there are too few rows. ds is sorted.
func autoChangepoints(ds []Stamp, n int, part float64) []Stamp {
	rows := int(math.Floor(float64(len(ds)) * part))
	if n+1 > rows {
		n = rows - 1
	}
	if n <= 0 {
		return []Stamp{}
	}
	step := float64(rows-1) / float64(n)
	out := make([]Stamp, n)
	for i := range out {
		at := float64(i+1) * step
		if i == n-1 {
			at = float64(rows - 1)
		}
		out[i] = ds[int(math.RoundToEven(at))]
	}
	return out
}

// givenChangepoints checks that the changepoints lie within the history.
func givenChangepoints(given []Stamp, first, last Stamp) error {
	for i, c := range given {
		if c < first || c > last {
			return etf.Invalid(fmt.Sprintf("changepoints[%d]", i), fmt.Sprintf("%s is outside the history %s to %s", c, first, last),
				"use dates within the history, or leave out changepoints to have them chosen automatically")
		}
	}
	return nil
}

// segments goes through rows in ascending t and counts the changepoints each has reached: those with c <= t. For a row
// out of order it starts again.
type segments struct {
	c    []float64
	s    int
	prev float64
}

func (w *segments) at(t float64) int {
	if t < w.prev {
		w.s = 0
	}
	for w.s < len(w.c) && w.c[w.s] <= t {
		w.s++
	}
	w.prev = t
	return w.s
}

// trendSegments returns the rate and offset of each segment of one draw's trend, a line or a logistic curve, such that the
// trend is continuous. A flat trend has rate 0.
func trendSegments(growth Growth, delta []float64, k, m float64, c []float64) (rate, offset []float64) {
	rate, offset = make([]float64, len(c)+1), make([]float64, len(c)+1)
	segmentsInto(growth, rate, offset, delta, k, m, c)
	return rate, offset
}

// segmentsInto is trendSegments into existing slices.
func segmentsInto(growth Growth, rate, offset, delta []float64, k, m float64, c []float64) {
	rate[0], offset[0] = k, m
	if growth == Flat {
		rate[0] = 0
	}
	for j := range c {
		switch growth {
		case Logistic:
			rate[j+1] = rate[j] + delta[j]
			offset[j+1] = offset[j] + (c[j]-offset[j])*(1-rate[j]/rate[j+1])
		case Flat:
			rate[j+1], offset[j+1] = 0, m
		default:
			rate[j+1] = rate[j] + delta[j]
			offset[j+1] = offset[j] - c[j]*delta[j]
		}
	}
}

// trendValue is the trend within a segment on scaled y: rate t + offset, or cap / (1 + exp(-rate (t - offset))).
func trendValue(growth Growth, rate, offset, t, limit float64) float64 {
	if growth == Logistic {
		return limit / (1 + math.Exp(-rate*(t-offset)))
	}
	return rate*t + offset
}

// trend writes the trend of one draw on scaled y. limit is the scaled cap, nil unless growth is logistic.
func trend(growth Growth, out, t, limit, delta []float64, k, m float64, c []float64) {
	rate, offset := trendSegments(growth, delta, k, m, c)
	w := segments{c: c, prev: math.Inf(-1)}
	var top float64
	for i, x := range t {
		if limit != nil {
			top = limit[i]
		}
		s := w.at(x)
		out[i] = trendValue(growth, rate[s], offset[s], x, top)
	}
}

// initialTrend returns the k and m that the original starts from: through the first and the last row for linear and
// logistic growth, the mean for flat growth.
func initialTrend(growth Growth, t, y, limit []float64) (k, m float64) {
	last := len(y) - 1
	span := t[last] - t[0]
	switch growth {
	case Logistic:
		clip := func(y, limit float64) float64 { return max(0.01*limit, min(0.99*limit, y)) }
		r0, r1 := limit[0]/clip(y[0], limit[0]), limit[last]/clip(y[last], limit[last])
		if math.Abs(r0-r1) <= 0.01 {
			r0 *= 1.05
		}
		l0, l1 := math.Log(r0-1), math.Log(r1-1)
		return (l0 - l1) / span, l0 * span / (l0 - l1)
	case Flat:
		var sum float64
		for _, v := range y {
			sum += v
		}
		return 0, sum / float64(len(y))
	}
	k = (y[last] - y[0]) / span
	return k, y[0] - k*t[0]
}
