package stan

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// dualAverage adapts the logarithm of the step size so that the mean acceptance converges to delta (Hoffman and Gelman,
// The No-U-Turn Sampler, JMLR 15, 2014, section 3.2.1, with its constants, which Stan uses too).
type dualAverage struct {
	delta, mu        float64
	count, miss, avg float64
}

func newDualAverage(delta, eps float64) *dualAverage {
	return &dualAverage{delta: delta, mu: math.Log(10 * eps)}
}

// learn takes the acceptance of an iteration and returns the next step size.
func (a *dualAverage) learn(accept float64) float64 {
	const gamma, t0, kappa = 0.05, 10, 0.75
	a.count++
	eta := 1 / (a.count + t0)
	a.miss += eta * (a.delta - min(1, accept) - a.miss)
	x := a.mu - a.miss*math.Sqrt(a.count)/gamma
	a.avg += math.Pow(a.count, -kappa) * (x - a.avg)
	return math.Exp(x)
}

// final is the averaged step size, or eps if nothing was learned.
func (a *dualAverage) final(eps float64) float64 {
	if a.count == 0 {
		return eps
	}
	return math.Exp(a.avg)
}

// windows is Stan's warm-up schedule: 75 iterations for the step size alone, then windows of 25, 50, 100, ... in each of
// which the metric is learned anew, and 50 iterations for the step size again, up to which the last window is stretched.
// A warm-up of less than 150 has one window between its first 15 % and its last 10 %, one of less than 20 none.
type windows struct {
	at, from, to int // learning is from from to to-1
	end, size    int // the current window ends with iteration end
}

func newWindows(warmup int) *windows {
	const initial, base, terminal = 75, 25, 50
	w := new(windows)
	switch {
	case warmup < 20:
		w.end = -1
	case warmup < initial+base+terminal:
		w.from, w.to = int(0.15*float64(warmup)), warmup-int(0.10*float64(warmup))
		w.size = w.to - w.from
		w.end = w.to - 1
	default:
		w.from, w.to, w.size = initial, warmup-terminal, base
		w.end = w.from + w.size - 1
	}
	return w
}

// next advances by one iteration and returns whether to learn from it and whether a window ends with it.
func (w *windows) next() (learn, end bool) {
	learn = w.at >= w.from && w.at < w.to
	end = learn && w.at == w.end
	if end && w.end != w.to-1 {
		w.size *= 2
		w.end += w.size
		// If the next window would not fit, it is merged into this one.
		if w.end+2*w.size >= w.to {
			w.end = w.to - 1
		}
	}
	w.at++
	return learn, end
}

// metric is an inverse mass matrix and the estimator of the next one.
type metric interface {
	momentum(p []float64, rng *rand.Rand) // draws p ~ N(0, mass)
	velocity(v, p []float64)              // v = inverse mass * p
	add(q []float64)
	update() // adopts the covariance of what was added, and starts over
}

// shrink is Stan's: n draws are weighed against 5 of variance 1e-3.
func shrink(n float64) (data, prior float64) { return n / (n + 5), 1e-3 * 5 / (n + 5) }

type diagonalMetric struct {
	variance, scale []float64 // scale is 1/sqrt(variance)
	n               float64
	mean, square    []float64 // Welford's sums
}

func newDiagonalMetric(n int) *diagonalMetric {
	m := &diagonalMetric{variance: make([]float64, n), scale: make([]float64, n), mean: make([]float64, n), square: make([]float64, n)}
	for i := range m.variance {
		m.variance[i], m.scale[i] = 1, 1
	}
	return m
}

func (m *diagonalMetric) momentum(p []float64, rng *rand.Rand) {
	for i := range p {
		p[i] = m.scale[i] * rng.NormFloat64()
	}
}

func (m *diagonalMetric) velocity(v, p []float64) {
	for i, s := range m.variance {
		v[i] = s * p[i]
	}
}

func (m *diagonalMetric) add(q []float64) {
	m.n++
	for i, x := range q {
		d := x - m.mean[i]
		m.mean[i] += d / m.n
		m.square[i] += d * (x - m.mean[i])
	}
}

func (m *diagonalMetric) update() {
	if m.n < 2 {
		return
	}
	data, prior := shrink(m.n)
	for i, sq := range m.square {
		m.variance[i] = data*sq/(m.n-1) + prior
		m.scale[i] = 1 / math.Sqrt(m.variance[i])
	}
	m.n = 0
	clear(m.mean)
	clear(m.square)
}

type denseMetric struct {
	cov    *mat.SymDense
	upper  *mat.TriDense // cov = upper' upper
	n      float64
	mean   []float64
	d      []float64
	square *mat.SymDense
}

func newDenseMetric(n int) *denseMetric {
	m := &denseMetric{
		cov: mat.NewSymDense(n, nil), upper: mat.NewTriDense(n, mat.Upper, nil),
		mean: make([]float64, n), d: make([]float64, n), square: mat.NewSymDense(n, nil),
	}
	for i := range n {
		m.cov.SetSym(i, i, 1)
		m.upper.SetTri(i, i, 1)
	}
	return m
}

func (m *denseMetric) momentum(p []float64, rng *rand.Rand) {
	for i := range p {
		p[i] = rng.NormFloat64()
	}
	blas64.Trsv(blas.NoTrans, m.upper.RawTriangular(), blas64.Vector{N: len(p), Data: p, Inc: 1})
}

func (m *denseMetric) velocity(v, p []float64) {
	blas64.Symv(1, m.cov.RawSymmetric(), blas64.Vector{N: len(p), Data: p, Inc: 1}, 0, blas64.Vector{N: len(v), Data: v, Inc: 1})
}

func (m *denseMetric) add(q []float64) {
	m.n++
	for i, x := range q {
		m.d[i] = x - m.mean[i]
		m.mean[i] += m.d[i] / m.n
	}
	// With d from the old mean: d*(x - new mean)' = d*d' (n-1)/n.
	blas64.Syr((m.n-1)/m.n, blas64.Vector{N: len(q), Data: m.d, Inc: 1}, m.square.RawSymmetric())
}

func (m *denseMetric) update() {
	if m.n < 2 {
		return
	}
	data, prior := shrink(m.n)
	next := mat.NewSymDense(len(m.mean), nil)
	next.ScaleSym(data/(m.n-1), m.square)
	for i := range m.mean {
		next.SetSym(i, i, next.At(i, i)+prior)
	}
	m.n = 0
	clear(m.mean)
	m.square.Zero()
	var c mat.Cholesky
	if !c.Factorize(next) { // only if draws overflow; keep the old metric
		return
	}
	m.cov = next
	c.UTo(m.upper)
}

// whitened is a density seen through u = centre + Lz.
type whitened struct {
	d      Density
	centre []float64
	lower  blas64.Triangular
	u, g   []float64
}

func newWhitened(d Density, centre []float64, lower *mat.TriDense) *whitened {
	n := len(centre)
	return &whitened{d: d, centre: append([]float64(nil), centre...), lower: lower.RawTriangular(), u: make([]float64, n), g: make([]float64, n)}
}

func (w *whitened) Dim() int { return len(w.centre) }

func (w *whitened) LogProb(z, grad []float64) float64 {
	w.unwhiten(w.u, z)
	lp := w.d.LogProb(w.u, grad)
	if grad != nil {
		blas64.Trmv(blas.Trans, w.lower, blas64.Vector{N: len(grad), Data: grad, Inc: 1})
	}
	return lp
}

// unwhiten writes centre + Lz to u.
func (w *whitened) unwhiten(u, z []float64) {
	copy(u, z)
	blas64.Trmv(blas.NoTrans, w.lower, blas64.Vector{N: len(u), Data: u, Inc: 1})
	for i, c := range w.centre {
		u[i] += c
	}
}

// whiten turns u into its z in place.
func (w *whitened) whiten(u []float64) {
	for i, c := range w.centre {
		u[i] -= c
	}
	blas64.Trsv(blas.NoTrans, w.lower, blas64.Vector{N: len(u), Data: u, Inc: 1})
}
