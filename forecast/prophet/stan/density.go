package stan

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/etfcast/etfcast/etf"
)

// Density is a differentiable log density over an unconstrained vector. It may keep scratch space, so it is used by one
// goroutine at a time.
type Density interface {
	// Dim is the length of the vector, at least 1.
	Dim() int
	// LogProb returns the log density at u, up to a constant, and writes its gradient to grad (length Dim) if grad is
	// not nil. It must not change u. A log density or a gradient that is not finite rejects u.
	LogProb(u, grad []float64) float64
}

// Status says why an optimiser stopped.
type Status string

// The reasons for which an optimiser stops. Those that begin with "converged" are stop tests that were passed.
const (
	ConvergedObjective         Status = "converged: objective"          // |f_prev - f| < TolObj
	ConvergedGradient          Status = "converged: gradient"           // |g| < TolGrad
	ConvergedParameters        Status = "converged: parameters"         // |step| < TolParam
	ConvergedRelativeObjective Status = "converged: relative objective" // |f_prev - f| / max(|f_prev|, |f|, 1) < TolRelObj*eps
	ConvergedRelativeGradient  Status = "converged: relative gradient"  // g'Hg / max(|f|, 1) < TolRelGrad*eps, H the inverse Hessian approximated
	MaxIterationsReached       Status = "max iterations"
	LineSearchFailed           Status = "line search failed"
	NoAscent                   Status = "no step raises the log density" // Newton: the search direction is not finite
	Cancelled                  Status = "cancelled"
)

// Result is where an optimiser stopped.
type Result struct {
	U           []float64 // the last point accepted; not shared with the caller's init
	LogProb     float64   // at U
	Iterations  int
	Evaluations int // calls of LogProb
	Status      Status
	Converged   bool // a stop test was passed; false after a failed line search, at max iterations and when cancelled
}

// GradientError compares the gradient of a density at u with central differences of its values over ±step·max(1,|u_i|)
// and returns the largest error and its coordinate. The error is |difference - gradient| / max(1, |gradient|); it is
// +Inf where a value or the gradient is not finite. For a smooth density a step of 1e-5 gives errors of about 1e-8 times
// the size of the log density. It is meant for tests of densities.
func GradientError(d Density, u []float64, step float64) (worst float64, at int) {
	g, x := make([]float64, d.Dim()), append([]float64(nil), u...)
	if lp := d.LogProb(x, g); !finite(lp) || !allFinite(g) {
		return math.Inf(1), 0
	}
	worst = -1
	for i := range x {
		h := step * max(1, math.Abs(u[i]))
		x[i] = u[i] + h
		up, right := d.LogProb(x, nil), x[i]
		x[i] = u[i] - h
		down, left := d.LogProb(x, nil), x[i]
		x[i] = u[i]
		e := math.Abs((up-down)/(right-left)-g[i]) / max(1, math.Abs(g[i]))
		if math.IsNaN(e) {
			e = math.Inf(1)
		}
		if e > worst {
			worst, at = e, i
		}
	}
	return worst, at
}

// checkStart refuses a start that has the wrong length or at which the density or its gradient is not finite.
func checkStart(d Density, init []float64) error {
	switch n := d.Dim(); {
	case n < 1:
		return etf.Invalid("density", fmt.Sprintf("it has %d dimensions", n), "use a density over at least one parameter")
	case len(init) != n:
		return etf.Invalid("init", fmt.Sprintf("%d values for %d parameters", len(init), n), "give one value for each parameter")
	case !allFinite(init):
		return etf.Invalid("init", "a starting value is not finite", "start from finite values")
	}
	return nil
}

func errStart(lp float64) error {
	return etf.Invalid("init", fmt.Sprintf("the log density at the start (%v) or its gradient is not finite", lp), "start where the density is positive and smooth")
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// allFinite reports whether no element is infinite or NaN. x-x is 0 for a finite x and NaN for others.
func allFinite(x []float64) bool {
	var s float64
	for _, v := range x {
		s += v - v
	}
	return s == 0
}

func norm(x []float64) float64 { return math.Sqrt(floats.Dot(x, x)) }
