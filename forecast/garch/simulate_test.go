package garch

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// Quantiles and distribution function are inverse, the density has mean 0 and variance 1 (trapezoidal rule in x with z = sinh x), the median
// of lambda = 0 is 0 and its quantiles are those of a scaled Student's t, of which the upper 5 % point is 1.943180 at 6 degrees of freedom
// (Abramowitz and Stegun, table 26.10).
func TestStudent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ nu, lambda float64 }{{6, 0}, {5, -.3}, {8, .5}, {300, -.1}, {12, .95}} {
		s := newStudent(c.nu, c.lambda)
		var mass, mean, square float64
		const step = 1e-3
		for x := -12.; x < 12; x += step {
			z := math.Sinh(x)
			f := 1 / math.Sqrt(2*math.Pi) / s.slope(0, z) * math.Cosh(x) * step
			mass, mean, square = mass+f, mean+z*f, square+z*z*f
		}
		if math.Abs(mass-1) > 1e-6 || math.Abs(mean) > 1e-6 || math.Abs(square-1) > 1e-6 {
			t.Errorf("nu %v, lambda %v: mass %v, mean %v, variance %v", c.nu, c.lambda, mass, mean, square)
		}
		for p := .001; p < 1; p += .0099 {
			near(t, "distribution function at the quantile", s.cdf(s.quantile(p)), p, 1e-9)
		}
	}
	s := newStudent(6, 0)
	near(t, "95 % quantile", s.quantile(.95), 1.943180*math.Sqrt(4./6), 1e-6)
	near(t, "5 % quantile", s.quantile(.05), -s.quantile(.95), 1e-14)
	if s.quantile(.5) != 0 {
		t.Errorf("median %v", s.quantile(.5))
	}
}

// The solution of the differential equation is the quantile function: to 1e-5 of the greater of its value
// and 1, up to four standard deviations of the normal.
func TestTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ nu, lambda float64 }{{6, 0}, {3, 0}, {5, -.3}, {8, .2}, {300, -.1}, {500, 0}} {
		s := newStudent(c.nu, c.lambda)
		table := newTable(&s)
		for g := -4.; g <= 4; g += .0371 {
			want := s.quantile(distuv.UnitNormal.CDF(g))
			if got := table.at(g); math.Abs(got-want) > 1e-5*max(math.Abs(want), 1) {
				t.Errorf("nu %v, lambda %v, normal %v: %v, want %v", c.nu, c.lambda, g, got, want)
			}
		}
	}
}

// A normal random walk is a GARCH without effects: the quantiles are the normal's times the square root of the horizon. The first step of
// the paths is spread exactly; the standard normal levels at every horizon have mean 0 by the mirror images, and their variance is near 1.
func TestPathsOfANormalWalk(t *testing.T) {
	t.Parallel()
	all := shocks()
	first := slices.Clone(all[0][:])
	slices.Sort(first)
	for i, g := range first {
		near(t, "first step", g, distuv.UnitNormal.Quantile((float64(i)+.25)/halfPaths), 1e-9)
	}
	var level [halfPaths]float64
	for j := range all {
		squares := 0.0
		for i, g := range all[j] {
			level[i] += g
			squares += level[i] * level[i] / halfPaths / float64(j+1)
		}
		if math.Abs(squares-1) > .03 {
			t.Errorf("level at %d: variance %v", j+1, squares)
		}
	}
	sh := newShape(theta{omega: 1, nu: nuMax})
	for j, q := range sh.quantiles(1, etf.MaxHorizon) {
		for k, level := range levels {
			want := distuv.UnitNormal.Quantile(level) * math.Sqrt(float64(j+1))
			if math.Abs(q[k]-want) > .05*math.Sqrt(float64(j+1)) {
				t.Errorf("horizon %d: quantile %v is %v, want %v", j+1, level, q[k], want)
			}
		}
	}
}

// Of 400,000 random paths, as many lie below each quantile as should: within .006, and .002 in the root mean square, of which
// .0006 is their own error. The cases were not used to choose the lattice.
func TestAgainstRandomPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p     theta
		ratio float64 // of the first variance to that in the long run
	}{
		{theta{omega: .0254, alpha: .0105, gamma: .2669, beta: .8392, nu: 6.46, lambda: -.158}, .5}, // SPY in testdata/golden.json
		{theta{omega: .0011, alpha: .0541, beta: .9363, nu: 6.13}, 3},                               // 152380
	} {
		random := rand.New(rand.NewPCG(2, 2))
		s := newStudent(c.p.nu, c.p.lambda)
		table := newTable(&s)
		sh := newShape(c.p)
		first := c.ratio * sh.longRun
		quantiles := sh.quantiles(first, etf.MaxHorizon)
		const n = 400_000
		var below [etf.MaxHorizon][len(levels)]int
		for range n {
			h, x := first, 0.0
			for j := range quantiles {
				e := math.Sqrt(h) * table.at(random.NormFloat64())
				x += e
				h = c.p.next(h, e)
				for k := len(levels) - 1; k >= 0 && x <= quantiles[j][k]; k-- {
					below[j][k]++
				}
			}
		}
		squares, worst := 0.0, 0.0
		for j := range below {
			for k, level := range levels {
				d := float64(below[j][k])/n - level
				squares, worst = squares+d*d, max(worst, math.Abs(d))
				if math.Abs(d) > .006 || j == 0 && math.Abs(d) > .002 {
					t.Errorf("%+v: %d sessions ahead, %.4f below quantile %v", c.p, j+1, d+level, level)
				}
			}
		}
		squares = math.Sqrt(squares / float64(len(below)*len(levels)))
		if squares > .002 {
			t.Errorf("%+v: root mean square error of probabilities %.4f", c.p, squares)
		}
		t.Logf("probabilities are wrong by %.4f (root mean square), %.4f at most", squares, worst)
	}
}

// The picker's quantiles are those of the sorted sample.
func TestPicker(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	pick := new(picker)
	for name, draw := range map[string]func() float64{
		"normal":       random.NormFloat64,
		"heavy tails":  func() float64 { return math.Pow(random.NormFloat64(), 9) },
		"on one side":  random.ExpFloat64,
		"ties":         func() float64 { return math.Round(random.NormFloat64()) },
		"all the same": func() float64 { return 3 },
		"all zero":     func() float64 { return 0 },
	} {
		for _, n := range []int{2, 3, 100, paths} {
			x := make([]float64, n)
			for i := range x {
				x[i] = draw()
			}
			got := pick.quantiles(x)
			sorted := slices.Sorted(slices.Values(x))
			for k, level := range levels {
				place := min(max(level*float64(n)-.5, 0), float64(n-1))
				i := min(int(place), n-2)
				near(t, name, got[k], sorted[i]+(place-float64(i))*(sorted[i+1]-sorted[i]), 1e-12)
			}
			if n > halfPaths {
				continue
			}
			both := make([]float64, 0, 2*n)
			for _, v := range x {
				both = append(both, v, -v)
			}
			want, got := pick.quantiles(both), pick.mirrored(slices.Clone(x))
			for k := range levels {
				if math.Abs(got[k]-want[k]) > 1e-12*math.Abs(want[k]) {
					t.Errorf("%s, %d values and their mirror images: %v, want %v", name, n, got, want)
				}
			}
		}
	}
}

// Between the ratios that are simulated, the parabola is where a simulation of that ratio would be: within 1.5 % of the width of the 90 %
// interval, most of which is the roughness of quantiles of so many paths.
func TestRatiosBetween(t *testing.T) {
	t.Parallel()
	for _, p := range []theta{symmetric, skewed} {
		sh := newShape(p)
		for _, ratio := range []float64{.03, .4, .5, 1.9, 2.1, 12} {
			first := ratio * sh.longRun
			exact := newShape(p)
			exact.longRun = first
			exact.simulate([]node{{}})
			total := 0.0
			expected := p.path(first, etf.MaxHorizon)
			for j, q := range sh.quantiles(first, etf.MaxHorizon) {
				total += expected[j]
				want := exact.nodes[node{}][j]
				for k := range levels {
					if d := (q[k]/math.Sqrt(total) - want[k]) / (want[7] - want[1]); math.Abs(d) > .015 {
						t.Errorf("%+v, ratio %v, %d sessions ahead: quantile %v is off by %.4f", p, ratio, j+1, levels[k], d)
					}
				}
			}
		}
	}
}

// Goroutines that ask for quantiles of one fit at the same time get the same.
func TestQuantilesConcurrently(t *testing.T) {
	t.Parallel()
	sh, alone := newShape(symmetric), newShape(symmetric)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			variance := alone.longRun * math.Pow(2, float64(i%4))
			if !slices.Equal(sh.quantiles(variance, 21), newShape(symmetric).quantiles(variance, 21)) {
				t.Errorf("variance %v: other quantiles", variance)
			}
		})
	}
	wait.Wait()
}

// cdf returns the distribution function at z.
func (s *student) cdf(z float64) float64 {
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: s.nu}
	scale := math.Sqrt(1 - 2/s.nu)
	if w := s.b*z + s.a; w < 0 {
		return (1 - s.lambda) * t.CDF(w/((1-s.lambda)*scale))
	} else {
		return (1-s.lambda)/2 + (1+s.lambda)*(t.CDF(w/((1+s.lambda)*scale))-.5)
	}
}
