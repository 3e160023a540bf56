package prophet

import (
	"math"
	"slices"
	"testing"
)

// The simulation of logistic growth goes through the history on a regular grid: a changepoint acts at the first grid point
// strictly after it, and a later one at the same point replaces it (a quirk of the original).
func TestLogisticHistoryOnTheGrid(t *testing.T) {
	t.Parallel()
	start := func(c, delta []float64) (rate, offset float64) {
		f := &Fitted{s: State{Options: Options{Growth: Logistic}, ChangepointsT: c,
			Params: Params{K: []float64{2}, M: []float64{0.5}, SigmaObs: []float64{1}, Delta: [][]float64{delta}, Beta: [][]float64{{0}}}}}
		f.s.History.T = []float64{0, 0.5, 1}
		r := &rows{t: []float64{1.25, 1.5, 1.75}, floor: make([]float64, 3), limit: []float64{1, 1, 1}} // a grid of quarters
		s := f.newSimulation(r, nil, 2, 1, false)
		if err := s.begin(); err != nil {
			t.Fatal(err)
		}
		if s.step != 0.25 || s.sum[0] != s.sum[1] || s.total[0] != s.total[1] {
			t.Fatalf("step %v, rates %v, offsets %v", s.step, s.sum, s.total)
		}
		return s.sum[0], s.total[0]
	}
	// The result of the changes at the grid points, by the exact recursion.
	want := func(c, delta []float64) (rate, offset float64) {
		rates, offsets := trendSegments(Logistic, delta, 2, 0.5, c)
		return rates[len(c)], offsets[len(c)]
	}
	for _, c := range []struct {
		name                    string
		c, delta, onGrid, taken []float64
	}{
		{"between points", []float64{0.1, 0.6}, []float64{0.5, -1}, []float64{0.25, 0.75}, []float64{0.5, -1}},
		{"on a point: the next one", []float64{0.25, 0.5}, []float64{0.5, -1}, []float64{0.5, 0.75}, []float64{0.5, -1}},
		{"two before a point: the later one", []float64{0.3, 0.4, 0.6}, []float64{0.5, -1, 0.25}, []float64{0.5, 0.75}, []float64{-1, 0.25}},
		{"the dummy at 0", []float64{0}, []float64{0}, []float64{0.25}, []float64{0}},
	} {
		rate, offset := start(c.c, c.delta)
		wantRate, wantOffset := want(c.onGrid, c.taken)
		if math.Abs(rate-wantRate) > 1e-14 || math.Abs(offset-wantOffset) > 1e-14 {
			t.Errorf("%s: rate %v, offset %v; want %v, %v", c.name, rate, offset, wantRate, wantOffset)
		}
	}
}

// The probability of a rate change at a row is S d; d is the mean distance between future rows, or the history's for one row.
func TestSimulationSteps(t *testing.T) {
	t.Parallel()
	f := fitBy(t, func() Options { o := Defaults(); o.NChangepoints = 7; return o }(), &Frame{DS: days(101), Y: make101()}, MAP, FitOptions{})
	sim := func(t ...float64) *simulation {
		return f.newSimulation(&rows{t: t, floor: make([]float64, len(t))}, nil, 1, 0, false)
	}
	for _, c := range []struct {
		name  string
		t     []float64
		first int
		step  float64
	}{
		{"history and future", []float64{0.5, 1, 1.01, 1.02, 1.03}, 2, 0.01},
		{"unevenly", []float64{1.01, 1.02, 1.09}, 0, 0.04},
		{"one row", []float64{1.5}, 0, 0.01}, // 100 steps in the history
		{"history only", []float64{0, 1}, 2, 0.01},
		{"one row twice", []float64{1.5, 1.5}, 0, 0.01},
	} {
		s := sim(c.t...)
		if s.first != c.first || math.Abs(s.step-c.step) > 1e-12 || math.Abs(s.prob-7*c.step) > 1e-12 {
			t.Errorf("%s: first %d, step %v, probability %v; want %d, %v, %v", c.name, s.first, s.step, s.prob, c.first, c.step, 7*c.step)
		}
	}
	var abs float64
	for _, d := range f.s.Params.Delta[0] {
		abs += math.Abs(d) / 7
	}
	if b := sim(1.1).lap; !slices.Equal(b, []float64{abs + 1e-8}) && math.Abs(b[0]-abs-1e-8) > 1e-15 {
		t.Errorf("scale of the changes %v, want %v", b, abs+1e-8)
	}
}

func make101() []float64 {
	y := make([]float64, 101)
	for i := range y {
		y[i] = math.Abs(float64(i)-40) + float64(i%3)
	}
	return y
}
