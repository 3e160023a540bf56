package prophet

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func startOf(p *posterior) *mode {
	k, m := initialTrend(p.growth, p.t, p.y, p.limit)
	return &mode{k: k, m: m, delta: make([]float64, len(p.c)), beta: make([]float64, len(p.x)), sigma: 1}
}

// gradientScale is the size of the terms that cancel in a component of the gradient: rounding alone leaves eps times this.
func gradientScale(p *posterior, x *mode) float64 {
	w := 1 / (x.sigma * x.sigma)
	k := 0.0
	for i, y := range p.y {
		k += math.Abs(y) * (1 + math.Abs(p.t[i]))
	}
	var abs float64
	for _, b := range x.beta {
		abs += math.Abs(b)
	}
	return 1 + 1/p.tau + w*k*(1+abs)
}

// At the maximum the subgradient is 0, for problems of many shapes. With fewer rows than parameters, sigma may go down to
// its floor, where there is no maximum; these cases are counted and their residuals checked.
func TestMAPOptimality(t *testing.T) {
	t.Parallel()
	for _, growth := range []Growth{Linear, Flat, Logistic} {
		for name, modes := range map[string][]Mode{"additive": {Additive}, "multiplicative": {Multiplicative}, "mixed": {Additive, Multiplicative, ""}} {
			t.Run(fmt.Sprintf("%s %s", growth, name), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(13, 13))
				perfect, trials, worst := 0, 32, 0.0
				if growth == Logistic {
					trials = 8
				}
				for trial := range trials {
					n, s, k := 2+rng.IntN(299), rng.IntN(41), 1+rng.IntN(30)
					if trial%4 == 0 {
						n = 2 + rng.IntN(20)
					}
					if growth == Logistic {
						s = rng.IntN(13)
					}
					p := randomPosterior(rng, growth, n, s, k, modes...)
					x, _, err := optimise(t.Context(), p, startOf(p), MAP, 0)
					if err != nil {
						t.Fatalf("trial %d (n %d, s %d, k %d): %v", trial, n, s, k, err)
					}
					if !x.converged && n < p.Dim() && x.sigma < 1e-3 {
						perfect++ // sigma is still falling towards the floor, and the status says that it stopped early
						continue
					}
					if !x.converged {
						t.Errorf("trial %d (n %d, s %d, k %d): %s after %d iterations, sigma %v", trial, n, s, k, x.status, x.iterations, x.sigma)
						continue
					}
					if x.status == statusPerfect {
						perfect++
						if n > k+len(p.c)+3 {
							t.Errorf("trial %d: %d rows fitted exactly by %d parameters", trial, n, p.Dim())
						}
						continue
					}
					g := p.subgradient(p.vector(x)) / gradientScale(p, x)
					worst = max(worst, g)
					if g > 5e-7 {
						t.Errorf("trial %d (n %d, s %d, k %d): relative subgradient %v at sigma %v after %d iterations", trial, n, s, k, g, x.sigma, x.iterations)
					}
					if want := plainLogPosterior(p, p.vector(x)); math.Abs(x.logProb-want) > 1e-9*(1+math.Abs(want)) {
						t.Errorf("trial %d: the mode has log posterior %v, want %v", trial, x.logProb, want)
					}
				}
				t.Logf("worst relative subgradient %.1e; %d of %d fit every row", worst, perfect, trials)
				if perfect > trials/2 {
					t.Errorf("%d of %d problems have no maximum: too few were tested", perfect, trials)
				}
			})
		}
	}
}

// No perturbation of a maximum is better: the definition of a maximum, without derivatives.
func TestMAPIsAMaximum(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(14, 14))
	for _, growth := range []Growth{Linear, Flat, Logistic} {
		for range 15 {
			p := randomPosterior(rng, growth, 40+rng.IntN(60), rng.IntN(10), 1+rng.IntN(10), Additive, Multiplicative)
			x, _, err := optimise(t.Context(), p, startOf(p), MAP, 0)
			if err != nil {
				t.Fatal(err)
			}
			u := p.vector(x)
			best := p.LogProb(u, nil)
			for range 200 {
				v := slices.Clone(u)
				size := math.Pow(10, -6+4*rng.Float64())
				if rng.IntN(2) == 0 {
					v[rng.IntN(len(v))] += size * rng.NormFloat64()
				} else {
					for i := range v {
						v[i] += size * rng.NormFloat64()
					}
				}
				if lp := p.LogProb(v, nil); lp > best+1e-9*(1+math.Abs(best)) {
					t.Fatalf("%s: %v next to the maximum %v", growth, lp, best)
				}
			}
		}
	}
}

// randomSeries returns a seeded history of varying character and options to fit it with.
func randomSeries(seed uint64) (*Frame, Options) {
	rng := rand.New(rand.NewPCG(seed, 15))
	n := 20 + rng.IntN(400)
	f := &Frame{}
	s := DateOf(2015, 1, 1) + Stamp(rng.IntN(1000))*Day
	level, slope := 10*rng.NormFloat64(), 0.02*rng.NormFloat64()
	walk, noise := 0.0, 0.1+rng.Float64()
	random := rng.IntN(2) == 0
	for len(f.DS) < n {
		if d := s.Weekday(); rng.IntN(12) > 0 && (seed%3 > 0 || d != 0 && d != 6) {
			i := float64(len(f.DS))
			if random {
				walk += 0.1 * rng.NormFloat64()
			}
			y := level + slope*i + walk + math.Sin(2*math.Pi*s.Days()/7) + 2*math.Cos(2*math.Pi*s.Days()/365.25) + noise*rng.NormFloat64()
			f.DS, f.Y = append(f.DS, s), append(f.Y, y)
		}
		s += Day
	}
	o := Defaults()
	o.Growth = []Growth{Linear, Linear, Flat}[rng.IntN(3)]
	o.Scaling = []Scaling{AbsMax, MinMax}[rng.IntN(2)]
	o.NChangepoints = []int{25, 25, 0, 5, 40}[rng.IntN(5)]
	o.ChangepointPriorScale = []float64{0.05, 0.5, 0.005}[rng.IntN(3)]
	o.SeasonalityPriorScale = []float64{10, 0.1}[rng.IntN(2)]
	if rng.IntN(2) == 0 {
		o.Seasonalities = []Seasonality{{Name: "monthly", Period: 30.5, FourierOrder: 1 + rng.IntN(4)}}
	}
	o.UncertaintySamples = 0
	return f, o
}

func fitBy(t *testing.T, o Options, f *Frame, by Optimizer, fo FitOptions) *Fitted {
	t.Helper()
	o.Optimizer = by
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Fit(t.Context(), f, fo)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// iterations limits Newton's method, which may take thousands of iterations for the last digits.
func iterations(by Optimizer) int {
	if by == Newton {
		return 500
	}
	return 0
}

// With additive terms the maximum is never below where the original's optimisers stop.
func TestMAPIsNeverBelowTheOriginals(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		f, o := randomSeries(seed)
		best := fitBy(t, o, f, MAP, FitOptions{}).Report()
		for _, by := range []Optimizer{LBFGS, Newton} {
			if by == Newton && seed%25 != 0 { // a Newton step takes 4 Dim evaluations
				continue
			}
			other := fitBy(t, o, f, by, FitOptions{MaxIterations: iterations(by)}).Report()
			if other.LogPosterior > best.LogPosterior+1e-9 {
				t.Errorf("seed %d: %s reaches %.12f (%s), the maximum only %.12f (%s; %d rows)", seed, by, other.LogPosterior, other.Status, best.LogPosterior, best.Status, best.Rows)
			}
		}
	}
}

// The same with multiplicative seasonality, which is not convex but in practice has a single dominant mode.
func TestMAPIsNeverBelowTheOriginalsMultiplicative(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		f, o := randomSeries(seed)
		f, o.NChangepoints = f.Rows(indexTo(min(len(f.DS), 100))), min(o.NChangepoints, 10)
		for i := range f.Y {
			f.Y[i] = math.Exp(f.Y[i] / 10)
		}
		o.SeasonalityMode = Multiplicative
		best := fitBy(t, o, f, MAP, FitOptions{}).Report()
		other := fitBy(t, o, f, LBFGS, FitOptions{}).Report()
		if other.LogPosterior > best.LogPosterior+1e-9 {
			t.Errorf("seed %d: lbfgs reaches %.12f (%s), the maximum only %.12f (%s; %d rows)", seed, other.LogPosterior, other.Status, best.LogPosterior, best.Status, best.Rows)
		}
	}
}

// Values of 10^8 that vary by some ten thousands, scaled by the largest: everything to explain is in the last few
// thousandths of scaled y, and sigma is far below what the priors expect.
func TestMAPIsNeverBelowTheOriginalsOnLargeNumbers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		f, o := randomSeries(seed)
		for i := range f.Y {
			f.Y[i] = 6e8 + 1e3*math.Pow(10, float64(seed%4))*f.Y[i]
		}
		best := fitBy(t, o, f, MAP, FitOptions{}).Report()
		for _, by := range []Optimizer{LBFGS, Newton} {
			if by == Newton && seed%8 != 0 {
				continue
			}
			other := fitBy(t, o, f, by, FitOptions{MaxIterations: iterations(by)}).Report()
			if other.LogPosterior > best.LogPosterior+1e-9*math.Abs(best.LogPosterior) {
				t.Errorf("seed %d: %s reaches %.9f (%s), the maximum only %.9f (%s; %d rows)", seed, by, other.LogPosterior, other.Status, best.LogPosterior, best.Status, best.Rows)
			}
		}
	}
}

func bits(p Params) []uint64 {
	var out []uint64
	add := func(x []float64) {
		for _, v := range x {
			out = append(out, math.Float64bits(v))
		}
	}
	add(p.K)
	add(p.M)
	add(p.SigmaObs)
	for d := range p.Delta {
		add(p.Delta[d])
		add(p.Beta[d])
	}
	return out
}

// The same fit gives the same bits whatever the number of processors: with LBFGS, Newton, MAP, and the sampler with any
// number of workers.
func TestFitIsDeterministic(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	f, o := randomSeries(3)
	o.Growth = Linear
	for _, by := range []Optimizer{MAP, LBFGS, Newton, gibbsSampler} {
		t.Run(string(by), func(t *testing.T) {
			o := o
			if by == gibbsSampler {
				o.MCMCSamples, by = 20, MAP
			}
			runtime.GOMAXPROCS(1)
			one := bits(fitBy(t, o, f, by, FitOptions{Workers: 1}).State().Params)
			again := bits(fitBy(t, o, f, by, FitOptions{Workers: 1}).State().Params)
			runtime.GOMAXPROCS(4)
			four := bits(fitBy(t, o, f, by, FitOptions{Workers: 4}).State().Params)
			if !slices.Equal(one, again) {
				t.Error("the second fit gives other bits")
			}
			if !slices.Equal(one, four) {
				t.Error("four processors give other bits than one")
			}
		})
	}
}

// The start does not change the maximum.
func TestWarmStartKeepsTheMAP(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		f, o := randomSeries(seed)
		f, o.NChangepoints = f.Rows(indexTo(min(len(f.DS), 120))), min(o.NChangepoints, 10)
		if seed%2 == 1 {
			for i := range f.Y {
				f.Y[i] = math.Exp(f.Y[i] / 10)
			}
			o.SeasonalityMode = Multiplicative
		}
		cold := fitBy(t, o, f, MAP, FitOptions{}).State()
		part := f.Rows(indexTo(len(f.DS) - 5))
		init := fitBy(t, o, part, MAP, FitOptions{}).State().Params
		warmed := fitBy(t, o, f, MAP, FitOptions{Init: &init}).State()
		if a, b := cold.Report.LogPosterior, warmed.Report.LogPosterior; math.Abs(a-b) > 1e-8*(1+math.Abs(a)) {
			t.Errorf("seed %d: log posterior %.12f from the cold start, %.12f from the warm one", seed, a, b)
		}
		close2(t, fmt.Sprintf("seed %d beta", seed), warmed.Params.Beta[0], cold.Params.Beta[0], 1e-4)
		close2(t, fmt.Sprintf("seed %d delta", seed), warmed.Params.Delta[0], cold.Params.Delta[0], 1e-4)
	}
}

// Parts of a start that are not finite or belong to another model are ignored, as in the original's warm start.
func TestWarmStartIgnoresUnusableParts(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	start := &mode{k: 1, m: 2, sigma: 1, delta: []float64{0, 0}, beta: []float64{0}}
	warm(start, &Params{K: []float64{nan}, M: []float64{3, 5}, SigmaObs: []float64{-1}, Delta: [][]float64{{1, 2, 3}}, Beta: [][]float64{{7}, {9}}})
	if start.k != 1 || start.m != 4 || start.sigma != 1 || start.delta[0] != 0 || start.beta[0] != 8 {
		t.Errorf("got %+v; want k, sigma and delta as before, the means of m and beta", *start)
	}
	warm(start, &Params{K: []float64{math.Inf(1)}, M: []float64{0}, SigmaObs: []float64{0.5}, Delta: [][]float64{{nan, 0}}, Beta: [][]float64{{0, 0}}})
	if start.k != 1 || start.m != 0 || start.sigma != 0.5 || start.delta[0] != 0 || start.beta[0] != 8 {
		t.Errorf("got %+v; want only the usable parts changed", *start)
	}
	warm(start, nil)
	warm(start, &Params{})
	if start.m != 0 {
		t.Errorf("got %+v; want nothing changed", *start)
	}
}

// Every optimizer returns the context's error when the context is done.
func TestFitStopsWithTheContext(t *testing.T) {
	t.Parallel()
	f, o := randomSeries(1)
	for _, c := range []struct {
		by    Optimizer
		mode  Mode
		grows Growth
		mcmc  int
	}{{MAP, Additive, Linear, 0}, {MAP, Multiplicative, Linear, 0}, {MAP, Additive, Logistic, 0}, {LBFGS, Additive, Linear, 0}, {Newton, Additive, Linear, 0}, {Auto, Additive, Linear, 0}, {MAP, Additive, Linear, 100}} {
		o := o
		o.Optimizer, o.SeasonalityMode, o.Growth, o.MCMCSamples = c.by, c.mode, c.grows, c.mcmc
		f := f.Rows(indexTo(len(f.DS)))
		f.Cap = make([]float64, len(f.DS))
		for i := range f.Cap {
			f.Cap[i] = slices.Max(f.Y) + 100
		}
		m, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if fitted, err := m.Fit(ctx, f, FitOptions{}); err == nil || fitted != nil || ctx.Err() == nil {
			t.Errorf("%+v: got %v, want the context's error", c, err)
		}
	}
}
