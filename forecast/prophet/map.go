package prophet

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
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

// The statuses of a maximum found by this package's own method.
const (
	statusConverged = "converged: maximum of the posterior"
	statusPerfect   = "no maximum: the model can meet every row, sigma is at its floor; give more rows or smaller prior scales"
	statusConstant  = "converged: y is constant, nothing to fit"
	statusLimit     = "stopped: iteration limit"
	statusNoStep    = "stopped: no step improves the posterior in floating point"
)

// epsilon is the distance from 1 to the next float64.
const epsilon = 0x1p-52

const (
	maxSigmaSteps  = 2000
	maxNewtonSteps = 300
)

// maximise finds the maximum of the posterior. With linear or flat growth and additive terms only, the parameters
// given sigma are a convex least-squares problem with a kink, which is solved exactly, and sigma given the rest is a
// formula; iterating the two from large sigma goes down to the largest sigma that fits its own residuals. That is the
// mode a search that starts from the priors finds. (Where rows are fewer than parameters the density grows beyond
// bounds as sigma goes to 0; that is not a mode.) Otherwise the same problem is solved for the model linearised
// at the current parameters, with a line search: a proximal Newton method.
func (p *posterior) maximise(ctx context.Context, starts []*mode, limit int) (*mode, error) {
	if !p.anyMul && p.growth != Logistic {
		return p.alternate(ctx, limit)
	}
	var best *mode
	for _, start := range starts {
		x, err := p.newtonFrom(ctx, start, limit)
		if err != nil {
			return nil, err
		}
		if best == nil || x.logProb > best.logProb {
			best = x
		}
	}
	return best, nil
}

// blocks returns the columns of the linear model: t (left out with flat growth, whose rate is 0), 1, the features; and
// the hinges max(0, t-c).
func (p *posterior) blocks() (smooth, kinked [][]float64, ridge []float64) {
	n := len(p.t)
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	if p.growth != Flat {
		smooth, ridge = append(smooth, p.t), append(ridge, 1.0/25)
		block := make([]float64, len(p.c)*n)
		for j, c := range p.c {
			h := block[j*n : (j+1)*n : (j+1)*n]
			for i := p.start[j]; i < n; i++ {
				h[i] = p.t[i] - c
			}
			kinked = append(kinked, h)
		}
	}
	smooth, ridge = append(smooth, ones), append(ridge, 1.0/25)
	for j, x := range p.x {
		smooth, ridge = append(smooth, x), append(ridge, 1/(p.prior[j]*p.prior[j]))
	}
	return smooth, kinked, ridge
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

func (p *posterior) alternate(ctx context.Context, limit int) (*mode, error) {
	smooth, kinked, ridge := p.blocks()
	eq := newNormalEquations(len(smooth), len(kinked), ridge, 1/p.tau)
	return p.alternateOn(ctx, eq, smooth, kinked, p.y, 0, limit, func(x *mode) []float64 {
		p.residuals(x.k, x.m, x.delta, x.beta)
		return p.r
	})
}

// alternateOn solves for the parameters and for sigma in turn, on given columns, from a sigma above the solution's on (0
// = that of no parameters); residuals tells those of a solution,
// computed from the rows. Once sigma is nearly known the equations are set up anew around the last solution, with its
// residuals in place of y: their rounding is then a part of what is left to correct and not of y, which matters where
// y varies by millionths. Directions too weak beside the others to be told apart in floating point are damped, and
// found in more steps.
func (p *posterior) alternateOn(ctx context.Context, eq *normalEquations, smoothX, kinkedX [][]float64, y []float64, sigma float64, limit int, residuals func(*mode) []float64) (*mode, error) {
	eq.stop = func() bool { return ctx.Err() != nil }
	eq.gram(smoothX, kinkedX, p.start)
	eq.right(smoothX, kinkedX, p.start, y)
	smooth, kinked := make([]float64, eq.b), make([]float64, eq.s)
	var base, target []float64
	n := len(y)
	if sigma == 0 {
		sigma = bestSigma(n, floats.Dot(y, y))
	}
	var x *mode
	if limit <= 0 || limit > maxSigmaSteps {
		limit = maxSigmaSteps
	}
	damp, still, reached := 0.0, 0, math.Inf(-1)
	for step := 1; ; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if base != nil {
			clear(smooth)
		}
		for !eq.solve(1/(sigma*sigma), damp, base, smooth, kinked) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if damp = max(10*damp, 1e-16); damp > 1e-6 {
				return nil, errNotFinite("the equations of the fit are not positive definite")
			}
			if base != nil {
				clear(smooth)
			}
		}
		if base != nil {
			floats.Add(smooth, base)
		}
		x = p.unpack(smooth, kinked)
		r := residuals(x)
		squares := floats.Dot(r, r)
		next := bestSigma(n, squares)
		change := math.Abs(math.Log(next / sigma))
		sigma = next
		x.iterations, x.sigma = step, sigma
		x.logProb = profile(n, squares, p.logPrior(x.k, x.m, x.delta, x.beta))
		// Residuals are differences of numbers about 1, so that sigma is known to rounding relative to its size.
		noise := max(1e-13, 16*epsilon/sigma)
		if change < noise && x.logProb < reached+float64(n)*noise {
			still++
		} else {
			still, reached = 0, x.logProb
		}
		switch {
		case sigma <= minSigma:
			x.status = statusPerfect
			return x, nil
		case base != nil && (still >= 2 && damp == 0 || still >= 30):
			x.status, x.converged = statusConverged, true
			return x, nil
		case step == limit:
			x.status = statusLimit
			return x, nil
		}
		if base == nil && change > 1e-6 && damp == 0 {
			continue
		}
		if base == nil {
			base, target = make([]float64, eq.b), make([]float64, n)
		}
		copy(base, smooth)
		copy(target, r)
		for j, d := range kinked {
			if d != 0 {
				floats.AddScaled(target, d, kinkedX[j])
			}
		}
		eq.right(smoothX, kinkedX, p.start, target)
	}
}

// newtonFrom climbs from a start.
func (p *posterior) newtonFrom(ctx context.Context, start *mode, limit int) (*mode, error) {
	n, s := len(p.y), len(p.c)
	flat := p.growth == Flat
	b := 2 + len(p.x)
	if flat {
		b, s = 1+len(p.x), 0
	}
	var ridge []float64
	if !flat {
		ridge = append(ridge, 1.0/25)
	}
	ridge = append(ridge, 1.0/25)
	for _, prior := range p.prior {
		ridge = append(ridge, 1/(prior*prior))
	}
	eq := newNormalEquations(b, s, ridge, 1/p.tau)
	eq.stop = func() bool { return ctx.Err() != nil }
	jac := newJacobian(n, b, s)
	pack := func(x *mode) (smooth, kinked []float64) {
		if !flat {
			smooth = append(smooth, x.k)
			kinked = append(kinked, x.delta...)
		}
		return append(append(smooth, x.m), x.beta...), kinked
	}
	smooth, kinked := pack(start)
	value := func(smooth, kinked []float64) (float64, float64, *mode) {
		x := p.unpack(smooth, kinked)
		sse := p.residuals(x.k, x.m, x.delta, x.beta)
		return profile(n, sse, p.logPrior(x.k, x.m, x.delta, x.beta)), sse, x
	}
	best, sse, x := value(smooth, kinked)
	if math.IsNaN(best) || math.IsInf(best, 0) {
		return nil, errNotFinite("the posterior is not finite at the start")
	}
	if limit <= 0 || limit > maxNewtonSteps {
		limit = maxNewtonSteps
	}
	trySmooth, tryKinked := make([]float64, b), make([]float64, s)
	target := make([]float64, n)
	damp, small := 0.0, 0
	finish := func(step int, status string, converged bool) (*mode, error) {
		x.sigma, x.logProb, x.iterations, x.status, x.converged = bestSigma(n, sse), best, step, status, converged
		if x.sigma <= minSigma {
			x.status, x.converged = statusPerfect, false
		}
		return x, nil
	}
	for step := 1; step <= limit; step++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sigma := bestSigma(n, sse)
		w := 1 / (sigma * sigma)
		p.residuals(x.k, x.m, x.delta, x.beta)
		jac.fill(p, x)
		eq.gram(jac.smooth, jac.kinked, p.start)
		// The model linearised: y - mu(x) = J (x' - x), so J x' is fitted to r + J x.
		copy(target, p.r)
		for j, v := range smooth {
			floats.AddScaled(target, v, jac.smooth[j])
		}
		for j, v := range kinked {
			floats.AddScaled(target, v, jac.kinked[j])
		}
		eq.right(jac.smooth, jac.kinked, p.start, target)
		second := p.anyMul && p.growth != Logistic && damp == 0
		if second {
			p.addCurvature(eq, jac, smooth, kinked, -1)
		}
		improved := false
		for try := 0; try < 30 && ctx.Err() == nil; try++ {
			copy(trySmooth, smooth)
			copy(tryKinked, kinked)
			ok := eq.solve(w, damp, nil, trySmooth, tryKinked)
			if ok {
				for alpha := 1.0; alpha > 1e-3; alpha /= 2 {
					if alpha < 1 {
						for j := range trySmooth {
							trySmooth[j] = smooth[j] + (trySmooth[j]-smooth[j])/2
						}
						for j := range tryKinked {
							tryKinked[j] = kinked[j] + (tryKinked[j]-kinked[j])/2
						}
					}
					lp, e, at := value(trySmooth, tryKinked)
					if lp > best {
						gain := lp - best
						best, sse, x, improved = lp, e, at, true
						copy(smooth, trySmooth)
						copy(kinked, tryKinked)
						if gain < 1e-11*(1+math.Abs(best)) {
							small++
						} else {
							small = 0
						}
						break
					}
				}
			}
			if improved {
				damp /= 8
				if damp < 1e-9 {
					damp = 0
				}
				break
			}
			if second {
				p.residuals(x.k, x.m, x.delta, x.beta)
				p.addCurvature(eq, jac, smooth, kinked, +1)
				second = false
				continue
			}
			damp = max(8*damp, 1e-8)
			if damp > 1e8 {
				break
			}
		}
		switch {
		case !improved && small > 0, small >= 3:
			return finish(step, statusConverged, true)
		case !improved:
			g := p.subgradient(p.vector(&mode{k: x.k, m: x.m, delta: x.delta, beta: x.beta, sigma: bestSigma(n, sse)}))
			if g <= 1e-5*(1+w) {
				return finish(step, statusConverged, true)
			}
			return finish(step, statusNoStep, false)
		}
	}
	return finish(limit, statusLimit, false)
}

// addCurvature adds (sign +1) or takes away (-1) the part of the second derivatives that linearising leaves out with
// multiplicative terms: the trend's parameters times the coefficients, weighted by the residuals. With -1 the
// matrix becomes the true Hessian of the sum of squares. The right-hand side follows, so that the gradient stays.
func (p *posterior) addCurvature(eq *normalEquations, jac *jacobian, smooth, kinked []float64, way float64) {
	first := 2 // of the coefficients within the smooth block
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
			eq.cs[i] += d * smooth[col]
			eq.cs[col] += d * smooth[i]
		}
		if p.growth == Flat {
			add(0, way*floats.Sum(p.gg))
			continue
		}
		add(0, way*floats.Dot(p.gg, p.t))
		add(1, way*floats.Sum(p.gg))
		var sum, moment float64
		at := len(p.t)
		for c := len(p.c) - 1; c >= 0; c-- {
			for at > p.start[c] {
				at--
				sum += p.gg[at]
				moment += p.gg[at] * p.t[at]
			}
			d := way * (moment - p.c[c]*sum)
			eq.sk[col*eq.s+c] += d
			eq.ck[c] += d * smooth[col]
			eq.cs[col] += d * kinked[c]
		}
	}
}

// jacobian holds the derivatives of mu by every parameter.
type jacobian struct {
	smooth, kinked [][]float64
	byRate, byOff  []float64 // logistic: derivative of the trend by its segment's rate and offset
}

func newJacobian(n, b, s int) *jacobian {
	block := make([]float64, (b+s+2)*n)
	next := func() []float64 {
		x := block[:n:n]
		block = block[n:]
		return x
	}
	j := &jacobian{}
	for range b {
		j.smooth = append(j.smooth, next())
	}
	for range s {
		j.kinked = append(j.kinked, next())
	}
	j.byRate, j.byOff = next(), next()
	return j
}

// fill computes the derivatives at x, for which p.residuals has just been called.
func (q *jacobian) fill(p *posterior, x *mode) {
	n := len(p.t)
	if !p.anyMul {
		for i := range p.times {
			p.times[i] = 1
		}
	}
	at := 2 // the first column of features
	switch p.growth {
	case Flat:
		copy(q.smooth[0], p.times)
		at = 1
	case Logistic:
		q.logistic(p, x)
	default:
		for i := range n {
			q.smooth[0][i], q.smooth[1][i] = p.times[i]*p.t[i], p.times[i]
		}
		for j, c := range p.c {
			h := q.kinked[j]
			for i := p.start[j]; i < n; i++ {
				h[i] = p.times[i] * (p.t[i] - c)
			}
		}
	}
	for j, col := range p.x {
		dst := q.smooth[at+j]
		switch {
		case p.none[j]:
			clear(dst)
		case p.mul[j]:
			floats.MulTo(dst, col, p.g)
		default:
			copy(dst, col)
		}
	}
}

// logistic fills the trend's columns: the chain rule through rate and offset of each segment.
func (q *jacobian) logistic(p *posterior, x *mode) {
	s := len(p.c)
	p.eachSegment(func(seg, lo, hi int) {
		rate, offset := p.rate[seg], p.offset[seg]
		for i := lo; i < hi; i++ {
			slope := p.times[i] * p.g[i] * (1 - p.g[i]/p.limit[i])
			q.byRate[i], q.byOff[i] = slope*(p.t[i]-offset), -slope*rate
		}
	})
	// Derivatives of each segment's rate and offset by one parameter, carried from segment to segment.
	column := func(dst []float64, dRate, dOffset float64, from int) {
		clear(dst)
		rates, offsets := make([]float64, s+1), make([]float64, s+1)
		rates[0], offsets[0] = dRate, dOffset
		for j := range s {
			rates[j+1] = rates[j]
			if j == from {
				rates[j+1]++
			}
			gap, a, b := p.c[j]-p.offset[j], p.rate[j], p.rate[j+1]
			offsets[j+1] = offsets[j]*a/b - gap*(rates[j]*b-a*rates[j+1])/(b*b)
		}
		p.eachSegment(func(seg, lo, hi int) {
			for i := lo; i < hi; i++ {
				dst[i] = q.byRate[i]*rates[seg] + q.byOff[i]*offsets[seg]
			}
		})
	}
	column(q.smooth[0], 1, 0, -1)
	column(q.smooth[1], 0, 1, -1)
	for j := range s {
		column(q.kinked[j], 0, 0, j)
	}
}
