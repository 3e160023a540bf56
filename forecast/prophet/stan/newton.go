package stan

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/etfcast/etfcast/etf"
)

// NewtonOptions tune Newton.
type NewtonOptions struct {
	MaxIterations int // 0 = 10000, Prophet's
}

// Constants of Stan's Newton optimiser.
const (
	hessianStep   = 1e-3
	newtonTol     = 1e-8  // it stops at an improvement of the log density up to this
	newtonMinStep = 1e-50 // halving ends here
)

// Newton maximises a log density by Newton's method as Stan does: a Hessian by four-point central differences of the
// gradient, a direction with the absolute values of its eigenvalues, and a step that starts at 1 and is halved until
// the log density does not fall. It stops when an iteration changes the log density by at most 1e-8.
//
// One quirk of Stan is kept: the differences are multiplied by h/2 where 1/(2h) would be right, so with h = 1e-3 the
// Hessian is 1e-6 of the true one, the raw step is a million times too long and the halving chooses its length. The quirk
// decides where the method stops, so it is needed to match Stan's numbers. One iteration costs 4*Dim+1 evaluations, an
// eigendecomposition and the halvings (usually 20).
//
// Errors are of KindInvalid for an invalid start and for options out of range, or else ctx's error, returned with the
// last point accepted.
func Newton(ctx context.Context, d Density, init []float64, o NewtonOptions) (Result, error) {
	if o.MaxIterations == 0 {
		o.MaxIterations = 10000
	}
	if o.MaxIterations < 0 {
		return Result{}, etf.Invalid("max_iterations", fmt.Sprintf("%d is negative", o.MaxIterations), "use 10000")
	}
	if err := checkStart(d, init); err != nil {
		return Result{}, err
	}
	n := d.Dim()
	block := make([]float64, 6*n)
	x, next, g, gd, proj, dir := block[:n:n], block[n:2*n:2*n], block[2*n:3*n:3*n], block[3*n:4*n:4*n], block[4*n:5*n:5*n], block[5*n:]
	copy(x, init)
	h := mat.NewSymDense(n, nil)
	r := Result{U: x}
	eval := func(u, grad []float64) float64 {
		r.Evaluations++
		return d.LogProb(u, grad)
	}
	r.LogProb = eval(x, g)
	if !finite(r.LogProb) || !allFinite(g) {
		return Result{}, errStart(r.LogProb)
	}
	var eig mat.EigenSym
	var vectors mat.Dense
	var values []float64
	for {
		if err := ctx.Err(); err != nil {
			r.Status = Cancelled
			return r, err
		}
		if r.Iterations >= o.MaxIterations {
			r.Status = MaxIterationsReached
			return r, nil
		}
		r.Iterations++
		if r.Iterations > 1 {
			eval(x, g)
		}
		if !scaledHessian(eval, x, gd, h) || !eig.Factorize(h, true) {
			r.Status = NoAscent
			return r, nil
		}
		values = eig.Values(values)
		eig.VectorsTo(&vectors)
		newtonDirection(dir, proj, &vectors, values, g)
		if !allFinite(dir) {
			r.Status = NoAscent
			return r, nil
		}
		lp, moved := r.LogProb, false
		for step := 1.0; step >= newtonMinStep; step /= 2 {
			for i := range x {
				next[i] = x[i] + step*dir[i]
			}
			if v := eval(next, nil); finite(v) && v >= r.LogProb {
				lp, moved = v, true
				break
			}
		}
		if !moved {
			r.Status = NoAscent
			return r, nil
		}
		copy(x, next)
		gain := math.Abs(lp - r.LogProb)
		r.LogProb = lp
		if gain <= newtonTol {
			r.Status, r.Converged = ConvergedObjective, true
			return r, nil
		}
	}
}

// scaledHessian writes h² times the Hessian at x, the quirk of Newton. x is changed and restored, gd is scratch. It
// returns false if a gradient is not finite.
func scaledHessian(eval func(u, grad []float64) float64, x, gd []float64, h *mat.SymDense) bool {
	h.Zero()
	n := len(x)
	for i := range n {
		at := x[i]
		for _, p := range [4]struct{ shift, weight float64 }{{-2, 1. / 12}, {-1, -2. / 3}, {1, 2. / 3}, {2, -1. / 12}} {
			x[i] = at + p.shift*hessianStep
			eval(x, gd)
			if !allFinite(gd) {
				x[i] = at
				return false
			}
			w := hessianStep / 2 * p.weight
			for j, v := range gd {
				v *= w
				if i == j {
					v *= 2
				}
				h.SetSym(i, j, h.At(i, j)+v)
			}
		}
		x[i] = at
	}
	return true
}

// newtonDirection solves |H| dir = g, where |H| has the eigenvectors of H and the absolute values of its eigenvalues.
func newtonDirection(dir, proj []float64, vectors *mat.Dense, values, g []float64) {
	n := len(g)
	p := mat.NewVecDense(n, proj)
	p.MulVec(vectors.T(), mat.NewVecDense(n, g))
	for i, v := range values {
		proj[i] /= math.Abs(v)
	}
	mat.NewVecDense(n, dir).MulVec(vectors, p)
}
