package prophet

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
)

const maxNewtonSteps = 300

// climb is a proximal Newton method. Each step solves the model linearised at the current parameters exactly, searches
// along the line to that solution, and adds damping if the search finds nothing better.
type climb struct {
	p   *posterior
	eq  *normalEquations
	jac *jacobian
	// The current point: the parameters as a mode and in the order of blocks, log posterior and sum of squares.
	x              *mode
	smooth, kinked []float64
	best, squares  float64

	trySmooth, tryKinked []float64 // the candidate point
	target               []float64
	damp                 float64
	small                int // consecutive steps with a negligible gain
}

// climb maximises from a start in at most limit steps.
func (p *posterior) climb(ctx context.Context, start *mode, limit int) (*mode, error) {
	c, err := newClimb(ctx, p, start)
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxNewtonSteps {
		limit = maxNewtonSteps
	}
	for step := 1; step <= limit; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sigma := bestSigma(len(p.y), c.squares)
		w := 1 / (sigma * sigma)
		c.linearise()
		improved := c.advance(ctx, w)
		switch {
		case !improved && c.small > 0, c.small >= 3:
			return c.finish(step, statusConverged, true), nil
		case !improved && c.subgradient() <= 1e-5*(1+w):
			return c.finish(step, statusConverged, true), nil
		case !improved:
			return c.finish(step, statusNoStep, false), nil
		}
	}
	return c.finish(limit, statusLimit, false), nil
}

func newClimb(ctx context.Context, p *posterior, start *mode) (*climb, error) {
	c := &climb{p: p}
	c.smooth, c.kinked = p.pack(start)
	n, b, s := len(p.y), len(c.smooth), len(c.kinked)
	c.eq = newNormalEquations(b, s, p.ridge(), 1/p.tau)
	c.eq.stop = func() bool { return ctx.Err() != nil }
	c.jac = newJacobian(n, b, s)
	c.trySmooth, c.tryKinked, c.target = make([]float64, b), make([]float64, s), make([]float64, n)
	c.best, c.squares, c.x = c.value(c.smooth, c.kinked)
	if math.IsNaN(c.best) || math.IsInf(c.best, 0) {
		return nil, errNotFinite("the posterior is not finite at the start")
	}
	return c, nil
}

// value returns the log posterior of parameters at their best sigma, their sum of squares, and the parameters as a mode.
func (c *climb) value(smooth, kinked []float64) (logProb, squares float64, x *mode) {
	p := c.p
	x = p.unpack(smooth, kinked)
	squares = p.residuals(x.k, x.m, x.delta, x.beta)
	return profile(len(p.y), squares, p.logPrior(x.k, x.m, x.delta, x.beta)), squares, x
}

// linearise sets up the equations for the model linearised at the current point: y - mu(x) = J (x' - x), so J x' is
// fitted to the residuals + J x.
func (c *climb) linearise() {
	p, x := c.p, c.x
	p.residuals(x.k, x.m, x.delta, x.beta)
	c.jac.fill(p, x)
	c.eq.gram(c.jac.smooth, c.jac.kinked, p.start)
	copy(c.target, p.r)
	for j, v := range c.smooth {
		floats.AddScaled(c.target, v, c.jac.smooth[j])
	}
	for j, v := range c.kinked {
		floats.AddScaled(c.target, v, c.jac.kinked[j])
	}
	c.eq.right(c.jac.smooth, c.jac.kinked, p.start, c.target)
}

// advance solves the equations with the sum of squares weighted by w and moves towards the solution, first with the true
// second derivatives, then without them and with increasing damping. It reports whether it found better parameters.
func (c *climb) advance(ctx context.Context, w float64) bool {
	p := c.p
	curved := p.anyMul && p.growth != Logistic && c.damp == 0
	if curved {
		c.addCurvature(-1)
	}
	for try := 0; try < 30 && ctx.Err() == nil; try++ {
		copy(c.trySmooth, c.smooth)
		copy(c.tryKinked, c.kinked)
		if c.eq.solve(w, c.damp, nil, c.trySmooth, c.tryKinked) && c.search() {
			c.damp /= 8
			if c.damp < 1e-9 {
				c.damp = 0
			}
			return true
		}
		if curved {
			p.residuals(c.x.k, c.x.m, c.x.delta, c.x.beta)
			c.addCurvature(+1)
			curved = false
			continue
		}
		c.damp = max(8*c.damp, 1e-8)
		if c.damp > 1e8 {
			break
		}
	}
	return false
}

// search backtracks from trySmooth and tryKinked to the current point, halving the distance each time. It moves to the
// first better point and reports whether there is one.
func (c *climb) search() bool {
	for alpha := 1.0; alpha > 1e-3; alpha /= 2 {
		if alpha < 1 {
			for j := range c.trySmooth {
				c.trySmooth[j] = c.smooth[j] + (c.trySmooth[j]-c.smooth[j])/2
			}
			for j := range c.tryKinked {
				c.tryKinked[j] = c.kinked[j] + (c.tryKinked[j]-c.kinked[j])/2
			}
		}
		logProb, squares, x := c.value(c.trySmooth, c.tryKinked)
		if !(logProb > c.best) {
			continue
		}
		gain := logProb - c.best
		c.best, c.squares, c.x = logProb, squares, x
		copy(c.smooth, c.trySmooth)
		copy(c.kinked, c.tryKinked)
		if gain < 1e-11*(1+math.Abs(c.best)) {
			c.small++
		} else {
			c.small = 0
		}
		return true
	}
	return false
}

// subgradient is the posterior's subgradient at the current point.
func (c *climb) subgradient() float64 {
	x := *c.x
	x.sigma = bestSigma(len(c.p.y), c.squares)
	return c.p.subgradient(c.p.vector(&x))
}

// finish returns the current point as a result.
func (c *climb) finish(steps int, status string, converged bool) *mode {
	x := c.x
	x.sigma, x.logProb, x.iterations, x.status, x.converged = bestSigma(len(c.p.y), c.squares), c.best, steps, status, converged
	if x.sigma <= minSigma {
		x.status, x.converged = statusPerfect, false
	}
	return x
}

// addCurvature adds (factor +1) or subtracts (-1) the second derivatives that linearising omits with multiplicative terms:
// the trend's parameters times the coefficients, weighted by the residuals. With -1 the matrix becomes the true Hessian of
// the sum of squares. The right-hand side changes with it, so that the gradient stays the same.
func (c *climb) addCurvature(factor float64) {
	p, eq := c.p, c.eq
	first := 2 // index of the first coefficient in the smooth block
	if p.growth == Flat {
		first = 1
	}
	for j, x := range p.x {
		if !p.mul[j] {
			continue
		}
		floats.MulTo(p.gg, p.r, x)
		col := first + j
		add := func(i int, d float64) { // i < col: the trend's parameters come first
			eq.ss[i*eq.b+col] += d
			eq.cs[i] += d * c.smooth[col]
			eq.cs[col] += d * c.smooth[i]
		}
		if p.growth == Flat {
			add(0, factor*floats.Sum(p.gg))
			continue
		}
		add(0, factor*floats.Dot(p.gg, p.t))
		add(1, factor*floats.Sum(p.gg))
		var sum, moment float64
		at := len(p.t)
		for i := len(p.c) - 1; i >= 0; i-- {
			for at > p.start[i] {
				at--
				sum += p.gg[at]
				moment += p.gg[at] * p.t[at]
			}
			d := factor * (moment - p.c[i]*sum)
			eq.sk[col*eq.s+i] += d
			eq.ck[i] += d * c.smooth[col]
			eq.cs[col] += d * c.kinked[i]
		}
	}
}
