package prophet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/etfcast/etfcast/forecast/prophet/stan"
)

// The optimizers that Report names if the posterior was sampled.
const (
	gibbsSampler Optimizer = "gibbs"
	nutsSampler  Optimizer = "nuts"
)

// The kinks of the Laplace priors keep the No-U-Turn sampler's steps short and its draws correlated, so only every fifth
// draw is kept. The metric needs some iterations to adapt, however few draws are requested.
const (
	nutsThin  = 5
	minWarmup = 300
)

// sample draws from the posterior with Chains chains, each with MCMCSamples/2 draws after a warm-up of the same length. It
// uses Gibbs sampling with linear or flat growth and additive terms; otherwise the No-U-Turn sampler, in coordinates in
// which the curvature at the maximum is 1 in every direction. Chains start dispersed around the maximum.
func (f *Fitted) sample(ctx context.Context, p *posterior, start *mode, basis *reduction, fo FitOptions) error {
	o := &f.s.Options
	peak, _, err := optimise(ctx, p, start, MAP, 0)
	if err != nil {
		return err
	}
	peak.sigma = max(peak.sigma, 1e-6)
	centre := p.vector(peak)
	cov, err := p.covariance(peak)
	if err != nil {
		return err
	}
	inits, err := scatter(centre, cov, o.Seed)
	if err != nil {
		return err
	}
	half, by := o.MCMCSamples/2, nutsSampler
	var draws [][]float64
	divergences, iterations := 0, 0
	if p.anyMul || p.growth == Logistic {
		// Divergent transitions mean that the steps are too long where the posterior is narrow: sample again with shorter ones.
		var sampled stan.Draws
		for _, delta := range []float64{0.8, 0.95} {
			sampled, err = stan.NUTS(ctx, func() stan.Density {
				q := p.clone()
				q.jacobian = true
				return q
			}, centre, stan.NUTSOptions{
				Chains: Chains, Warmup: max(half, minWarmup), Draws: half * nutsThin, AdaptDelta: delta, Seed: o.Seed, InitCov: cov, Inits: inits,
				Workers: max(fo.Workers, 1), Progress: fo.Progress,
			})
			if err != nil {
				return err
			}
			iterations += Chains * (max(half, minWarmup) + half*nutsThin)
			if sampled.Divergences == 0 {
				break
			}
		}
		for i := nutsThin - 1; i < len(sampled.U); i += nutsThin {
			draws = append(draws, sampled.U[i])
		}
		divergences = sampled.Divergences
	} else {
		by = gibbsSampler
		g := newGibbs(p, p.around(peak))
		warmup := max(half, minWarmup/gibbsSweeps)
		iterations = Chains * (warmup + half) * gibbsSweeps
		if draws, err = g.run(ctx, inits, warmup, half, max(fo.Workers, 1), o.Seed, fo.Progress); err != nil {
			return err
		}
	}
	params := Params{}
	best := math.Inf(-1)
	for _, u := range draws {
		k, m, delta, lnSigma, beta := p.split(u)
		params.K, params.M = append(params.K, k), append(params.M, m)
		params.SigmaObs = append(params.SigmaObs, math.Exp(lnSigma))
		params.Delta = append(params.Delta, append([]float64(nil), delta...))
		params.Beta = append(params.Beta, basis.expand(append([]float64(nil), beta...)))
		best = max(best, p.LogProb(u, nil))
	}
	f.s.Params = params
	f.foldDummy()
	f.s.Report = Report{Optimizer: by, Converged: true, Iterations: iterations, LogPosterior: best, Rows: len(p.y), Divergences: divergences}
	f.checkMixing(draws, half)
	return nil
}

// The limits of Vehtari, Gelman, Simpson, Carpenter and Bürkner, "Rank-normalization, folding, and localization: an
// improved R-hat", Bayesian Analysis 16 (2021): R-hat below 1.01 and 100 effective draws per chain.
const (
	maxRHat = 1.01
	minESS  = 100 * Chains
)

// checkMixing reports how well the chains agree.
func (f *Fitted) checkMixing(draws [][]float64, perChain int) {
	r := &f.s.Report
	r.MaxRHat, r.MinESS = 1, math.Inf(1)
	if perChain >= 4 {
		all := stan.Draws{U: draws, Chains: Chains}
		for j := range draws[0] {
			chains := all.Parameter(j)
			if v := stan.RHat(chains); v > r.MaxRHat {
				r.MaxRHat = v
			}
			if v := stan.ESSBulk(chains); v < r.MinESS {
				r.MinESS = v
			}
		}
	} else {
		r.MinESS = 0
	}
	if math.IsInf(r.MinESS, 0) || math.IsNaN(r.MinESS) {
		r.MinESS = 0
	}
	switch {
	case r.Divergences > 0:
		r.Status, r.Converged = fmt.Sprintf("sampled: %d divergent transitions", r.Divergences), false
	case r.MaxRHat >= maxRHat:
		r.Status, r.Converged = fmt.Sprintf("sampled: the chains disagree, R-hat %.3f", r.MaxRHat), false
	case r.MinESS < minESS:
		r.Status, r.Converged = fmt.Sprintf("sampled: only %.0f effective draws", r.MinESS), false
	default:
		r.Status = "sampled: the chains agree"
	}
}

// scatter returns a start for each chain, drawn around the centre with twice the posterior's spread, so that the chains
// start far apart and their agreement in the end means something.
func scatter(centre []float64, cov *mat.SymDense, seed uint64) ([][]float64, error) {
	var chol mat.Cholesky
	if !chol.Factorize(cov) {
		return nil, errNotFinite("the curvature of the posterior at its maximum is not positive definite")
	}
	var lower mat.TriDense
	chol.LTo(&lower)
	rng := rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d))
	out := make([][]float64, Chains)
	for c := range out {
		z := mat.NewVecDense(len(centre), nil)
		for i := range centre {
			z.SetVec(i, 2*rng.NormFloat64()/math.Sqrt(float64(len(centre))))
		}
		var u mat.VecDense
		u.MulVec(&lower, z)
		out[c] = append([]float64(nil), centre...)
		floats.Add(out[c], u.RawVector().Data)
	}
	return out, nil
}

// gramAt returns J'J at x, where J are the model's derivatives with respect to k, m, delta and beta, in that order.
func (p *posterior) gramAt(x *mode) *mat.SymDense {
	n, s := len(p.t), len(p.c)
	p.residuals(x.k, x.m, x.delta, x.beta)
	b := 2 + len(p.x)
	if p.growth == Flat {
		b--
	}
	jac := newJacobian(n, b, s)
	jac.fill(p, x)
	columns := make([][]float64, 0, 2+s+len(p.x))
	if p.growth == Flat {
		zero := make([]float64, n)
		columns = append(columns, zero, jac.smooth[0])
		for range s {
			columns = append(columns, zero)
		}
		columns = append(columns, jac.smooth[1:]...)
	} else {
		columns = append(columns, jac.smooth[:2]...)
		columns = append(columns, jac.kinked...)
		columns = append(columns, jac.smooth[2:]...)
	}
	g := mat.NewSymDense(len(columns), nil)
	for i, a := range columns {
		for j := i; j < len(columns); j++ {
			g.SetSym(i, j, floats.Dot(a, columns[j]))
		}
	}
	return g
}

// covariance approximates the posterior's covariance from the curvature at a maximum: of the sum of squares, of the normal
// priors and, for each rate change, of a normal with variance 2 tau² + tau |delta|. A Laplace variable is a mixture of
// normals, and this approximates the mean of their variance given delta.
func (p *posterior) covariance(x *mode) (*mat.SymDense, error) {
	s, dim := len(p.c), p.Dim()
	w := 1 / (x.sigma * x.sigma)
	g := p.gramAt(x)
	h := mat.NewSymDense(dim, nil)
	place := func(i int) int { // index in the parameter vector, which has ln sigma before beta
		if i >= 2+s {
			return i + 1
		}
		return i
	}
	for i := range dim - 1 {
		for j := i; j < dim-1; j++ {
			h.SetSym(place(i), place(j), w*g.At(i, j))
		}
	}
	plus := func(i int, v float64) { h.SetSym(i, i, h.At(i, i)+v) }
	plus(0, 1.0/25)
	plus(1, 1.0/25)
	for j := range s {
		plus(2+j, 1/(2*p.tau*p.tau+p.tau*math.Abs(x.delta[j])))
	}
	plus(2+s, 2*float64(len(p.y)))
	for j, prior := range p.prior {
		plus(3+s+j, 1/(prior*prior))
	}
	var chol mat.Cholesky
	if !chol.Factorize(h) {
		return nil, errNotFinite("the curvature of the posterior at its maximum is not positive definite")
	}
	cov := mat.NewSymDense(dim, nil)
	if err := chol.InverseTo(cov); err != nil {
		// A nearly singular matrix is still inverted as well as possible.
		if near := mat.Condition(0); !errors.As(err, &near) {
			return nil, errNotFinite("the curvature of the posterior at its maximum has no inverse")
		}
	}
	return cov, nil
}

// around returns the sum of squares as a function of the parameters, in which it is quadratic.
func (p *posterior) around(peak *mode) *quadratic {
	g := p.gramAt(peak)
	sse := p.residuals(peak.k, peak.m, peak.delta, peak.beta)
	// J'r, from the gradient of the sum of squares.
	q := p.clone()
	u := p.vector(peak)
	withData := make([]float64, len(u))
	q.LogProb(u, withData)
	s := len(p.c)
	center := append(append([]float64{peak.k, peak.m}, peak.delta...), peak.beta...)
	proj := make([]float64, len(center))
	w := 1 / (peak.sigma * peak.sigma)
	for i := range center {
		at := i
		if i >= 2+s {
			at++
		}
		proj[i] = (withData[at] - p.priorGradient(i, center[i])) / w
	}
	return &quadratic{g: g, center: center, proj: proj, sse: sse}
}

// priorGradient is the derivative of the log prior with respect to parameter i of k, m, delta, beta.
func (p *posterior) priorGradient(i int, v float64) float64 {
	switch s := len(p.c); {
	case i < 2:
		return -v / 25
	case i < 2+s:
		return -sign(v) / p.tau
	default:
		return -v / (p.prior[i-2-s] * p.prior[i-2-s])
	}
}

// quadratic is the sum of squares for a mu that is linear in k, m, delta, beta: sse - 2 proj'd + d'Gd, where d is the
// distance from center.
type quadratic struct {
	g            *mat.SymDense
	center, proj []float64
	sse          float64
}

// at returns the sum of squares at theta; d and gd are scratch of the same length.
func (q *quadratic) at(theta, d, gd []float64) float64 {
	floats.SubTo(d, theta, q.center)
	blas64.Symv(1, q.g.RawSymmetric(), blas64.Vector{N: len(d), Inc: 1, Data: d}, 0, blas64.Vector{N: len(d), Inc: 1, Data: gd})
	return q.sse - 2*floats.Dot(q.proj, d) + floats.Dot(d, gd)
}
