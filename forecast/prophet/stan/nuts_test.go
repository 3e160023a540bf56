package stan

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/etfcast/etfcast/etf"
)

func symmetric(n int) *mat.SymDense { return mat.NewSymDense(n, nil) }

// normal is a normal density with the given mean and covariance.
func normal(t testing.TB, mean []float64, cov *mat.SymDense) func() Density {
	t.Helper()
	var c mat.Cholesky
	if !c.Factorize(cov) {
		t.Fatal("the covariance is not positive definite")
	}
	var precision mat.SymDense
	if err := c.InverseTo(&precision); err != nil {
		t.Fatal(err)
	}
	n := len(mean)
	return func() Density {
		e, g := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil)
		return density{n, func(u, grad []float64) float64 {
			for i := range u {
				e.SetVec(i, u[i]-mean[i])
			}
			g.MulVec(&precision, e)
			for i := range grad {
				grad[i] = -g.AtVec(i)
			}
			return -mat.Dot(e, g) / 2
		}}
	}
}

// expectMean checks a mean of draws against the true one: within 5 standard errors by the effective sample size, with a
// standard error small enough for that to mean something.
func expectMean(t *testing.T, what string, chains [][]float64, want float64) {
	t.Helper()
	var all []float64
	for _, c := range chains {
		all = append(all, c...)
	}
	mean, variance := meanVariance(all)
	// The quantity itself is averaged, so its own ESS counts, not that of its ranks.
	e := ess(split(chains))
	se := math.Sqrt(variance / e)
	if !(math.Abs(mean-want) <= 5*se) || e < 200 {
		t.Errorf("%s: %v after %.0f effective draws, expected %v, standard error %v", what, mean, e, want, se)
	}
}

func mapped(a, b [][]float64, f func(x, y float64) float64) [][]float64 {
	out := make([][]float64, len(a))
	for i := range a {
		for k := range a[i] {
			out[i] = append(out[i], f(a[i][k], b[i][k]))
		}
	}
	return out
}

// Means, variances and covariances of a normal are within five standard errors with every metric.
func TestNUTSDrawsANormal(t *testing.T) {
	t.Parallel()
	mean := []float64{1, -2, 0.5, 30}
	cov := mat.NewSymDense(4, []float64{
		1, 0.8, 0, -3,
		0.8, 2, 0.05, 0,
		0, 0.05, 0.04, 0.2,
		-3, 0, 0.2, 25,
	})
	guess := mat.NewSymDense(4, nil) // a bad guess must not bias the draws
	for i := range 4 {
		guess.SetSym(i, i, float64(i+1))
	}
	guess.SetSym(0, 1, 0.9)
	for name, o := range map[string]NUTSOptions{
		"diagonal": {}, "dense": {Metric: Dense}, "with a guess": {InitCov: guess}, "dense with a guess": {Metric: Dense, InitCov: guess},
		"delta 0.95": {AdaptDelta: 0.95},
	} {
		o.Chains, o.Warmup, o.Draws, o.Seed = 4, 400, 1000, 7
		d, err := NUTS(context.Background(), normal(t, mean, cov), make([]float64, 4), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.U) != 4000 || len(d.LogProb) != 4000 || len(d.AcceptStat) != 4000 || len(d.TreeDepth) != 4000 || len(d.StepSize) != 4 || d.Divergences != 0 {
			t.Fatalf("%s: %d draws, %d step sizes, %d divergences", name, len(d.U), len(d.StepSize), d.Divergences)
		}
		for i := range mean {
			x := d.Parameter(i)
			expectMean(t, name+", mean", x, mean[i])
			for j := range i + 1 {
				expectMean(t, name+", covariance", mapped(x, d.Parameter(j), func(x, y float64) float64 {
					return (x - mean[i]) * (y - mean[j])
				}), cov.At(i, j))
			}
		}
		if r, e := d.Mixing(); !(r < 1.01) || !(e > 400) {
			t.Errorf("%s: R-hat %v, least ESS %v", name, r, e)
		}
		lp := normal(t, mean, cov)().LogProb(d.U[17], nil)
		if math.Abs(lp-d.LogProb[17]) > 1e-9 {
			t.Errorf("%s: log density %v is reported as %v", name, lp, d.LogProb[17])
		}
		// Dual averaging aims at the requested acceptance; it ends slightly above, since the averaged step is smaller.
		var accept float64
		for _, a := range d.AcceptStat {
			accept += a / float64(len(d.AcceptStat))
		}
		if want := max(o.AdaptDelta, 0.8); accept < want-0.05 || accept > min(1, want+0.15) {
			t.Errorf("%s: acceptance %v, asked for %v", name, accept, want)
		}
	}
}

// Laplace(0, b) has mean absolute value b and variance 2b²; Prophet's rate changes lie at its kink. The last
// coordinate is the logarithm of a half normal with its Jacobian: E sigma = 0.5 sqrt(2/pi), E sigma² = 0.25.
func TestNUTSDrawsLaplaceAndHalfNormal(t *testing.T) {
	t.Parallel()
	const b, sd = 0.05, 0.5
	d := density{7, func(u, grad []float64) float64 {
		var lp float64
		for i := range 6 {
			lp -= math.Abs(u[i]) / b
			if grad != nil {
				grad[i] = -sign(u[i]) / b
			}
		}
		s2 := math.Exp(2*u[6]) / (sd * sd)
		if grad != nil {
			grad[6] = 1 - s2
		}
		return lp - s2/2 + u[6]
	}}
	draws, err := NUTS(context.Background(), func() Density { return d }, make([]float64, 7), NUTSOptions{Chains: 4, Warmup: 500, Draws: 2000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		x := draws.Parameter(i)
		expectMean(t, "mean", x, 0)
		expectMean(t, "mean absolute value", each(x, math.Abs), b)
		expectMean(t, "variance", each(x, func(x float64) float64 { return x * x }), 2*b*b)
	}
	s := each(draws.Parameter(6), math.Exp)
	expectMean(t, "sigma", s, sd*math.Sqrt(2/math.Pi))
	expectMean(t, "sigma²", each(s, func(x float64) float64 { return x * x }), sd*sd)
	if r, _ := draws.Mixing(); !(r < 1.01) {
		t.Errorf("R-hat %v", r)
	}
}

// A mild funnel, v ~ N(0,1) and x ~ N(0, exp(v/2)): v's marginal is known, however x's scale changes.
func TestNUTSDrawsAFunnel(t *testing.T) {
	t.Parallel()
	d := density{3, func(u, grad []float64) float64 {
		v, w := u[0], math.Exp(-u[0])
		sum := u[1]*u[1] + u[2]*u[2]
		if grad != nil {
			grad[0], grad[1], grad[2] = -v-1+sum*w/2, -u[1]*w, -u[2]*w
		}
		return -v*v/2 - v - sum*w/2
	}}
	draws, err := NUTS(context.Background(), func() Density { return d }, make([]float64, 3), NUTSOptions{Chains: 4, Warmup: 1000, Draws: 2000, Seed: 5, AdaptDelta: 0.95})
	if err != nil {
		t.Fatal(err)
	}
	v := draws.Parameter(0)
	expectMean(t, "v", v, 0)
	expectMean(t, "v²", each(v, func(x float64) float64 { return x * x }), 1)
	// E x² = E exp(v) = exp(1/2).
	expectMean(t, "x²", each(draws.Parameter(1), func(x float64) float64 { return x * x }), math.Exp(0.5))
}

// Correlation 0.999 between neighbours over 20 dimensions and scales from 1e-3 to 1e3: no diagonal metric helps, but a
// covariance does. It also saves steps: with it a trajectory has only a few.
func TestNUTSWithAnInitialCovariance(t *testing.T) {
	t.Parallel()
	const n = 20
	cov := symmetric(n)
	mean := make([]float64, n)
	for i := range n {
		mean[i] = float64(i)
		for j := range i + 1 {
			cov.SetSym(i, j, math.Pow(0.999, float64(i-j))*math.Pow(10, float64(i%7-3)+float64(j%7-3)))
		}
	}
	run := func(o NUTSOptions, warmup, draws int) Draws {
		o.Chains, o.Warmup, o.Draws, o.Seed = 2, warmup, draws, 11
		d, err := NUTS(context.Background(), normal(t, mean, cov), mean, o)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	with := run(NUTSOptions{InitCov: cov}, 200, 500)
	if r, e := with.Mixing(); !(r < 1.02) || !(e > 300) {
		t.Errorf("with the covariance: R-hat %v, least ESS %v", r, e)
	}
	for i := range n {
		expectMean(t, "mean", with.Parameter(i), mean[i])
		expectMean(t, "variance", each(with.Parameter(i), func(x float64) float64 { return (x - mean[i]) * (x - mean[i]) }), cov.At(i, i))
	}
	few, without := run(NUTSOptions{InitCov: cov}, 40, 10), run(NUTSOptions{}, 40, 10)
	if few.Evaluations*10 > without.Evaluations {
		t.Errorf("%d evaluations with the covariance, %d without", few.Evaluations, without.Evaluations)
	}
}

// The draws depend on the seed alone: not on the workers, not on the run.
func TestNUTSIsDeterministic(t *testing.T) {
	t.Parallel()
	cov := mat.NewSymDense(2, []float64{1, 0.5, 0.5, 2})
	run := func(seed uint64, workers int) Draws {
		d, err := NUTS(context.Background(), normal(t, []float64{0, 0}, cov), []float64{0.1, 0.2}, NUTSOptions{Chains: 5, Warmup: 100, Draws: 50, Seed: seed, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	same := func(a, b Draws) bool {
		return slices.EqualFunc(a.U, b.U, func(x, y []float64) bool { return slices.Equal(x, y) }) &&
			slices.Equal(a.LogProb, b.LogProb) && slices.Equal(a.StepSize, b.StepSize) && slices.Equal(a.AcceptStat, b.AcceptStat) &&
			slices.Equal(a.TreeDepth, b.TreeDepth) && a.Evaluations == b.Evaluations
	}
	one := run(1, 1)
	for _, workers := range []int{0, 1, 4} {
		if !same(one, run(1, workers)) {
			t.Errorf("%d workers make different draws", workers)
		}
	}
	if same(one, run(2, 1)) {
		t.Error("two seeds make the same draws")
	}
	for c := 1; c < 5; c++ {
		if slices.Equal(one.U[0], one.U[50*c]) {
			t.Errorf("chain %d makes the same draws as chain 0", c)
		}
	}
}

func TestNUTSStartsAndProgress(t *testing.T) {
	t.Parallel()
	cov := mat.NewSymDense(1, []float64{1})
	inits := [][]float64{{-50}, {50}}
	var calls, last int
	o := NUTSOptions{Chains: 2, Draws: 1, Seed: 1, Inits: inits, Workers: 2, Progress: func(done, total int) {
		calls++
		if done <= last || done > total || total != 2 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}}
	d, err := NUTS(context.Background(), normal(t, []float64{0}, cov), []float64{0}, o)
	if err != nil {
		t.Fatal(err)
	}
	// One transition in a bowl leads no farther out than the energy allows: slightly more than 50.
	if calls != 2 || last != 2 || d.U[0][0] == d.U[1][0] || inits[0][0] != -50 {
		t.Errorf("%d calls, done %d, draws %v, starts %v", calls, last, d.U, inits)
	}
	d, err = NUTS(context.Background(), normal(t, []float64{0}, cov), []float64{0}, NUTSOptions{Chains: 2, Warmup: 200, Draws: 500, Seed: 1, Inits: inits, InitCov: cov})
	if err != nil {
		t.Fatal(err)
	}
	expectMean(t, "mean from far starts", d.Parameter(0), 0)
}

// A box has no gradient towards its walls: trajectories that leave it are counted, and draws stay inside.
func TestNUTSCountsDivergences(t *testing.T) {
	t.Parallel()
	box := density{1, func(u, grad []float64) float64 {
		if grad != nil {
			grad[0] = -u[0]
		}
		if math.Abs(u[0]) > 1 {
			return math.Inf(-1)
		}
		return -u[0] * u[0] / 2
	}}
	d, err := NUTS(context.Background(), func() Density { return box }, []float64{0}, NUTSOptions{Chains: 1, Warmup: 100, Draws: 300, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if d.Divergences == 0 {
		t.Error("no divergences at the walls")
	}
	for _, u := range d.U {
		if math.Abs(u[0]) > 1 {
			t.Fatalf("a draw at %v", u)
		}
	}
}

func TestNUTSCancels(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3} {
		ctx, cancel := context.WithCancel(context.Background())
		number := 0
		d, err := NUTS(ctx, func() Density {
			mine, calls := number, 0
			number++
			return density{1, func(u, grad []float64) float64 {
				if calls++; mine == 0 && calls == 500 {
					cancel()
				}
				if grad != nil {
					grad[0] = -u[0]
				}
				return -u[0] * u[0] / 2
			}}
		}, []float64{1}, NUTSOptions{Chains: 3, Warmup: 1 << 18, Draws: 1 << 18, Seed: 1, Workers: workers})
		if !errors.Is(err, context.Canceled) || d.U != nil {
			t.Errorf("%d workers: %v, %d draws", workers, err, len(d.U))
		}
	}
}

func TestNUTSRefuses(t *testing.T) {
	t.Parallel()
	one := func() Density { return bowl([]float64{1}, []float64{0}) }
	flat := func() Density { return density{1, func(_, grad []float64) float64 { clear(grad); return 0 }} }
	jagged := func() Density {
		calls := 0
		return density{1, func(_, grad []float64) float64 { // falls with each call, whatever the step
			calls++
			clear(grad)
			return -1e3 * float64(calls)
		}}
	}
	base := NUTSOptions{Chains: 2, Warmup: 20, Draws: 20}
	for _, tt := range []struct {
		field string
		d     func() Density
		set   func(o *NUTSOptions)
	}{
		{"chains", one, func(o *NUTSOptions) { o.Chains = 0 }},
		{"draws", one, func(o *NUTSOptions) { o.Draws = 0 }},
		{"warmup", one, func(o *NUTSOptions) { o.Warmup = -1 }},
		{"adapt_delta", one, func(o *NUTSOptions) { o.AdaptDelta = 1 }},
		{"adapt_delta", one, func(o *NUTSOptions) { o.AdaptDelta = math.NaN() }},
		{"max_depth", one, func(o *NUTSOptions) { o.MaxDepth = -1 }},
		{"metric", one, func(o *NUTSOptions) { o.Metric = 7 }},
		{"inits", one, func(o *NUTSOptions) { o.Inits = [][]float64{{1}} }},
		{"init", one, func(o *NUTSOptions) { o.Inits = [][]float64{{1}, {1, 2}} }},
		{"workers", one, func(o *NUTSOptions) { o.Workers = -1 }},
		{"init_cov", one, func(o *NUTSOptions) { o.InitCov = symmetric(2) }},
		{"init_cov", one, func(o *NUTSOptions) { o.InitCov = mat.NewSymDense(1, []float64{-1}) }},
		{"init_cov", one, func(o *NUTSOptions) { o.InitCov = mat.NewSymDense(1, []float64{math.NaN()}) }},
		{"density", flat, func(*NUTSOptions) {}},
		{"density", jagged, func(*NUTSOptions) {}},
		{"density", jagged, func(o *NUTSOptions) { o.Workers = 1 }},
	} {
		o := base
		tt.set(&o)
		_, err := NUTS(context.Background(), tt.d, []float64{0}, o)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != tt.field || e.Remedy == "" {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
}

// Stan's reference manual (chapter MCMC sampling, automatic parameter tuning) shows for 1,000 iterations: 75 fast, slow
// windows of 25, 50, 100, 200 and 500, and 50 fast. The short ones follow from the 15 % and 10 % stated there.
func TestWarmupWindows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		warmup, first, learned int
		ends                   []int
	}{
		{1000, 75, 875, []int{99, 149, 249, 449, 949}},
		{150, 75, 25, []int{99}},
		{250, 75, 125, []int{99, 199}},
		{100, 15, 75, []int{89}},
		{20, 3, 15, []int{17}},
		{19, -1, 0, nil},
		{0, -1, 0, nil},
	} {
		w := newWindows(tt.warmup)
		first, learned := -1, 0
		var ends []int
		for it := range tt.warmup {
			learn, end := w.next()
			if learn {
				if first < 0 {
					first = it
				}
				learned++
			}
			if end {
				ends = append(ends, it)
			}
		}
		if first != tt.first || learned != tt.learned || !slices.Equal(ends, tt.ends) {
			t.Errorf("warm-up %d: learns %d from %d, windows end at %v", tt.warmup, learned, first, ends)
		}
	}
}

// Both metrics learn the covariance of what was added, shrunk by the weight of 5 draws of variance 1e-3.
func TestMetricsLearn(t *testing.T) {
	t.Parallel()
	q := [][]float64{{1, 10}, {2, 30}, {4, 20}, {5, 60}, {-2, 5}}
	// Sample moments by hand: means 2 and 25, sums of squares 30 and 1900, of products 190.
	diagonal, dense := newDiagonalMetric(2), newDenseMetric(2)
	for _, x := range q {
		diagonal.add(x)
		dense.add(x)
	}
	diagonal.update()
	dense.update()
	data, prior := 0.5, 0.5e-3
	near(t, "variances", diagonal.variance, []float64{data*30/4 + prior, data*1900/4 + prior}, 1e-12)
	near(t, "covariance", []float64{dense.cov.At(0, 0), dense.cov.At(0, 1), dense.cov.At(1, 1)}, []float64{data*30/4 + prior, data * 190 / 4, data*1900/4 + prior}, 1e-12)
}

// The sampling case of Prophet's tests: the posterior of data.csv's first 480 rows mixes, with every R-hat below 1.01.
func TestNUTSOnProphetsPosterior(t *testing.T) {
	t.Parallel()
	days, y := readPrices(t)
	d, init, _, _ := newTrendDensity(days[:480], y[:480], false)
	mode, err := Newton(context.Background(), d, init, NewtonOptions{})
	if err != nil {
		t.Fatal(err)
	}
	draws, err := NUTS(context.Background(), func() Density {
		d, _, _, _ := newTrendDensity(days[:480], y[:480], false)
		d.jacobian = true
		return d
	}, mode.U, NUTSOptions{Chains: 4, Warmup: 300, Draws: 700, Seed: 1, InitCov: laplaceCovariance(t, d, mode.U)})
	if err != nil {
		t.Fatal(err)
	}
	r, e := draws.Mixing()
	t.Logf("R-hat %.4f, least ESS %.0f, %d divergences, %d evaluations, step sizes %.3f", r, e, draws.Divergences, draws.Evaluations, draws.StepSize)
	if !(r < 1.01) || !(e > 400) || draws.Divergences > 0 {
		t.Errorf("R-hat %v, least ESS %v, %d divergences", r, e, draws.Divergences)
	}
}

// laplaceCovariance is the inverse of the negative Hessian at a mode, with the Laplace prior replaced by a normal of
// variance 2b² + b|delta|: the prior's own at 0, and far out that of the normal with the same slope at delta.
func laplaceCovariance(t testing.TB, d *trendDensity, mode []float64) *mat.SymDense {
	t.Helper()
	n := len(mode)
	h := symmetric(n)
	up, down, x := make([]float64, n), make([]float64, n), slices.Clone(mode)
	const step = 1e-5
	smooth := func(g, u []float64) {
		d.LogProb(u, g)
		for j := range changepoints {
			g[2+j] += sign(u[2+j])/0.05 - u[2+j]/(2*0.05*0.05+0.05*math.Abs(mode[2+j]))
		}
	}
	for i := range n {
		x[i] = mode[i] + step
		smooth(up, x)
		x[i] = mode[i] - step
		smooth(down, x)
		x[i] = mode[i]
		for j := range n {
			h.SetSym(i, j, h.At(i, j)-(up[j]-down[j])/(4*step))
			if i == j {
				h.SetSym(i, j, h.At(i, j)-(up[j]-down[j])/(4*step))
			}
		}
	}
	var c mat.Cholesky
	if !c.Factorize(h) {
		t.Fatal("the smoothed Hessian is not negative definite")
	}
	cov := symmetric(n)
	if err := c.InverseTo(cov); err != nil {
		t.Fatal(err)
	}
	return cov
}
