package prophet

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// gibbs samples a posterior whose mu is linear in the parameters with the Gibbs sampler of Park and Casella, "The Bayesian
// Lasso", JASA 103 (2008). A Laplace prior is a mixture of normals: given its variances, all coefficients are jointly
// normal; given the coefficients, the inverse variances are inverse Gaussian. sigma² is inverse gamma except for the
// half-normal prior, which a rejection step accounts for. A sweep costs the same whatever the number of rows, and there is
// no step size, which the kinks of the Laplace prior keep small in a gradient-based sampler.
type gibbs struct {
	p      *posterior
	q      *quadratic // the sum of squares
	right  []float64  // J'y
	ridge  []float64  // inverse prior variances of k, m, (delta), beta
	sweeps int        // per kept draw
}

// gibbsSweeps is the number of sweeps per draw: enough for neighbouring draws to be nearly independent (with 10, each draw
// on the original's examples is worth 0.5 to 1 independent draws).
const gibbsSweeps = 10

func newGibbs(p *posterior, q *quadratic) *gibbs {
	s := len(p.c)
	g := &gibbs{p: p, q: q, sweeps: gibbsSweeps, right: make([]float64, len(q.center)), ridge: make([]float64, len(q.center))}
	// J'y = J'r + J'J theta at the maximum.
	blas64.Symv(1, q.g.RawSymmetric(), blas64.Vector{N: len(q.center), Inc: 1, Data: q.center}, 0, blas64.Vector{N: len(q.center), Inc: 1, Data: g.right})
	floats.Add(g.right, q.proj)
	for i := range g.ridge {
		switch {
		case i < 2:
			g.ridge[i] = 1.0 / 25
		case i >= 2+s:
			g.ridge[i] = 1 / (p.prior[i-2-s] * p.prior[i-2-s])
		}
	}
	return g
}

// run draws chains*draws vectors of parameters after warm-up, chain by chain. Each chain has its own stream of random
// numbers, so the number of workers does not change the draws.
func (g *gibbs) run(ctx context.Context, inits [][]float64, warmup, draws, workers int, seed uint64, progress func(done, total int)) ([][]float64, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	out := make([][]float64, len(inits)*draws)
	errs := make([]error, len(inits))
	total, count := len(inits)*(warmup+draws), 0
	var mu sync.Mutex // guards count and progress
	tick := func() {
		mu.Lock()
		defer mu.Unlock()
		if count++; progress != nil {
			progress(count, total)
		}
	}
	free := make(chan struct{}, workers)
	var wg sync.WaitGroup
	for c, init := range inits {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			rng := rand.New(rand.NewPCG(seed, 0x2545f4914f6cdd1d+uint64(c)))
			chain := g.chain(init, rng)
			for i := range warmup + draws {
				for range g.sweeps {
					if errs[c] = ctx.Err(); errs[c] == nil && !chain.sweep() {
						errs[c] = etf.Invalid("mcmc_samples", "the posterior can't be sampled: its precision is not positive definite", "give more rows, or leave out mcmc_samples")
					}
					if errs[c] != nil {
						stop()
						return
					}
				}
				if i >= warmup {
					out[c*draws+i-warmup] = chain.vector()
				}
				tick()
			}
		})
	}
	wg.Wait()
	// The chain that failed returns the cause; the others return only that they were cancelled.
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return nil, err
		}
	}
	return out, errors.Join(errs...)
}

// gibbsChain is the state of a chain.
type gibbsChain struct {
	g         *gibbs
	rng       *rand.Rand
	theta     []float64 // k, m, delta, beta
	sigma     float64
	precision []float64 // inverse variance of each rate change
	h, b      []float64
	d, gd     []float64
}

func (g *gibbs) chain(init []float64, rng *rand.Rand) *gibbsChain {
	n, s := len(g.q.center), len(g.p.c)
	k, m, delta, lnSigma, beta := g.p.split(init)
	c := &gibbsChain{g: g, rng: rng, sigma: math.Exp(lnSigma), precision: make([]float64, s), h: make([]float64, n*n), b: make([]float64, n), d: make([]float64, n), gd: make([]float64, n)}
	c.theta = append(append(append(c.theta, k, m), delta...), beta...)
	c.mix()
	return c
}

func (c *gibbsChain) vector() []float64 {
	s := len(c.g.p.c)
	out := append([]float64(nil), c.theta[:2+s]...)
	return append(append(out, math.Log(c.sigma)), c.theta[2+s:]...)
}

func (c *gibbsChain) sweep() bool {
	if !c.coefficients() {
		return false
	}
	c.mix()
	return c.noise()
}

// coefficients draws k, m, delta and beta together.
func (c *gibbsChain) coefficients() bool {
	g, n := c.g, len(c.theta)
	w := 1 / (c.sigma * c.sigma)
	gram := g.q.g.RawSymmetric()
	for i := range n {
		for j := i; j < n; j++ {
			c.h[i*n+j] = w * gram.Data[i*gram.Stride+j]
		}
		c.h[i*n+i] += g.ridge[i]
		c.b[i] = w * g.right[i]
	}
	for j, v := range c.precision {
		c.h[(2+j)*n+2+j] += v
	}
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: n, Stride: n, Data: c.h, Uplo: blas.Upper}); !ok {
		return false
	}
	upper := blas64.Triangular{N: n, Stride: n, Data: c.h, Uplo: blas.Upper, Diag: blas.NonUnit}
	b := blas64.Vector{N: n, Inc: 1, Data: c.b}
	blas64.Trsv(blas.Trans, upper, b)
	for i := range c.b { // U theta = U^-T b + z has mean H^-1 b and covariance H^-1
		c.b[i] += c.rng.NormFloat64()
	}
	blas64.Trsv(blas.NoTrans, upper, b)
	copy(c.theta, c.b)
	return true
}

// mix draws the inverse variances of the rate changes.
func (c *gibbsChain) mix() {
	lambda := 1 / (c.g.p.tau * c.g.p.tau)
	for j := range c.precision {
		c.precision[j] = inverseGaussian(c.rng, 1/(c.g.p.tau*max(math.Abs(c.theta[2+j]), 1e-100)), lambda)
	}
}

// inverseGaussian draws by the method of Michael, Schucany and Haas (The American Statistician 30, 1976), with the
// smaller root computed without cancellation for large means.
func inverseGaussian(rng *rand.Rand, mean, shape float64) float64 {
	z := rng.NormFloat64()
	a := mean * z * z / (2 * shape)
	x := mean / (1 + a + math.Sqrt(a)*math.Sqrt(2+a))
	if math.IsInf(a, 1) {
		x = shape / (z * z)
	}
	if rng.Float64()*(mean+x) > mean {
		return mean * (mean / x)
	}
	return x
}

// noise draws sigma.
func (c *gibbsChain) noise() bool {
	q, n := c.g.q, len(c.g.p.y)
	sse := q.at(c.theta, c.d, c.gd)
	if !(sse > 0) {
		sse = minSigma * minSigma
	}
	inverse := distuv.Gamma{Alpha: float64(n-1) / 2, Beta: sse / 2, Src: c.rng}
	for range 10_000 {
		v := 1 / inverse.Rand()
		if c.rng.Float64() < math.Exp(-2*v) {
			c.sigma = max(math.Sqrt(v), minSigma)
			return true
		}
	}
	return false
}
