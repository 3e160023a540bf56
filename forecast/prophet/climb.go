package prophet

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
)

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

	trySmooth, tryKinked   []float64 // the candidate point
	stepSmooth, stepKinked []float64 // the step to the solution
	nextSmooth, nextKinked []float64 // the best point on it
	target                 []float64
	damp                   float64
	small                  int // consecutive steps with a negligible gain
}

// climb maximises from a start in at most limit steps.
func (p *posterior) climb(ctx context.Context, start *mode, limit int) (*mode, error) {
	c, err := newClimb(ctx, p, start)
	if err != nil {
		return nil, err
	}
	for step := 1; step <= limit; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sigma := bestSigma(len(p.y), c.squares)
		if sigma <= minSigma {
			return c.finish(step, statusPerfect, false), nil
		}
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
	c.stepSmooth, c.stepKinked = make([]float64, b), make([]float64, s)
	c.nextSmooth, c.nextKinked = make([]float64, b), make([]float64, s)
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

// linearise sets up the equations for the model linearised at the current point, whose smooth parameters they are centred
// on: y - mu(x) = J (x' - x). So J times the step of the smooth block and J x' of the kinked one are fitted to the residuals
// + J x of the kinked one. Rounding errors are then relative to the step and not to y.
func (c *climb) linearise() {
	p, x := c.p, c.x
	p.residuals(x.k, x.m, x.delta, x.beta)
	c.jac.fill(p, x)
	c.eq.gram(c.jac.smooth, c.jac.kinked, p.start)
	copy(c.target, p.r)
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
	for try := 0; try < 40 && ctx.Err() == nil; try++ {
		clear(c.trySmooth)
		copy(c.tryKinked, c.kinked)
		if c.eq.solve(w, c.damp, c.smooth, c.trySmooth, c.tryKinked) {
			if at := c.search(); at > 0 {
				switch {
				case at < 0.3:
					c.damp = max(4*c.damp, 1e-6)
				case c.damp < 1e-15:
					c.damp = 0
				default:
					c.damp /= 8
				}
				return true
			}
		}
		if curved {
			p.residuals(c.x.k, c.x.m, c.x.delta, c.x.beta)
			c.addCurvature(+1)
			curved = false
			continue
		}
		c.damp = max(8*c.damp, 1e-14)
		if c.damp > 1e8 {
			break
		}
	}
	return false
}

// search looks for a better point on the line from the current point to trySmooth, a step from it, and tryKinked. From the
// first better one it goes on while the point gets better: outwards if the whole step was an improvement, else inwards.
// It moves there and returns how much of the step it took, 0 if no point is better.
func (c *climb) search() float64 {
	stepSmooth, stepKinked := c.stepSmooth, c.stepKinked
	copy(stepSmooth, c.trySmooth)
	floats.SubTo(stepKinked, c.tryKinked, c.kinked)
	from := c.best
	best, at := c.best, 0.0
	var found climbPoint
	for alpha, factor := 1.0, 0.5; alpha > 1e-3 && alpha < 1e3; alpha *= factor {
		if alpha != 1 { // at 1 tryKinked has the exact zeros of the solution
			floats.AddScaledTo(c.tryKinked, c.kinked, alpha, stepKinked)
		}
		floats.AddScaledTo(c.trySmooth, c.smooth, alpha, stepSmooth)
		logProb, squares, x := c.value(c.trySmooth, c.tryKinked)
		if !(logProb > best) {
			if at != 0 {
				break
			}
			continue
		}
		if alpha == 1 {
			factor = 2
		}
		best, at, found = logProb, alpha, climbPoint{squares, x}
		copy(c.nextSmooth, c.trySmooth)
		copy(c.nextKinked, c.tryKinked)
	}
	if at == 0 {
		return 0
	}
	c.best, c.squares, c.x = best, found.squares, found.x
	c.smooth, c.nextSmooth = c.nextSmooth, c.smooth
	c.kinked, c.nextKinked = c.nextKinked, c.kinked
	if best-from < 1e-11*(1+math.Abs(best)) {
		c.small++
	} else {
		c.small = 0
	}
	return at
}

type climbPoint struct {
	squares float64
	x       *mode
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
	if c.p.perfect(x) {
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
			eq.cs[col] += d * c.kinked[i]
		}
	}
}
