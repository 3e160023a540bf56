package prophet

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// leastSquares returns random columns of two blocks and a y to explain.
func leastSquares(rng *rand.Rand, n, b, s int) (smooth, kinked [][]float64, start []int, y []float64) {
	y = make([]float64, n)
	for i := range y {
		y[i] = rng.NormFloat64() + 2*float64(i)/float64(n)
	}
	for range b {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		smooth = append(smooth, x)
	}
	for j := range s {
		at := j * n / s
		h := make([]float64, n)
		for i := at; i < n; i++ {
			h[i] = float64(i-at) / float64(n)
		}
		kinked, start = append(kinked, h), append(start, at)
	}
	return smooth, kinked, start, y
}

// The Karush-Kuhn-Tucker conditions hold at the solution: the gradient of the smooth part is 0 for the smooth block,
// -lambda sign(x) for a nonzero kinked coordinate, and within ±lambda for one at 0.
func TestLassoOptimality(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 8))
	for trial := range 400 {
		b, s := 1+rng.IntN(12), 1+rng.IntN(40)
		n := b + s + rng.IntN(150)
		smoothX, kinkedX, start, y := leastSquares(rng, n, b, s)
		ridge := make([]float64, b)
		for i := range ridge {
			ridge[i] = math.Pow(10, -3+4*rng.Float64())
		}
		lambda, w := math.Pow(10, -2+4*rng.Float64()), math.Pow(10, -1+4*rng.Float64())
		eq := newNormalEquations(b, s, ridge, lambda)
		eq.gram(smoothX, kinkedX, start)
		eq.right(smoothX, kinkedX, start, y)
		smooth, kinked := make([]float64, b), make([]float64, s)
		if trial%2 == 1 { // an arbitrary start
			for j := range kinked {
				kinked[j] = rng.NormFloat64()
			}
		}
		if !eq.solve(w, 0, nil, smooth, kinked) {
			t.Fatalf("trial %d: not solved", trial)
		}
		r := make([]float64, n)
		for i := range r {
			r[i] = y[i]
			for j := range b {
				r[i] -= smoothX[j][i] * smooth[j]
			}
			for j := range s {
				r[i] -= kinkedX[j][i] * kinked[j]
			}
		}
		scale := w * float64(n)
		dot := func(x []float64) float64 {
			var sum float64
			for i := range x {
				sum += x[i] * r[i]
			}
			return sum
		}
		for j := range b {
			if g := w*dot(smoothX[j]) - ridge[j]*smooth[j]; math.Abs(g) > 1e-10*scale {
				t.Errorf("trial %d, smooth %d: gradient %v", trial, j, g)
			}
		}
		for j := range s {
			g := w * dot(kinkedX[j])
			if kinked[j] != 0 {
				g -= lambda * sign(kinked[j])
			} else {
				g = max(0, math.Abs(g)-lambda)
			}
			if math.Abs(g) > 1e-10*(scale+lambda) {
				t.Errorf("trial %d, kinked %d (%v): gradient %v, lambda %v", trial, j, kinked[j], g, lambda)
			}
		}
	}
}

// Without the kink the equations are linear and agree with a dense solution.
func TestNormalEquationsAgainstDenseSolve(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 9))
	for range 100 {
		b, s := 1+rng.IntN(8), rng.IntN(8)
		n := 2*(b+s) + rng.IntN(50)
		smoothX, kinkedX, start, y := leastSquares(rng, n, b, s)
		ridge := make([]float64, b)
		for i := range ridge {
			ridge[i] = rng.Float64()
		}
		w, damp := 0.5+rng.Float64(), float64(rng.IntN(2))*rng.Float64()
		eq := newNormalEquations(b, s, ridge, 0)
		eq.gram(smoothX, kinkedX, start)
		eq.right(smoothX, kinkedX, start, y)
		smooth, kinked := make([]float64, b), make([]float64, s)
		from := make([]float64, b+s)
		for j := range from {
			from[j] = rng.NormFloat64()
		}
		copy(smooth, from)
		copy(kinked, from[b:])
		if !eq.solve(w, damp, nil, smooth, kinked) {
			t.Fatal("not solved")
		}
		columns := append(append([][]float64{}, smoothX...), kinkedX...)
		a, rhs := mat.NewDense(b+s, b+s, nil), mat.NewVecDense(b+s, nil)
		for i := range columns {
			for j := range columns {
				var sum float64
				for row := range n {
					sum += columns[i][row] * columns[j][row]
				}
				a.Set(i, j, w*sum)
			}
			var sum float64
			for row := range n {
				sum += columns[i][row] * y[row]
			}
			rhs.SetVec(i, w*sum)
		}
		if damp > 0 {
			// Kinked coordinates are damped by the diagonal before the smooth block is eliminated.
			for i := range columns {
				extra := damp * (a.At(i, i) + 1e-12)
				rhs.SetVec(i, rhs.AtVec(i)+extra*from[i])
				a.Set(i, i, a.At(i, i)+extra)
			}
		}
		for i := range b {
			a.Set(i, i, a.At(i, i)+ridge[i])
		}
		var want mat.VecDense
		if err := want.SolveVec(a, rhs); err != nil {
			t.Fatal(err)
		}
		close2(t, "smooth", smooth, want.RawVector().Data[:b], 1e-7)
		close2(t, "kinked", kinked, want.RawVector().Data[b:], 1e-7)
	}
}

// Nothing distinguishes two changepoints on one row: the data determine only their sum, and the solver must not fail.
func TestLassoWithEqualColumns(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(10, 10))
	for range 50 {
		n := 30
		smoothX, kinkedX, start, y := leastSquares(rng, n, 2, 3)
		kinkedX[2], start[2] = kinkedX[1], start[1]
		solve := func(s int) (float64, []float64) {
			eq := newNormalEquations(2, s, []float64{0.04, 0.04}, 0.5)
			eq.gram(smoothX, kinkedX[:s], start[:s])
			eq.right(smoothX, kinkedX[:s], start[:s], y)
			smooth, kinked := make([]float64, 2), make([]float64, s)
			if !eq.solve(100, 0, nil, smooth, kinked) {
				t.Fatal("not solved")
			}
			sum := 0.0
			for _, v := range kinked[1:] {
				sum += v
			}
			return sum, smooth
		}
		twice, a := solve(3)
		once, b := solve(2)
		if math.Abs(twice-once) > 1e-6*(1+math.Abs(once)) {
			t.Errorf("the two add up to %v, want %v as for one alone", twice, once)
		}
		close2(t, "smooth", a, b, 1e-6)
	}
}
