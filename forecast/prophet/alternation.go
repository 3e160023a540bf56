package prophet

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
)

const maxSigmaSteps = 2000

// alternate finds the maximum of a posterior whose model is linear in its parameters.
func (p *posterior) alternate(ctx context.Context, limit int) (*mode, error) {
	smooth, kinked := p.blocks()
	a := &alternation{p: p, eq: newNormalEquations(len(smooth), len(kinked), p.ridge(), 1/p.tau), smoothX: smooth, kinkedX: kinked, y: p.y,
		residuals: func(x *mode) []float64 {
			p.residuals(x.k, x.m, x.delta, x.beta)
			return p.r
		}}
	return a.run(ctx, 0, limit)
}

// alternation solves for the parameters and for sigma in turn, on given columns. Once sigma is nearly known, the equations
// are centred on the last solution, with its residuals in place of y: rounding errors are then relative to the remaining
// correction and not to y, which matters if y varies by millionths. Directions that are too weak compared with the others
// to be resolved in floating point are damped and need more steps.
type alternation struct {
	p                *posterior
	eq               *normalEquations
	smoothX, kinkedX [][]float64
	y                []float64
	residuals        func(*mode) []float64 // computes a solution's residuals from the rows
	hasGram          bool                  // eq has the matrices of the columns

	smooth, kinked []float64 // the last solution
	base, target   []float64 // the solution the equations are centred on, nil at first; y of the right-hand side
	damp           float64
	still          int     // steps in a row without progress
	reached        float64 // log posterior of the last step with progress
}

// run takes at most limit steps from a sigma above the solution's; 0 means the sigma without any parameters.
func (a *alternation) run(ctx context.Context, sigma float64, limit int) (*mode, error) {
	a.eq.stop = func() bool { return ctx.Err() != nil }
	if !a.hasGram {
		a.eq.gram(a.smoothX, a.kinkedX, a.p.start)
	}
	a.eq.right(a.smoothX, a.kinkedX, a.p.start, a.y)
	a.smooth, a.kinked, a.reached = make([]float64, a.eq.b), make([]float64, a.eq.s), math.Inf(-1)
	if sigma == 0 {
		sigma = bestSigma(len(a.y), floats.Dot(a.y, a.y))
	}
	if limit <= 0 || limit > maxSigmaSteps {
		limit = maxSigmaSteps
	}
	for step := 1; ; step++ {
		if err := a.solve(ctx, sigma); err != nil {
			return nil, err
		}
		x := a.p.unpack(a.smooth, a.kinked)
		x.iterations = step
		r := a.residuals(x)
		change := a.score(x, r, sigma)
		if x.sigma < 1e-6 {
			// Once sigma collapses, one more step would give the rows so much weight that the priors are lost in rounding.
			sigma = max(x.sigma, sigma/10)
		} else {
			sigma = x.sigma
		}
		switch {
		case x.sigma <= minSigma:
			x.status = statusPerfect
			return x, nil
		case a.base != nil && (a.still >= 2 && a.damp == 0 || a.still >= 30):
			x.status, x.converged = statusConverged, true
			if a.p.perfect(x) {
				x.status, x.converged = statusPerfect, false
			}
			return x, nil
		case step == limit:
			x.status = statusLimit
			return x, nil
		}
		if a.base != nil || change <= 1e-6 || a.damp != 0 || x.sigma < 1e-6 {
			a.centre(r)
		}
	}
}

// solve finds the parameters given sigma, and adds damping while the equations are not positive definite.
func (a *alternation) solve(ctx context.Context, sigma float64) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.base != nil {
			clear(a.smooth)
		}
		if a.eq.solve(1/(sigma*sigma), a.damp, a.base, a.smooth, a.kinked) {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.damp = max(10*a.damp, 1e-16); a.damp > 1e-6 {
			return errNotFinite("the equations of the fit are not positive definite")
		}
	}
	if a.base != nil {
		floats.Add(a.smooth, a.base)
	}
	return nil
}

// score sets the sigma and log posterior of a solution with residuals r, counts steps without progress, and returns the
// absolute change of log sigma since the last solution.
func (a *alternation) score(x *mode, r []float64, last float64) (change float64) {
	n := len(a.y)
	squares := floats.Dot(r, r)
	x.sigma = bestSigma(n, squares)
	change = math.Abs(math.Log(x.sigma / last))
	x.logProb = profile(n, squares, a.p.logPrior(x.k, x.m, x.delta, x.beta))
	// Residuals are differences of numbers around 1, so the relative rounding error of sigma grows as sigma shrinks.
	noise := max(1e-13, 16*epsilon/x.sigma)
	if change < noise && x.logProb < a.reached+float64(n)*noise {
		a.still++
	} else {
		a.still, a.reached = 0, x.logProb
	}
	return change
}

// centre centres the equations on the last solution, whose residuals are r.
func (a *alternation) centre(r []float64) {
	if a.base == nil {
		a.base, a.target = make([]float64, a.eq.b), make([]float64, len(a.y))
	}
	copy(a.base, a.smooth)
	copy(a.target, r)
	for j, d := range a.kinked {
		if d != 0 {
			floats.AddScaled(a.target, d, a.kinkedX[j])
		}
	}
	a.eq.right(a.smoothX, a.kinkedX, a.p.start, a.target)
}
