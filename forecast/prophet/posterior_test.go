package prophet

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet/stan"
)

// randomPosterior returns a random posterior: n rows on scaled time, s changepoints on random rows, columns of random modes.
func randomPosterior(rng *rand.Rand, growth Growth, n, s, k int, modes ...Mode) *posterior {
	r := &rows{ds: make([]Stamp, n), t: make([]float64, n), ys: make([]float64, n)}
	for i := range r.t {
		r.t[i] = float64(i) / float64(n-1)
	}
	for i := 1; i < n-1; i++ { // not on a grid, and some rows at the same time
		r.t[i] += 0.4 * (rng.Float64() - 0.5) / float64(n-1)
		if rng.IntN(10) == 0 {
			r.t[i] = r.t[i-1]
		}
	}
	slices.Sort(r.t)
	level, slope, noise := rng.NormFloat64(), rng.NormFloat64(), 0.02+0.3*rng.Float64()
	for i, x := range r.t {
		r.ys[i] = level + slope*x + 0.5*max(0, x-0.4) + noise*rng.NormFloat64()
	}
	if growth == Logistic {
		r.limit = make([]float64, n)
		for i, x := range r.t {
			r.limit[i] = 1.2 + 0.2*x
			r.ys[i] = r.limit[i]/(1+math.Exp(-3*(x-0.4))) + 0.1*noise*rng.NormFloat64()
		}
	}
	var x [][]float64
	var cols []column
	for j := range k {
		col := make([]float64, n)
		for i := range col {
			switch j % 3 {
			case 0:
				col[i] = math.Sin(2 * math.Pi * float64(j+1) * (r.t[i] + 0.1))
			case 1:
				col[i] = float64(rng.IntN(2))
			default:
				col[i] = rng.NormFloat64()
			}
		}
		by := modes[rng.IntN(len(modes))]
		if by == "" { // the column of zeros used when there are no features
			clear(col)
		}
		prior := []float64{10, 1, 0.05}[rng.IntN(3)]
		x, cols = append(x, col), append(cols, column{name: fmt.Sprint(j), component: fmt.Sprint(j), prior: prior, mode: by})
	}
	c := make([]float64, max(s, 1))
	if s > 0 {
		for j := range c {
			c[j] = r.t[rng.IntN(n)]
		}
		slices.Sort(c)
	}
	return newPosterior(growth, r, x, cols, []float64{0.05, 0.5, 0.005}[rng.IntN(3)], c)
}

// point returns a random vector of parameters without rate changes near the kink at 0.
func point(rng *rand.Rand, p *posterior) []float64 {
	u := make([]float64, p.Dim())
	for i := range u {
		u[i] = 0.5 * rng.NormFloat64()
	}
	s := len(p.c)
	for j := range s {
		u[2+j] = math.Copysign(0.01+0.2*rng.Float64(), rng.NormFloat64())
	}
	u[2+s] = -2 + rng.NormFloat64()
	if p.growth == Logistic { // rates of one sign, away from the pole at 0
		u[0] = 4 + rng.Float64()
		for j := range s {
			u[2+j] /= float64(s)
		}
	}
	return u
}

func TestLogPosteriorGradient(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	modes := map[string][]Mode{"additive": {Additive}, "multiplicative": {Multiplicative}, "mixed": {Additive, Multiplicative, ""}}
	for _, growth := range []Growth{Linear, Logistic, Flat} {
		for name, mode := range modes {
			for _, jacobian := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s %v", growth, name, jacobian), func(t *testing.T) {
					for range 20 {
						p := randomPosterior(rng, growth, 5+rng.IntN(60), rng.IntN(8), 1+rng.IntN(6), mode...)
						p.jacobian = jacobian
						u := point(rng, p)
						lp := p.LogProb(u, nil)
						// A difference over ±1e-5 has an error of about eps |lp| / 1e-5.
						if worst, at := stan.GradientError(p, u, 1e-5); !(worst < 1e-6+1e-9*math.Abs(lp)) {
							t.Errorf("coordinate %d is off by %v (log density %v)", at, worst, lp)
						}
					}
				})
			}
		}
	}
}

// The log posterior written out from its definition, including the trend, without constants.
func plainLogPosterior(p *posterior, u []float64) float64 {
	k, m, delta, lnSigma, beta := p.split(u)
	n := len(p.t)
	g := make([]float64, n)
	trend(p.growth, g, p.t, p.limit, delta, k, m, p.c)
	sigma := math.Exp(lnSigma)
	lp := -float64(n)*math.Log(sigma) - 2*sigma*sigma - k*k/50 - m*m/50
	for i := range n {
		times, add := 1.0, 0.0
		for j := range beta {
			switch {
			case p.none[j]:
			case p.mul[j]:
				times += p.x[j][i] * beta[j]
			default:
				add += p.x[j][i] * beta[j]
			}
		}
		e := p.y[i] - (g[i]*times + add)
		lp -= e * e / (2 * sigma * sigma)
	}
	for _, d := range delta {
		lp -= math.Abs(d) / p.tau
	}
	for j, b := range beta {
		lp -= b * b / (2 * p.prior[j] * p.prior[j])
	}
	if p.jacobian {
		lp += lnSigma
	}
	return lp
}

func TestLogPosteriorIsTheFormula(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	for _, growth := range []Growth{Linear, Logistic, Flat} {
		for range 60 {
			p := randomPosterior(rng, growth, 2+rng.IntN(60), rng.IntN(8), 1+rng.IntN(6), Additive, Multiplicative, "")
			p.jacobian = rng.IntN(2) == 0
			u := point(rng, p)
			want := plainLogPosterior(p, u)
			if got := p.LogProb(u, nil); !(math.Abs(got-want) <= 1e-11*(1+math.Abs(want))) {
				t.Errorf("%s: got %v, want %v", growth, got, want)
			}
			grad := make([]float64, len(u))
			if with, without := p.LogProb(u, grad), p.LogProb(u, nil); with != without {
				t.Errorf("%s: %v with a gradient, but %v without", growth, with, without)
			}
		}
	}
}

// The derivatives of mu with respect to every parameter against central differences, for each growth.
func TestModelJacobian(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 5))
	for _, growth := range []Growth{Linear, Logistic, Flat} {
		for range 20 {
			p := randomPosterior(rng, growth, 5+rng.IntN(40), 1+rng.IntN(6), 1+rng.IntN(5), Additive, Multiplicative, "")
			u := point(rng, p)
			n, s := len(p.t), len(p.c)
			b, from := 2+len(p.x), 0
			if growth == Flat {
				b, s, from = 1+len(p.x), 0, 1
			}
			jac := newJacobian(n, b, s)
			x := p.modeOf(u)
			p.residuals(x.k, x.m, x.delta, x.beta)
			jac.fill(p, x)
			mu := func(i int, h float64) []float64 {
				v := slices.Clone(u)
				v[i] += h
				k, m, delta, _, beta := p.split(v)
				p.residuals(k, m, delta, beta)
				out := make([]float64, n)
				for i := range out {
					out[i] = p.y[i] - p.r[i]
				}
				return out
			}
			check := func(name string, at int, got []float64) {
				const h = 1e-5
				up, down := mu(at, h), mu(at, -h)
				for i := range got {
					want := (up[i] - down[i]) / (2 * h)
					if !(math.Abs(got[i]-want) <= 1e-7*(1+math.Abs(want))) {
						t.Fatalf("%s, %s, row %d: got %v, want %v", growth, name, i, got[i], want)
					}
				}
			}
			for j := from; j < 2; j++ {
				check("k or m", j, jac.smooth[j-from])
			}
			for j := range s {
				check(fmt.Sprintf("delta %d", j), 2+j, jac.kinked[j])
			}
			for j := range p.x {
				if !p.none[j] {
					check(fmt.Sprintf("beta %d", j), 3+len(p.c)+j, jac.smooth[2-from+j])
				}
			}
		}
	}
}

// The Gibbs sampler's sum of squares equals that of the rows everywhere.
func TestQuadraticIsTheSumOfSquares(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 6))
	for _, growth := range []Growth{Linear, Flat} {
		for range 30 {
			p := randomPosterior(rng, growth, 40+rng.IntN(60), rng.IntN(6), 1+rng.IntN(6), Additive, "")
			peak, err := p.maximise(t.Context(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			q := p.around(peak)
			d, gd := make([]float64, len(q.center)), make([]float64, len(q.center))
			for range 10 {
				k, m, delta, _, beta := p.split(point(rng, p))
				theta := append(append([]float64{k, m}, delta...), beta...)
				got, want := q.at(theta, d, gd), p.residuals(k, m, delta, beta)
				if !(math.Abs(got-want) <= 1e-9*(1+want)) {
					t.Errorf("%s: got %v, want %v", growth, got, want)
				}
			}
		}
	}
}

// The closed form of sigma is where the derivative with respect to ln sigma, -N + SSE/sigma² - 4 sigma², is 0.
func TestBestSigma(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 10, 480, 100_000} {
		for _, sse := range []float64{1e-12, 1e-3, 1, 50, 1e9} {
			s := bestSigma(n, sse)
			if d := -float64(n) + sse/(s*s) - 4*s*s; math.Abs(d) > 1e-9*(float64(n)+4*s*s) {
				t.Errorf("n %d, sse %v: derivative %v at sigma %v", n, sse, d, s)
			}
			if want := math.Sqrt((-float64(n) + math.Sqrt(float64(n)*float64(n)+16*sse)) / 8); sse > 1 && math.Abs(s/want-1) > 1e-6 {
				t.Errorf("n %d, sse %v: sigma %v, want %v", n, sse, s, want)
			}
		}
	}
	if s := bestSigma(10, 0); s != minSigma {
		t.Errorf("no residuals: sigma %v, want the floor %v", s, minSigma)
	}
}

// The original has a matrix of changepoints, 1 where t >= c; here it is the first row of each, for changepoints between
// rows, on a row, on several rows at the same time, and at 0, the dummy changepoint that reaches every row.
func TestChangepointRows(t *testing.T) {
	t.Parallel()
	r := &rows{t: []float64{0, 0.2, 0.2, 0.5, 1}, ys: make([]float64, 5)}
	for _, c := range []struct {
		at   float64
		want int
	}{{0, 0}, {0.1, 1}, {0.2, 1}, {0.3, 3}, {0.5, 3}, {1, 4}, {1.5, 5}} {
		p := newPosterior(Linear, r, nil, nil, 0.05, []float64{c.at})
		if p.start[0] != c.want {
			t.Errorf("changepoint %v: first row %d, want %d", c.at, p.start[0], c.want)
		}
	}
}

// What is kept between evaluations changes no bit, whichever parameters change from one to the next.
func TestMemoisedPosteriorIsTheSame(t *testing.T) {
	t.Parallel()
	for _, growth := range []Growth{Linear, Flat, Logistic} {
		for name, modes := range map[string][]Mode{"additive": {Additive}, "mixed": {Additive, Multiplicative, ""}} {
			rng := rand.New(rand.NewPCG(21, 21))
			p := randomPosterior(rng, growth, 50, 4, 6, modes...)
			q := p.memoised()
			u := p.vector(p.coldStart())
			want, got := make([]float64, len(u)), make([]float64, len(u))
			for step := range 200 {
				switch rng.IntN(3) {
				case 0:
					u[rng.IntN(len(u))] += 0.01 * rng.NormFloat64()
				case 1:
					i := rng.IntN(len(u))
					u[i] = -u[i] // also 0 to -0
				default:
					for i := range u {
						u[i] += 0.01 * rng.NormFloat64()
					}
				}
				var a, b float64
				if step%4 == 0 {
					a, b = p.LogProb(u, nil), q.LogProb(u, nil)
				} else {
					a, b = p.LogProb(u, want), q.LogProb(u, got)
				}
				if math.Float64bits(a) != math.Float64bits(b) || !slices.Equal(want, got) {
					t.Fatalf("%s %s, step %d: log density %v, gradient %v; without memo %v, %v", growth, name, step, b, got, a, want)
				}
			}
		}
	}
}
