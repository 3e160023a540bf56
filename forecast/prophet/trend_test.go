package prophet

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func close2(t *testing.T, name string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Errorf("%s[%d]: got %v, want %v within %v", name, i, got[i], want[i], tolerance)
		}
	}
}

// The numbers in the next three tests are from the original's class TestTrendComponent.

var elevenSteps = []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}

func TestPiecewiseLinear(t *testing.T) {
	t.Parallel()
	out := make([]float64, 11)
	trend(Linear, out, elevenSteps, nil, []float64{0.5}, 1, 0, []float64{5})
	want := []float64{0, 1, 2, 3, 4, 5, 6.5, 8, 9.5, 11, 12.5}
	close2(t, "trend", out, want, 0)
	tail := make([]float64, 3)
	trend(Linear, tail, elevenSteps[8:], nil, []float64{0.5}, 1, 0, []float64{5})
	close2(t, "tail", tail, want[8:], 0)
}

func TestPiecewiseLogistic(t *testing.T) {
	t.Parallel()
	limit := make([]float64, 11)
	for i := range limit {
		limit[i] = 10
	}
	want := []float64{5, 7.310586, 8.807971, 9.525741, 9.820138, 9.933071, 9.984988, 9.996646, 9.999252, 9.999833, 9.999963}
	out := make([]float64, 11)
	trend(Logistic, out, elevenSteps, limit, []float64{0.5}, 1, 0, []float64{5})
	close2(t, "trend", out, want, 1e-6)
	tail := make([]float64, 3)
	trend(Logistic, tail, elevenSteps[8:], limit[8:], []float64{0.5}, 1, 0, []float64{5})
	close2(t, "tail", tail, want[8:], 1e-6)
}

func TestFlatTrend(t *testing.T) {
	t.Parallel()
	out := make([]float64, 11)
	trend(Flat, out, elevenSteps, nil, []float64{0.5}, 1, 0.5, []float64{5})
	for _, v := range out {
		if v != 0.5 {
			t.Fatalf("got %v, want 0.5 everywhere", out)
		}
	}
}

// The trend against its closed form k t + m + sum of delta max(0, t-c), for random changepoints.
func TestPiecewiseLinearIsASumOfHinges(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		s, n := 1+rng.IntN(12), 1+rng.IntN(40)
		c, delta, x := make([]float64, s), make([]float64, s), make([]float64, n)
		for j := range c {
			c[j], delta[j] = rng.Float64(), rng.NormFloat64()
		}
		slices.Sort(c)
		for i := range x {
			x[i] = 2*rng.Float64() - 0.3 // out of order on purpose
		}
		if s > 2 {
			c[1] = c[0] // two at the same time
			x[0] = c[2] // a row exactly at a changepoint
		}
		k, m := rng.NormFloat64(), rng.NormFloat64()
		want := make([]float64, n)
		for i, v := range x {
			want[i] = k*v + m
			for j := range c {
				want[i] += delta[j] * max(0, v-c[j])
			}
		}
		got := make([]float64, n)
		trend(Linear, got, x, nil, delta, k, m, c)
		close2(t, "trend", got, want, 1e-12)
	}
}

// The logistic trend is continuous at each changepoint although its rate jumps, and has the rate of its segment.
func TestPiecewiseLogisticIsContinuous(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 2))
	for range 100 {
		s := 1 + rng.IntN(8)
		c, delta := make([]float64, s), make([]float64, s)
		for j := range c {
			c[j], delta[j] = (float64(j)+rng.Float64())/float64(s), 0.3*rng.NormFloat64()
		}
		k, m := 3+rng.Float64(), rng.NormFloat64()
		rate, _ := trendSegments(Logistic, delta, k, m, c)
		sum := k
		for j, at := range c {
			sum += delta[j]
			if math.Abs(rate[j+1]-sum) > 1e-12 {
				t.Fatalf("rate of segment %d: got %v, want %v", j+1, rate[j+1], sum)
			}
			out := make([]float64, 2)
			trend(Logistic, out, []float64{at - 1e-9, at}, []float64{1, 1}, delta, k, m, c)
			if math.Abs(out[0]-out[1]) > 1e-8 {
				t.Fatalf("the trend jumps from %v to %v at changepoint %d", out[0], out[1], j)
			}
		}
	}
}

func days(n int) []Stamp {
	out := make([]Stamp, n)
	for i := range out {
		out[i] = DateOf(2020, 1, 1) + Stamp(i)*Day
	}
	return out
}

// Indices by hand from the rule: H = floor(N range), indices round-half-to-even of i (H-1)/n without i = 0.
func TestAutoChangepoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		rows  int
		n     int
		part  float64
		index []int
	}{
		{"evenly", 11, 2, 1, []int{5, 10}},
		{"half to even, down", 6, 2, 1, []int{2, 5}},                // 2.5 -> 2
		{"half to even, up", 8, 2, 1, []int{4, 7}},                  // 3.5 -> 4
		{"more than the rows allow", 5, 25, 0.8, []int{1, 2, 3}},    // H = 4, n = 3
		{"as many as the rows allow", 5, 3, 0.8, []int{1, 2, 3}},    // n+1 = H
		{"one more than the rows allow", 5, 4, 0.8, []int{1, 2, 3}}, // H = 4, n = 3
		{"none requested", 100, 0, 0.8, []int{}},                    //
		{"no range", 100, 25, 0, []int{}},                           // H = 0, n = -1
		{"a range of one row", 10, 25, 0.1, []int{}},                // H = 1, n = 0
		{"a range of two rows", 10, 25, 0.2, []int{1}},              // H = 2, n = 1
		{"two rows of history", 2, 25, 0.8, []int{}},                // H = 1
		{"the whole history", 3, 25, 1, []int{1, 2}},                // H = 3
		{"the original's 20 rows", 20, 25, 0.8, rangeOf(1, 15)},     // R suite: n becomes 15
		{"product just below an integer", 10, 2, 0.7, []int{3, 6}},  // 10*0.7 = 7 in floating point
	} {
		t.Run(c.name, func(t *testing.T) {
			ds := days(c.rows)
			got := autoChangepoints(ds, c.n, c.part)
			var want []Stamp
			for _, i := range c.index {
				want = append(want, ds[i])
			}
			if got == nil {
				t.Error("got nil, which would mean not chosen yet")
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func rangeOf(lo, hi int) []int {
	var out []int
	for i := lo; i <= hi; i++ {
		out = append(out, i)
	}
	return out
}

// Changepoints are chosen by row number, not by date, and rows with one date may give the same changepoint twice.
func TestAutoChangepointsFollowRows(t *testing.T) {
	t.Parallel()
	ds := []Stamp{0, 0, 0, Day, Day, 100 * Day, 1000 * Day, 1000 * Day, 1001 * Day, 2000 * Day}
	got := autoChangepoints(ds, 7, 0.8)
	if want := ds[1:8]; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// From the original's class TestFourierSeries: the first date of data.csv, 2012-05-18.
func TestFourierSeries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		period float64
		want   []float64
	}{
		{"weekly", 7, []float64{0.7818315, 0.6234898, 0.9749279, -0.2225209, 0.4338837, -0.9009689}},
		{"yearly", 365.25, []float64{0.7006152, -0.7135393, -0.9998330, 0.01827656, 0.7262249, 0.6874572}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := DateOf(2012, 5, 18)
			var sum float64
			for n := 1; n <= 3; n++ {
				sin, cos := fourierTerm(s, c.period, n)
				a, b := sin-c.want[2*n-2], cos-c.want[2*n-1]
				sum += a*a + b*b
			}
			if sum > 1e-12 {
				t.Errorf("sum of squared differences %v, want 0 to 1e-12", sum)
			}
		})
	}
	// The feature matrix has the same bits.
	l := layout{seasons: []Seasonality{{Name: "weekly", Period: 7, FourierOrder: 3}}, columns: make([]column, 6)}
	ds := days(9)
	x := l.features(&rows{ds: ds}, holidayTable{})
	for i, s := range ds {
		for n := 1; n <= 3; n++ {
			sin, cos := fourierTerm(s, 7, n)
			if x[2*n-2][i] != sin || x[2*n-1][i] != cos {
				t.Fatalf("row %d, harmonic %d: %v %v, want %v %v", i, n, x[2*n-2][i], x[2*n-1][i], sin, cos)
			}
		}
	}
}

// Starts computed by hand. Logistic: with cap 1 and y from 0.2 to 0.8, the log odds go from -ln 4 to ln 4, so k = 2 ln 4
// and they cross 0 half way. Equal ends would have no rate, so the first ratio of cap to y is raised by 5 %, from 2 to 2.1:
// log odds of -ln 1.1 and 0. Values below 1 % or above 99 % of cap are clipped.
func TestInitialTrend(t *testing.T) {
	t.Parallel()
	x, one := []float64{0, 0.3, 1}, []float64{1, 1, 1}
	for _, c := range []struct {
		name   string
		growth Growth
		y      []float64
		k, m   float64
	}{
		{"linear", Linear, []float64{2, 7, 5}, 3, 2},
		{"flat", Flat, []float64{2, 7, 6}, 0, 5},
		{"logistic", Logistic, []float64{0.2, 0.9, 0.8}, 2 * math.Log(4), 0.5},
		{"logistic with equal ends", Logistic, []float64{0.5, 0.9, 0.5}, math.Log(1.1), 1},
		{"logistic beyond its bounds", Logistic, []float64{-3, 0.5, 4}, 2 * math.Log(99), 0.5},
	} {
		k, m := initialTrend(c.growth, x, c.y, one)
		if math.Abs(k-c.k) > 1e-12 || math.Abs(m-c.m) > 1e-12 {
			t.Errorf("%s: k %v, m %v; want %v, %v", c.name, k, m, c.k, c.m)
		}
	}
}
