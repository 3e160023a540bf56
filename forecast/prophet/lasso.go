package prophet

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// normalEquations are the normal equations of a least-squares problem with two blocks of unknowns: the smooth ones, which
// have normal priors, and the kinked ones (the rate changes), which have Laplace priors. Matrices are row-major.
type normalEquations struct {
	b, s          int       // unknowns in each block
	ss            []float64 // b x b, upper triangle
	sk            []float64 // b x s
	kk            []float64 // s x s, both triangles
	cs, ck        []float64 // right-hand sides
	ridge         []float64 // b: inverse prior variances
	lambda        float64   // 1/tau
	u, v, h, q, z []float64 // scratch
	active        []int
	rhs, a        []float64
	// stop, if not nil, is called from time to time and reports whether to give up.
	stop func() bool
}

func (e *normalEquations) stopped() bool { return e.stop != nil && e.stop() }

func newNormalEquations(b, s int, ridge []float64, lambda float64) *normalEquations {
	f := func(n int) []float64 { return make([]float64, n) }
	return &normalEquations{b: b, s: s, ss: f(b * b), sk: f(b * s), kk: f(s * s), cs: f(b), ck: f(s), ridge: ridge, lambda: lambda,
		u: f(b * b), v: f(b * s), h: f(s * s), q: f(s), z: f(b), rhs: f(s), a: f(s * s), active: make([]int, 0, s)}
}

// gram fills the matrices from columns. Kinked column j is 0 before row start[j].
func (e *normalEquations) gram(smooth, kinked [][]float64, start []int) {
	for i, x := range smooth {
		if e.stopped() {
			return
		}
		for j := i; j < e.b; j++ {
			e.ss[i*e.b+j] = floats.Dot(x, smooth[j])
		}
		for j, h := range kinked {
			e.sk[i*e.s+j] = floats.Dot(x[start[j]:], h[start[j]:])
		}
	}
	for i, h := range kinked {
		if e.stopped() {
			return
		}
		for j := i; j < e.s; j++ { // start ascends
			d := floats.Dot(h[start[j]:], kinked[j][start[j]:])
			e.kk[i*e.s+j], e.kk[j*e.s+i] = d, d
		}
	}
}

// right fills the right-hand sides: the products of the columns with y.
func (e *normalEquations) right(smooth, kinked [][]float64, start []int, y []float64) {
	for i, x := range smooth {
		e.cs[i] = floats.Dot(x, y)
	}
	for j, h := range kinked {
		e.ck[j] = floats.Dot(h[start[j]:], y[start[j]:])
	}
}

// solve minimises, over both blocks,
//
//	w/2 x'Gx - w c'x + smooth' diag(ridge) smooth / 2 + lambda |kinked| + damp/2 sum of (x - x0)² diag(wG)
//
// starting from smooth and kinked and writing the result there. If base is not nil, smooth is the distance from it: the
// right-hand side is then made of the residuals at base, and the ridge still shrinks base + smooth towards 0. The solution
// is exact: the smooth block is eliminated, and a search over signs that ends after finitely many steps finds the kinked
// block. It returns false if the equations are not positive definite.
func (e *normalEquations) solve(w, damp float64, base, smooth, kinked []float64) bool {
	b, s := e.b, e.s
	weigh(e.u, e.z, e.ss, e.cs, w, damp, smooth)
	for i := range b {
		e.u[i*b+i] += e.ridge[i]
		if base != nil {
			e.z[i] -= e.ridge[i] * base[i]
		}
	}
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: b, Stride: b, Data: e.u, Uplo: blas.Upper}); !ok {
		return false
	}
	upper := blas64.Triangular{N: b, Stride: b, Data: e.u, Uplo: blas.Upper, Diag: blas.NonUnit}
	z := blas64.Vector{N: b, Inc: 1, Data: e.z}
	blas64.Trsv(blas.Trans, upper, z)
	if s > 0 {
		for i, g := range e.sk {
			e.v[i] = w * g
		}
		v := blas64.General{Rows: b, Cols: s, Stride: s, Data: e.v}
		blas64.Trsm(blas.Left, blas.Trans, 1, upper, v)
		weigh(e.h, e.q, e.kk, e.ck, w, damp, kinked)
		blas64.Syrk(blas.Trans, -1, v, 1, blas64.Symmetric{N: s, Stride: s, Data: e.h, Uplo: blas.Upper})
		for i := range s {
			for j := range i {
				e.h[i*s+j] = e.h[j*s+i]
			}
		}
		blas64.Gemv(blas.Trans, -1, v, z, 1, blas64.Vector{N: s, Inc: 1, Data: e.q})
		if !e.lasso(kinked) {
			return false
		}
		blas64.Gemv(blas.NoTrans, -1, v, blas64.Vector{N: s, Inc: 1, Data: kinked}, 1, z)
	}
	blas64.Trsv(blas.NoTrans, upper, z)
	copy(smooth, e.z)
	return true
}

// weigh writes the upper triangle of a block and its right-hand side times w, with the damping that shrinks towards at.
func weigh(matrix, right, gram, products []float64, w, damp float64, at []float64) {
	n := len(products)
	for i := range n {
		for j := i; j < n; j++ {
			matrix[i*n+j] = w * gram[i*n+j]
		}
		right[i] = w * products[i]
		if damp > 0 {
			extra := damp * (matrix[i*n+i] + 1e-12)
			matrix[i*n+i] += extra
			right[i] += extra * at[i]
		}
	}
}

// logDet returns the log determinant of the smooth block's matrix in the last solve.
func (e *normalEquations) logDet() float64 {
	var sum float64
	for i := range e.b {
		sum += math.Log(e.u[i*e.b+i])
	}
	return 2 * sum
}

// lasso minimises x'Hx/2 - q'x + lambda |x|, starting from x, by the feature-sign search of Lee, Battle, Raina and Ng,
// "Efficient sparse coding algorithms", NIPS 2006: guess the signs of the active coordinates, solve, move to the best
// point on the way at which a sign changes, and activate the coordinate that violates its condition most.
func (e *normalEquations) lasso(x []float64) bool {
	s, h := e.s, e.h
	grad := make([]float64, s) // gradient of the smooth part, Hx - q
	signs := make([]float64, s)
	refresh := func() {
		for i := range s {
			grad[i] = floats.Dot(h[i*s:(i+1)*s], x) - e.q[i]
		}
	}
	for i := range s {
		signs[i] = sign(x[i])
	}
	refresh()
	const slack = 1e-13
	for range 50 * (s + 2) {
		// Solve for the active coordinates until their signs no longer change.
		for range 10 * (s + 2) {
			moved, ok := e.signStep(x, signs)
			if !ok || e.stopped() {
				return false
			}
			refresh()
			if !moved {
				break
			}
		}
		worst, at := e.lambda*(1+slack), -1
		for i := range s {
			if signs[i] == 0 && math.Abs(grad[i]) > worst {
				worst, at = math.Abs(grad[i]), i
			}
		}
		if at < 0 {
			return true
		}
		signs[at] = -sign(grad[at])
	}
	return true // the tolerance can't be met in floating point; every step descended, so x is the best point found
}

// signStep solves the problem for fixed signs and moves to the solution, or to the best point on the way where a
// coordinate crosses 0. It reports whether signs changed.
func (e *normalEquations) signStep(x, signs []float64) (changed, ok bool) {
	s, h := e.s, e.h
	e.active = e.active[:0]
	for i := range s {
		if signs[i] != 0 {
			e.active = append(e.active, i)
		}
	}
	n := len(e.active)
	if n == 0 {
		return false, true
	}
	a, rhs := e.a[:n*n], e.rhs[:n]
	for i, p := range e.active {
		rhs[i] = e.q[p] - e.lambda*signs[p]
		for j := i; j < n; j++ {
			a[i*n+j] = h[p*s+e.active[j]]
		}
	}
	sym := blas64.Symmetric{N: n, Stride: n, Data: a, Uplo: blas.Upper}
	if _, ok := lapack64.Potrf(sym); !ok {
		// Nothing distinguishes two changepoints on adjacent rows. A ridge far smaller than the weight of the data splits
		// the change between them.
		for i, p := range e.active {
			for j := i; j < n; j++ {
				a[i*n+j] = h[p*s+e.active[j]]
			}
			a[i*n+i] += 1e-10 * (math.Abs(h[p*s+p]) + e.lambda)
		}
		if _, ok := lapack64.Potrf(sym); !ok {
			return false, false
		}
	}
	upper := blas64.Triangular{N: n, Stride: n, Data: a, Uplo: blas.Upper, Diag: blas.NonUnit}
	vec := blas64.Vector{N: n, Inc: 1, Data: rhs}
	blas64.Trsv(blas.Trans, upper, vec)
	blas64.Trsv(blas.NoTrans, upper, vec)
	holds := true
	for i, p := range e.active {
		if sign(rhs[i])*signs[p] < 0 {
			holds = false
		}
	}
	if holds {
		for i, p := range e.active {
			x[p] = rhs[i]
		}
		return false, true
	}
	e.walk(x, rhs)
	for _, p := range e.active {
		signs[p] = sign(x[p])
	}
	return true, true
}

// walk moves x towards target (of the active coordinates) to the best of the points where a coordinate crosses 0 and the
// target itself.
func (e *normalEquations) walk(x, target []float64) {
	s, h := e.s, e.h
	dir := make([]float64, s)
	for i, p := range e.active {
		dir[p] = target[i] - x[p]
	}
	// f(step) = f0 + step*slope + step²*curve/2 + lambda |x + step dir|
	var slope, curve float64
	for _, p := range e.active {
		row := h[p*s : (p+1)*s]
		slope += dir[p] * (floats.Dot(row, x) - e.q[p])
		curve += dir[p] * floats.Dot(row, dir)
	}
	value := func(step float64) float64 {
		f := step*slope + step*step*curve/2
		for _, p := range e.active {
			f += e.lambda * math.Abs(x[p]+step*dir[p])
		}
		return f
	}
	best, at, zero := value(1), 1.0, -1
	for _, p := range e.active {
		if dir[p] == 0 || x[p] == 0 {
			continue
		}
		if step := -x[p] / dir[p]; step > 0 && step < 1 {
			if f := value(step); f < best {
				best, at, zero = f, step, p
			}
		}
	}
	for _, p := range e.active {
		x[p] += at * dir[p]
	}
	if zero >= 0 {
		x[zero] = 0
	}
}
