package prophet

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/etfcast/etfcast/forecast/prophet/stan"
)

// sampler is the optimizer Report names where the posterior was sampled.
const sampler Optimizer = "nuts"

// sample draws from the posterior by the No-U-Turn sampler: Chains chains of MCMCSamples iterations, the first half of
// each warm-up. They start around the maximum and move in coordinates in which the curvature there is 1 in every
// direction, so that a few steps go a long way; the posterior is the same.
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
	half := o.MCMCSamples / 2
	draws, err := stan.NUTS(ctx, p.densities(peak), centre, stan.NUTSOptions{
		Chains: Chains, Warmup: half, Draws: half, Seed: o.Seed, InitCov: cov, Inits: inits,
		Workers: max(fo.Workers, 1), Progress: fo.Progress,
	})
	if err != nil {
		return err
	}
	params := Params{}
	best := math.Inf(-1)
	for _, u := range draws.U {
		k, m, delta, lnSigma, beta := p.split(u)
		params.K, params.M = append(params.K, k), append(params.M, m)
		params.SigmaObs = append(params.SigmaObs, math.Exp(lnSigma))
		params.Delta = append(params.Delta, append([]float64(nil), delta...))
		params.Beta = append(params.Beta, basis.expand(append([]float64(nil), beta...)))
		best = max(best, p.LogProb(u, nil))
	}
	f.s.Params = params
	f.foldDummy()
	f.s.Report = Report{Optimizer: sampler, Converged: true, Iterations: Chains * 2 * half, LogPosterior: best, Rows: len(p.y), Divergences: draws.Divergences}
	f.checkMixing(draws.U, half)
	return nil
}

// The checks of Vehtari, Gelman, Simpson, Carpenter and Bürkner, "Rank-normalization, folding, and localization: an
// improved R-hat", Bayesian Analysis 16 (2021): R-hat below 1.01 and 100 effective draws a chain.
const (
	maxRHat = 1.01
	minESS  = 100 * Chains
)

// checkMixing says in the report how well the chains agree.
func (f *Fitted) checkMixing(draws [][]float64, perChain int) {
	r := &f.s.Report
	r.MaxRHat, r.MinESS = 1, math.Inf(1)
	if perChain >= 4 {
		for j := range draws[0] {
			chains := make([][]float64, Chains)
			for c := range chains {
				for d := range perChain {
					chains[c] = append(chains[c], draws[c*perChain+d][j])
				}
			}
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

// scatter returns a start for each chain, drawn around the centre twice as wide as the covariance, so that chains that
// agree in the end have come from different places.
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

// precision returns J'J of the model's derivatives by k, m, delta and beta at x (in that order), the others left out.
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

// covariance guesses the posterior's covariance from the curvature at a maximum: of the sum of squares, of the normal
// priors, and for a rate change that of a normal whose variance is 2 tau² + tau |delta|: the mean of the variance that
// makes a Laplace variable a mixture of normals, given where it is.
func (p *posterior) covariance(x *mode) (*mat.SymDense, error) {
	s, dim := len(p.c), p.Dim()
	w := 1 / (x.sigma * x.sigma)
	g := p.gramAt(x)
	h := mat.NewSymDense(dim, nil)
	place := func(i int) int { // of the Gram matrix in the vector of parameters, which has ln sigma in between
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
		if _, ok := err.(mat.Condition); !ok {
			return nil, errNotFinite("the curvature of the posterior at its maximum has no inverse")
		}
	}
	return cov, nil
}

// densities returns what gives each chain its density: with linear or flat growth and additive terms one that costs
// the same whatever the number of rows.
func (p *posterior) densities(peak *mode) func() stan.Density {
	if p.anyMul || p.growth == Logistic {
		return func() stan.Density {
			q := p.clone()
			q.jacobian = true
			return q
		}
	}
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
	return func() stan.Density {
		return &quadratic{p: p, g: g, center: center, proj: proj, sse: sse, d: make([]float64, len(center)), gd: make([]float64, len(center))}
	}
}

// priorGradient is the derivative of the log prior by parameter i of k, m, delta, beta.
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

// quadratic is the density to sample from where mu is linear in the parameters: the sum of squares is a parabola
// around the maximum, sse - 2 proj'd + d'Gd with d the distance from it.
type quadratic struct {
	p            *posterior
	g            *mat.SymDense
	center, proj []float64
	sse          float64
	d, gd        []float64
}

// Dim implements stan.Density.
func (q *quadratic) Dim() int { return q.p.Dim() }

// LogProb implements stan.Density.
func (q *quadratic) LogProb(u, grad []float64) float64 {
	p := q.p
	k, m, delta, lnSigma, beta := p.split(u)
	s := len(p.c)
	copy(q.d, u[:2+s])
	copy(q.d[2+s:], beta)
	floats.Sub(q.d, q.center)
	blas64.Symv(1, q.g.RawSymmetric(), blas64.Vector{N: len(q.d), Inc: 1, Data: q.d}, 0, blas64.Vector{N: len(q.d), Inc: 1, Data: q.gd})
	sse := max(q.sse-2*floats.Dot(q.proj, q.d)+floats.Dot(q.d, q.gd), 0)
	n := float64(len(p.y))
	sigma := math.Exp(lnSigma)
	w := 1 / (sigma * sigma)
	lp := -n*lnSigma - sse*w/2 - 2*sigma*sigma + p.logPrior(k, m, delta, beta) + lnSigma
	if grad == nil {
		return lp
	}
	for i := range q.d {
		at, v := i, 0.0
		if i >= 2+s {
			at++
		}
		v = u[at]
		grad[at] = w*(q.proj[i]-q.gd[i]) + p.priorGradient(i, v)
	}
	grad[2+s] = -n + sse*w - 4*sigma*sigma + 1
	return lp
}
