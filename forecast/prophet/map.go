package prophet

import (
	"context"
	"math"
)

// mode is a maximum of the posterior.
type mode struct {
	k, m        float64
	delta, beta []float64
	sigma       float64
	logProb     float64
	iterations  int
	status      string
	converged   bool
}

func (p *posterior) vector(x *mode) []float64 {
	u := make([]float64, 0, p.Dim())
	u = append(u, x.k, x.m)
	u = append(u, x.delta...)
	u = append(u, math.Log(x.sigma))
	return append(u, x.beta...)
}

func (p *posterior) modeOf(u []float64) *mode {
	k, m, delta, lnSigma, beta := p.split(u)
	x := &mode{k: k, m: m, delta: append([]float64(nil), delta...), beta: append([]float64(nil), beta...), sigma: math.Exp(lnSigma)}
	x.logProb = p.LogProb(u, nil)
	return x
}

// The statuses of a maximum found by this package's own optimiser. Those of a fit that did not converge are completed by
// explain.
const (
	statusConverged = "converged: maximum of the posterior"
	statusBest      = "converged: best of %d starts"
	statusPerfect   = "no maximum"
	statusConstant  = "converged: y is constant, nothing to fit"
	statusLimit     = "stopped: iteration limit"
	statusNoStep    = "stopped: no step improves the posterior in floating point"
)

// epsilon is the distance from 1 to the next float64.
const epsilon = 0x1p-52

// linear reports whether the model is linear in its parameters: given sigma, the posterior is then concave.
func (p *posterior) linear() bool { return !p.anyMul && p.growth != Logistic }

// maximise finds the maximum of the posterior. If the model is linear in its parameters, these are given sigma a convex
// least-squares problem with a kink, which is solved exactly, and sigma given the parameters has a closed form. Iterating
// the two from a large sigma descends to the largest sigma that is consistent with its own residuals: the mode that a
// search from the priors finds. (With fewer rows than parameters the density grows without bound as sigma goes to 0; that
// is not a mode.) Otherwise the posterior may have several maxima, and the best is taken of those that a proximal Newton
// method finds from several starts.
func (p *posterior) maximise(ctx context.Context, start *mode, limit int) (*mode, error) {
	if p.linear() {
		return p.alternate(ctx, limit)
	}
	s := &multistart{p: p, start: start, limit: limit}
	return s.run(ctx)
}

// blocks returns the columns of the linear model: smooth are t (left out with flat growth, whose rate is 0), 1 and the
// features; kinked are the hinges max(0, t-c).
func (p *posterior) blocks() (smooth, kinked [][]float64) {
	n := len(p.t)
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	if p.growth != Flat {
		smooth = append(smooth, p.t)
		block := make([]float64, len(p.c)*n)
		for j, c := range p.c {
			h := block[j*n : (j+1)*n : (j+1)*n]
			for i := p.start[j]; i < n; i++ {
				h[i] = p.t[i] - c
			}
			kinked = append(kinked, h)
		}
	}
	smooth = append(smooth, ones)
	return append(smooth, p.x...), kinked
}

// ridge returns the inverse prior variance of each smooth parameter, in the order of blocks.
func (p *posterior) ridge() []float64 {
	const trend = 1.0 / 25 // k and m are N(0, 5)
	out := make([]float64, 0, 2+len(p.x))
	if p.growth != Flat {
		out = append(out, trend)
	}
	out = append(out, trend)
	for _, prior := range p.prior {
		out = append(out, 1/(prior*prior))
	}
	return out
}

// pack returns the parameters in the order of blocks; unpack builds a mode from them.
func (p *posterior) pack(x *mode) (smooth, kinked []float64) {
	if p.growth != Flat {
		smooth = append(smooth, x.k)
		kinked = append(kinked, x.delta...)
	}
	return append(append(smooth, x.m), x.beta...), kinked
}

func (p *posterior) unpack(smooth, kinked []float64) *mode {
	x := &mode{delta: make([]float64, len(p.c)), beta: make([]float64, len(p.x))}
	if p.growth != Flat {
		x.k, smooth = smooth[0], smooth[1:]
		copy(x.delta, kinked)
	}
	x.m = smooth[0]
	copy(x.beta, smooth[1:])
	for j, none := range p.none {
		if none {
			x.beta[j] = 0
		}
	}
	return x
}
