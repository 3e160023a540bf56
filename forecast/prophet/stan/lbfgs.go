package stan

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/etfcast/etfcast/etf"
)

// LBFGSOptions tune LBFGS. The zero value of each field is Stan's default as Prophet runs it, given below. A negative
// tolerance turns its stop test off.
type LBFGSOptions struct {
	MaxIterations int     // 10000, Prophet's (CmdStan's own is 2000)
	History       int     // number of pairs of step and gradient change kept: 5
	InitAlpha     float64 // first trial step of the first line search, along the gradient: 1e-3
	TolObj        float64 // 1e-12
	TolRelObj     float64 // in units of the machine epsilon: 1e4
	TolGrad       float64 // 1e-8
	TolRelGrad    float64 // in units of the machine epsilon: 1e7
	TolParam      float64 // 1e-8
}

// Constants of Stan's line search that users cannot set.
const (
	armijo        = 1e-4  // share of the predicted decrease that is required (c1)
	curvature     = 0.9   // share of the slope that may remain (c2)
	minAlpha      = 1e-12 // lower end of the first bracket, and of the interval of first trials
	minBracket    = 1e-16 // a zoom into less than this fails
	maxExpansions = 20
	maxHalvings   = 10 // in a row, where the density is not finite
	epsilon       = 0x1p-52
)

func (o LBFGSOptions) withDefaults() (LBFGSOptions, error) {
	for _, f := range []struct {
		v *float64
		d float64
	}{{&o.InitAlpha, 1e-3}, {&o.TolObj, 1e-12}, {&o.TolRelObj, 1e4}, {&o.TolGrad, 1e-8}, {&o.TolRelGrad, 1e7}, {&o.TolParam, 1e-8}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	if o.MaxIterations == 0 {
		o.MaxIterations = 10000
	}
	if o.History == 0 {
		o.History = 5
	}
	switch {
	case o.MaxIterations < 0:
		return o, etf.Invalid("max_iterations", fmt.Sprintf("%d is negative", o.MaxIterations), "use 10000")
	case o.History < 0:
		return o, etf.Invalid("history", fmt.Sprintf("%d is negative", o.History), "use 5")
	case !(o.InitAlpha > 0) || math.IsInf(o.InitAlpha, 1):
		return o, etf.Invalid("init_alpha", fmt.Sprintf("%v is not a positive step", o.InitAlpha), "use 0.001")
	}
	return o, nil
}

// LBFGS maximises a log density by limited-memory BFGS as Stan does. f below is the negative log density.
//
// Each iteration searches along p = -Hg (H by the two-loop recursion over the newest History pairs, started from
// s'y/y'y of the newest) for a step that meets the strong Wolfe conditions. The first trial step is min(1, 1.01 a), a
// the minimiser over [1e-12, 1] of the cubic through the previous step, and InitAlpha along -g at first. Where the
// search fails, it is retried once along -g with an empty memory. Pairs are kept without a test of their curvature.
// The stop tests come in the order TolObj, TolGrad, TolParam, MaxIterations, TolRelObj, TolRelGrad. One quirk of Stan is
// kept: after an expansion the sufficient decrease is still measured with the first trial step of the search.
//
// A failed line search or reaching MaxIterations is not an error but a Status. Errors are of KindInvalid for an invalid
// start (length, or a log density or gradient that is not finite) and for options out of range, or else ctx's error,
// returned with the last point accepted. The result depends only on the arguments. Memory is allocated at the start:
// 6+2*History vectors.
func LBFGS(ctx context.Context, d Density, init []float64, o LBFGSOptions) (Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Result{}, err
	}
	if err := checkStart(d, init); err != nil {
		return Result{}, err
	}
	s := newLBFGSState(d, init, o.History)
	f, ok := s.evaluate(s.x, s.g)
	if !ok {
		return Result{}, errStart(-f)
	}
	s.f = f
	done := func(iterations int, status Status) Result {
		converged := status != LineSearchFailed && status != MaxIterationsReached && status != Cancelled
		return Result{U: s.x, LogProb: -s.f, Iterations: iterations, Evaluations: s.evaluations, Status: status, Converged: converged}
	}
	for it := 1; ; it++ {
		if err := ctx.Err(); err != nil {
			return done(it-1, Cancelled), err
		}
		if !s.step(it == 1, o.InitAlpha) {
			return done(it, LineSearchFailed), nil
		}
		change := math.Abs(s.fPrev - s.f)
		switch {
		case change < o.TolObj:
			return done(it, ConvergedObjective), nil
		case norm(s.g) < o.TolGrad:
			return done(it, ConvergedGradient), nil
		case s.moved < o.TolParam:
			return done(it, ConvergedParameters), nil
		case it >= o.MaxIterations:
			return done(it, MaxIterationsReached), nil
		case change/max(math.Abs(s.fPrev), math.Abs(s.f), 1) < o.TolRelObj*epsilon:
			return done(it, ConvergedRelativeObjective), nil
		case -floats.Dot(s.p, s.g)/max(math.Abs(s.f), 1) < o.TolRelGrad*epsilon:
			return done(it, ConvergedRelativeGradient), nil
		}
	}
}

// lbfgsState is the state between iterations. The next and previous vectors are swapped, never copied.
type lbfgsState struct {
	d           Density
	evaluations int

	x, g    []float64 // the current point and the gradient of f there
	f       float64
	p       []float64 // direction to search next
	nx, ng  []float64 // the trial point; after a step the previous point
	fPrev   float64
	gPrevP  float64   // previous gradient along pPrev
	pPrev   []float64 // direction of the last step
	alpha   float64   // length of the last step along pPrev
	moved   float64   // Euclidean length of the last step
	ring    []pair    // the newest pair is at head-1
	head, n int
	coef    []float64 // of the two-loop recursion
	gamma   float64   // s'y/y'y of the newest pair
}

// pair is a step and the change of the gradient over it.
type pair struct {
	s, y []float64
	rho  float64 // 1/s'y
}

func newLBFGSState(d Density, init []float64, history int) *lbfgsState {
	n := len(init)
	block := make([]float64, (6+2*history)*n+history)
	cut := func(k int) []float64 {
		v := block[:k:k]
		block = block[k:]
		return v
	}
	s := &lbfgsState{d: d, x: cut(n), g: cut(n), p: cut(n), nx: cut(n), ng: cut(n), pPrev: cut(n), coef: cut(history), ring: make([]pair, history)}
	for i := range s.ring {
		s.ring[i].s, s.ring[i].y = cut(n), cut(n)
	}
	copy(s.x, init)
	return s
}

// evaluate writes the gradient of f at x to g and returns f; false means that the point is rejected.
func (s *lbfgsState) evaluate(x, g []float64) (float64, bool) {
	s.evaluations++
	f := -s.d.LogProb(x, g)
	floats.Scale(-1, g)
	return f, finite(f) && allFinite(g)
}

// try evaluates f at x + alpha*p into nx and ng, and returns f and the slope along p.
func (s *lbfgsState) try(alpha float64) (f, slope float64, ok bool) {
	floats.AddScaledTo(s.nx, s.x, alpha, s.p)
	if f, ok = s.evaluate(s.nx, s.ng); !ok {
		return f, 0, false
	}
	return f, floats.Dot(s.ng, s.p), true
}

// step makes one iteration. false: the line search failed, even along the gradient; x, f and g are unchanged.
func (s *lbfgsState) step(first bool, initAlpha float64) bool {
	reset := first
	trial := initAlpha
	if first {
		negate(s.p, s.g)
	} else {
		a := cubicMin(s.gPrevP, s.alpha, s.f-s.fPrev, floats.Dot(s.g, s.pPrev), minAlpha, 1)
		trial = min(1, 1.01*a)
	}
	alpha, f, ok := s.search(trial)
	if !ok && !first {
		reset = true
		negate(s.p, s.g)
		alpha, f, ok = s.search(initAlpha)
	}
	if !ok {
		return false
	}

	s.f, s.fPrev = f, s.f
	s.x, s.nx = s.nx, s.x
	s.g, s.ng = s.ng, s.g
	s.p, s.pPrev = s.pPrev, s.p
	s.alpha = alpha

	if reset {
		s.head, s.n = 0, 0
	}
	q := &s.ring[s.head]
	floats.SubTo(q.s, s.x, s.nx)
	floats.SubTo(q.y, s.g, s.ng)
	sy, yy := floats.Dot(q.s, q.y), floats.Dot(q.y, q.y)
	q.rho, s.gamma = 1/sy, sy/yy
	s.head = (s.head + 1) % len(s.ring)
	s.n = min(s.n+1, len(s.ring))
	s.moved = norm(q.s)
	if reset {
		// The step along -g is restated as one along -g/B, with B the curvature just seen, so that the cubic's next
		// trial is in units of a Newton step.
		b := yy / sy
		floats.Scale(1/b, s.pPrev)
		s.alpha *= b
	}
	s.gPrevP = floats.Dot(s.ng, s.pPrev)
	s.direct()
	return true
}

// direct sets p to -Hg by the two-loop recursion.
func (s *lbfgsState) direct() {
	negate(s.p, s.g)
	m := len(s.ring)
	for i := 1; i <= s.n; i++ { // newest to oldest
		j := (s.head - i + m) % m
		q := &s.ring[j]
		s.coef[j] = q.rho * floats.Dot(q.s, s.p)
		floats.AddScaled(s.p, -s.coef[j], q.y)
	}
	floats.Scale(s.gamma, s.p)
	for i := s.n; i >= 1; i-- {
		j := (s.head - i + m) % m
		q := &s.ring[j]
		floats.AddScaled(s.p, s.coef[j]-q.rho*floats.Dot(q.y, s.p), q.s)
	}
}

// probe is a trial step along the direction, with f and its slope there.
type probe struct{ alpha, f, slope float64 }

// search looks for a step along p that meets the strong Wolfe conditions, starting from a first trial. It leaves the
// point and its gradient in nx and ng. Expansion and zoom are those of Nocedal and Wright, Numerical Optimization,
// 2nd ed., algorithms 3.5 and 3.6, with Stan's constants.
func (s *lbfgsState) search(first float64) (alpha, f float64, ok bool) {
	slope0 := floats.Dot(s.g, s.p)
	left := probe{minAlpha, s.f, slope0}
	at := first
	halvings := 0
	for expansions := 0; expansions < maxExpansions; {
		f, slope, ok := s.try(at)
		if !ok {
			if halvings++; halvings > maxHalvings {
				return 0, 0, false
			}
			at = (left.alpha + at) / 2
			continue
		}
		halvings = 0
		here := probe{at, f, slope}
		// first instead of at is Stan's quirk.
		if f > s.f+first*armijo*slope0 || (expansions > 0 && f >= left.f) {
			return s.zoom(left, here, slope0)
		}
		if math.Abs(slope) <= -curvature*slope0 {
			return at, f, true
		}
		if slope >= 0 {
			return s.zoom(here, left, slope0)
		}
		left = here
		at *= 10
		expansions++
	}
	return 0, 0, false
}

// zoom narrows a bracket whose better end is lo until a step meets the conditions.
func (s *lbfgsState) zoom(lo, hi probe, slope0 float64) (alpha, f float64, ok bool) {
	for it := 1; ; it++ {
		// Near alpha 1 doubles are 1e-16 apart: a bracket with no number inside counts as too short.
		width := math.Abs(lo.alpha - hi.alpha)
		if width < minBracket || math.Nextafter(lo.alpha, hi.alpha) == hi.alpha || math.IsNaN(width) {
			return 0, 0, false
		}
		left, right := min(lo.alpha, hi.alpha), max(lo.alpha, hi.alpha)
		at := hermiteMin(lo, hi)
		if it%5 == 0 || !finite(at) || at < left+0.01*width || at > right-0.01*width {
			at = (lo.alpha + hi.alpha) / 2
		}
		f, slope, ok := s.try(at)
		for !ok {
			before := at
			at = (at + left) / 2
			if at-left < minBracket || at == before {
				return 0, 0, false
			}
			f, slope, ok = s.try(at)
		}
		if f > s.f+at*armijo*slope0 || f >= lo.f {
			hi = probe{at, f, slope}
			continue
		}
		if math.Abs(slope) <= -curvature*slope0 {
			return at, f, true
		}
		if slope*(hi.alpha-lo.alpha) >= 0 {
			hi = lo
		}
		lo = probe{at, f, slope}
	}
}

// hermiteMin is the minimiser of the cubic with the values and slopes of two probes, NaN if it has none.
func hermiteMin(a, b probe) float64 {
	d := a.slope + b.slope - 3*(a.f-b.f)/(a.alpha-b.alpha)
	r := math.Sqrt(d*d - a.slope*b.slope)
	if b.alpha < a.alpha {
		r = -r
	}
	return b.alpha - (b.alpha-a.alpha)*(b.slope+r-d)/(b.slope-a.slope+2*r)
}

// cubicMin is the minimiser over [lo,hi] of the cubic through (0, 0) with slope s0 and (x, f) with slope s1: the best
// of both ends and of the stationary points strictly inside. Where the cubic is exactly a parabola the stationary
// points are not found, and an end is returned, as in Stan.
func cubicMin(s0, x, f, s1, lo, hi float64) float64 {
	b := 6*f/(x*x) - (4*s0+2*s1)/x          // second derivative at 0
	c := (6*x*(s0+s1) - 12*f) / (x * x * x) // third derivative
	value := func(t float64) float64 { return t * (s0 + t*(b/2+t*c/6)) }
	r := math.Sqrt(b*b - 2*s0*c)
	best, least := lo, value(lo)
	if v := value(hi); v < least {
		best, least = hi, v
	}
	for _, t := range [2]float64{-(b + r) / c, -(b - r) / c} {
		if lo < t && t < hi {
			if v := value(t); v < least {
				best, least = t, v
			}
		}
	}
	return best
}

func negate(dst, src []float64) { floats.ScaleTo(dst, -1, src) }
