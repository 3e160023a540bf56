package stan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// density is a log density given by a function that returns it and, where grad is not nil, writes the gradient.
type density struct {
	n int
	f func(u, grad []float64) float64
}

func (d density) Dim() int                          { return d.n }
func (d density) LogProb(u, grad []float64) float64 { return d.f(u, grad) }

// bowl is -sum of w_i (u_i-c_i)²/2.
func bowl(w, c []float64) density {
	return density{len(w), func(u, grad []float64) float64 {
		var lp float64
		for i := range u {
			e := u[i] - c[i]
			lp -= w[i] * e * e / 2
			if grad != nil {
				grad[i] = -w[i] * e
			}
		}
		return lp
	}}
}

// rosenbrock is the negative of Rosenbrock's function: its only maximum, 0, is at (1, 1).
var rosenbrock = density{2, func(u, grad []float64) float64 {
	a, b := 1-u[0], u[1]-u[0]*u[0]
	if grad != nil {
		grad[0], grad[1] = 2*a+400*u[0]*b, -200*b
	}
	return -a*a - 100*b*b
}}

// kinked is -3|x-1| - 20|y| - 10(x-4)² - 10(y-0.3)². The maximum is at x = 4-3/20, on a smooth side, and at y = 0 on the
// kink, where the slope 6 of the rest is outweighed by 20; its value is -9.675.
var kinked = density{2, func(u, grad []float64) float64 {
	x, y := u[0], u[1]
	if grad != nil {
		grad[0], grad[1] = -3*sign(x-1)-20*(x-4), -20*sign(y)-20*(y-0.3)
	}
	return -3*math.Abs(x-1) - 20*math.Abs(y) - 10*(x-4)*(x-4) - 10*(y-0.3)*(y-0.3)
}}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

func near(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			t.Errorf("%s: coordinate %d is %v, expected %v", what, i, got[i], want[i])
		}
	}
}

func TestOptimisersFindMaxima(t *testing.T) {
	t.Parallel()
	// LBFGS stops where g'Hg/2, about what is left to gain, is 1e-9; Newton where an iteration gains 1e-8.
	for _, tt := range []struct {
		name     string
		d        Density
		init, at []float64
		uTol     float64
	}{
		{"bowl", bowl([]float64{1, 10, 1e4, 0.01}, []float64{3, -2, 0.5, 40}), make([]float64, 4), []float64{3, -2, 0.5, 40}, 2e-3},
		{"rosenbrock", rosenbrock, []float64{-1.2, 1}, []float64{1, 1}, 1e-3},
	} {
		a, err := LBFGS(context.Background(), tt.d, tt.init, LBFGSOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Newton(context.Background(), tt.d, tt.init, NewtonOptions{})
		if err != nil {
			t.Fatal(err)
		}
		near(t, tt.name+", LBFGS", a.U, tt.at, tt.uTol)
		near(t, tt.name+", Newton", b.U, tt.at, tt.uTol)
		if !(a.LogProb > -1e-8) || !(b.LogProb > -2e-7) || !a.Converged || !b.Converged {
			t.Errorf("%s: %+v and %+v", tt.name, a, b)
		}
		if a.LogProb != tt.d.LogProb(a.U, nil) || b.LogProb != tt.d.LogProb(b.U, nil) {
			t.Errorf("%s: the log densities are not those of the points", tt.name)
		}
	}
}

// If the maximum along a line lies on a kink, no step meets the Wolfe conditions: LBFGS climbs as far as the kink lets
// it and fails, and Prophet then falls back to Newton. Newton's differences see a kink as a large curvature and end on
// it.
func TestOptimisersAtAKink(t *testing.T) {
	t.Parallel()
	init := []float64{-2, 5}
	a, err := LBFGS(context.Background(), kinked, init, LBFGSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != LineSearchFailed || a.Converged || a.LogProb < -11 || a.LogProb != kinked.LogProb(a.U, nil) {
		t.Errorf("LBFGS from %v: %+v", kinked.LogProb(init, nil), a)
	}
	b, err := Newton(context.Background(), kinked, init, NewtonOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !b.Converged || math.Abs(b.LogProb+9.675) > 1e-5 {
		t.Errorf("Newton: %+v", b)
	}
	near(t, "Newton", b.U, []float64{3.85, 0}, 1e-3)
}

// Each stop test is reached with the others off (negative), and its claim holds.
func TestLBFGSStops(t *testing.T) {
	t.Parallel()
	off := LBFGSOptions{TolObj: -1, TolRelObj: -1, TolGrad: -1, TolRelGrad: -1, TolParam: -1}
	for _, tt := range []struct {
		status Status
		set    func(o *LBFGSOptions)
	}{
		{ConvergedObjective, func(o *LBFGSOptions) { o.TolObj = 1e-6 }},
		{ConvergedGradient, func(o *LBFGSOptions) { o.TolGrad = 1e-6 }},
		{ConvergedParameters, func(o *LBFGSOptions) { o.TolParam = 1e-4 }},
		{ConvergedRelativeObjective, func(o *LBFGSOptions) { o.TolRelObj = 1e9 }},
		{ConvergedRelativeGradient, func(o *LBFGSOptions) { o.TolRelGrad = 1e9 }},
		{MaxIterationsReached, func(o *LBFGSOptions) { o.MaxIterations = 7 }},
	} {
		o := off
		tt.set(&o)
		r, err := LBFGS(context.Background(), rosenbrock, []float64{-1.2, 1}, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != tt.status || r.Converged == (tt.status == MaxIterationsReached) {
			t.Errorf("%s: stopped with %q (converged %v) after %d iterations", tt.status, r.Status, r.Converged, r.Iterations)
		}
		g := make([]float64, 2)
		rosenbrock.LogProb(r.U, g)
		switch tt.status {
		case ConvergedGradient:
			if norm(g) >= 1e-6 {
				t.Errorf("gradient %v", g)
			}
		case MaxIterationsReached:
			if r.Iterations != 7 {
				t.Errorf("%d iterations of 7", r.Iterations)
			}
		}
		// The step before the last did not pass the test, so the test is made at each iteration.
		if tt.status != MaxIterationsReached {
			o.MaxIterations = r.Iterations - 1
			if before, err := LBFGS(context.Background(), rosenbrock, []float64{-1.2, 1}, o); err != nil || before.Status != MaxIterationsReached || before.Iterations != r.Iterations-1 {
				t.Errorf("%s: %+v %v one iteration earlier", tt.status, before, err)
			}
		}
	}
}

// A gradient of the wrong sign leads downhill: the line search fails along it at once, without moving.
func TestLBFGSLineSearchFails(t *testing.T) {
	t.Parallel()
	wrong := density{1, func(u, grad []float64) float64 {
		if grad != nil {
			grad[0] = 2 * u[0]
		}
		return -u[0] * u[0]
	}}
	r, err := LBFGS(context.Background(), wrong, []float64{3}, LBFGSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != LineSearchFailed || r.Converged || r.U[0] != 3 || r.LogProb != -9 {
		t.Errorf("%+v", r)
	}
}

// A search that fails with the memory is retried once along the gradient: here the density is not finite for the 11
// evaluations after which one search gives up (the first and ten halvings), and then finite again.
func TestLBFGSRestartsAfterAFailedSearch(t *testing.T) {
	t.Parallel()
	calls := 0
	d := density{2, func(u, grad []float64) float64 {
		lp := rosenbrock.f(u, grad)
		if calls++; calls > 20 && calls <= 31 {
			return math.NaN()
		}
		return lp
	}}
	r, err := LBFGS(context.Background(), d, []float64{-1.2, 1}, LBFGSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Converged || calls < 32 {
		t.Errorf("%+v after %d calls", r, calls)
	}
	near(t, "after the restart", r.U, []float64{1, 1}, 1e-4)

	// With twelve more the second search fails too.
	calls = 0
	d.f = func(u, grad []float64) float64 {
		lp := rosenbrock.f(u, grad)
		if calls++; calls > 20 {
			return math.NaN()
		}
		return lp
	}
	r, err = LBFGS(context.Background(), d, []float64{-1.2, 1}, LBFGSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != LineSearchFailed || calls != 20+2*11 {
		t.Errorf("%+v after %d calls", r, calls)
	}
}

// Beyond the density's support, steps are halved back into it: log x - x has its maximum at 1 and is undefined below 0.
func TestOptimisersStayInside(t *testing.T) {
	t.Parallel()
	d := density{1, func(u, grad []float64) float64 {
		if u[0] <= 0 {
			if grad != nil {
				grad[0] = math.NaN()
			}
			return math.Inf(-1)
		}
		if grad != nil {
			grad[0] = 1/u[0] - 1
		}
		return math.Log(u[0]) - u[0]
	}}
	for _, start := range []float64{0.01, 0.9, 30} {
		r, err := LBFGS(context.Background(), d, []float64{start}, LBFGSOptions{InitAlpha: 100})
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("LBFGS from %v", start), r.U, []float64{1}, 1e-3)
		r, err = Newton(context.Background(), d, []float64{start}, NewtonOptions{})
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("Newton from %v", start), r.U, []float64{1}, 1e-3)
	}
}

func TestNewtonStops(t *testing.T) {
	t.Parallel()
	r, err := Newton(context.Background(), rosenbrock, []float64{-1.2, 1}, NewtonOptions{MaxIterations: 3})
	if err != nil || r.Status != MaxIterationsReached || r.Converged || r.Iterations != 3 {
		t.Errorf("%+v %v", r, err)
	}
	// A parameter that the density does not use has no curvature to divide by.
	idle := density{1, func(_, grad []float64) float64 { clear(grad); return 5 }}
	r, err = Newton(context.Background(), idle, []float64{2}, NewtonOptions{})
	if err != nil || r.Status != NoAscent || r.Converged || r.U[0] != 2 || r.LogProb != 5 {
		t.Errorf("%+v %v", r, err)
	}
	// On a saddle the absolute eigenvalues lead away from it, upwards.
	saddle := density{2, func(u, grad []float64) float64 {
		if grad != nil {
			grad[0], grad[1] = -u[0], u[1]-u[1]*u[1]*u[1]
		}
		return -u[0]*u[0]/2 + u[1]*u[1]/2 - u[1]*u[1]*u[1]*u[1]/4
	}}
	r, err = Newton(context.Background(), saddle, []float64{1, 0.1}, NewtonOptions{})
	if err != nil || !r.Converged {
		t.Errorf("%+v %v", r, err)
	}
	near(t, "past the saddle", r.U, []float64{0, 1}, 1e-3)
}

// By the recipe the Hessian of x'Ax/2 is h²A, up to rounding.
func TestScaledHessianHasStansScale(t *testing.T) {
	t.Parallel()
	a := [2][2]float64{{-3, 0.7}, {0.7, -11}}
	d := density{2, func(u, grad []float64) float64 {
		for i := range grad {
			grad[i] = a[i][0]*u[0] + a[i][1]*u[1]
		}
		return 0
	}}
	x, gd := []float64{0.3, -0.2}, make([]float64, 2)
	h := symmetric(2)
	if !scaledHessian(d.LogProb, x, gd, h) || x[0] != 0.3 || x[1] != -0.2 {
		t.Fatal("the point was moved")
	}
	for i := range a {
		for j := range a[i] {
			if math.Abs(h.At(i, j)-1e-6*a[i][j]) > 1e-14 {
				t.Errorf("element %d,%d is %v, expected %v", i, j, h.At(i, j), 1e-6*a[i][j])
			}
		}
	}
}

func TestStartsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	nan := density{1, func(_, grad []float64) float64 { clear(grad); return math.NaN() }}
	steep := density{1, func(_, grad []float64) float64 {
		if grad != nil {
			grad[0] = math.Inf(1)
		}
		return 0
	}}
	optimise := map[string]func(d Density, init []float64) error{
		"LBFGS": func(d Density, init []float64) error {
			_, err := LBFGS(context.Background(), d, init, LBFGSOptions{})
			return err
		},
		"Newton": func(d Density, init []float64) error {
			_, err := Newton(context.Background(), d, init, NewtonOptions{})
			return err
		},
		"NUTS": func(d Density, init []float64) error {
			_, err := NUTS(context.Background(), func() Density { return d }, init, NUTSOptions{Chains: 1, Draws: 10})
			return err
		},
	}
	for name, run := range optimise {
		for what, err := range map[string]error{
			"nan density": run(nan, []float64{1}), "infinite gradient": run(steep, []float64{1}),
			"nan start": run(rosenbrock, []float64{1, math.NaN()}), "short start": run(rosenbrock, []float64{1}),
		} {
			var e *etf.Error
			if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "init" || e.Remedy == "" {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	for name, o := range map[string]LBFGSOptions{
		"max_iterations": {MaxIterations: -1}, "history": {History: -1}, "init_alpha": {InitAlpha: -1},
	} {
		_, err := LBFGS(context.Background(), rosenbrock, []float64{0, 0}, o)
		var e *etf.Error
		if !errors.As(err, &e) || e.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Cancellation returns the last point reached and ends the work: the density cancels at its 30th call.
func TestOptimisersCancel(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(ctx context.Context, d Density) (Result, error){
		"LBFGS": func(ctx context.Context, d Density) (Result, error) {
			return LBFGS(ctx, d, []float64{-1.2, 1}, LBFGSOptions{})
		},
		"Newton": func(ctx context.Context, d Density) (Result, error) {
			return Newton(ctx, d, []float64{-1.2, 1}, NewtonOptions{})
		},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		calls := 0
		d := density{2, func(u, grad []float64) float64 {
			if calls++; calls == 30 {
				cancel()
			}
			return rosenbrock.f(u, grad)
		}}
		r, err := run(ctx, d)
		if !errors.Is(err, context.Canceled) || r.Status != Cancelled || r.Converged {
			t.Errorf("%s: %+v %v", name, r, err)
		}
		if calls > 120 { // one Newton iteration here is 9 evaluations and up to 50 halvings
			t.Errorf("%s: %d calls, the work continued", name, calls)
		}
		if lp := rosenbrock.f([]float64{-1.2, 1}, nil); r.LogProb <= lp || r.LogProb != rosenbrock.f(r.U, nil) {
			t.Errorf("%s: log density %v at %v", name, r.LogProb, r.U)
		}
	}
}

func TestOptimisersDoNotTouchInit(t *testing.T) {
	t.Parallel()
	init := []float64{-1.2, 1}
	for range 2 {
		a, err := LBFGS(context.Background(), rosenbrock, init, LBFGSOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Newton(context.Background(), rosenbrock, init, NewtonOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if init[0] != -1.2 || init[1] != 1 || &a.U[0] == &init[0] || &b.U[0] == &init[0] {
			t.Fatal("init was changed or is shared")
		}
	}
}

// LBFGS allocates its state at the start and nothing per iteration.
func TestLBFGSAllocatesOnce(t *testing.T) {
	allocs := func(iterations int) float64 {
		return testing.AllocsPerRun(5, func() {
			_, _ = LBFGS(context.Background(), rosenbrock, []float64{-1.2, 1}, LBFGSOptions{MaxIterations: iterations})
		})
	}
	if few, many := allocs(2), allocs(30); few != many || many > 5 {
		t.Errorf("%v allocations for 2 iterations, %v for 30", few, many)
	}
}

func TestGradientError(t *testing.T) {
	t.Parallel()
	u := []float64{-1.2, 1}
	if e, _ := GradientError(rosenbrock, u, 1e-5); e > 1e-7 {
		t.Errorf("a correct gradient is off by %v", e)
	}
	wrong := density{2, func(u, grad []float64) float64 {
		lp := rosenbrock.f(u, grad)
		if grad != nil {
			grad[1] *= 1.01
		}
		return lp
	}}
	// 1 % of a gradient of size 88, relative to its size.
	if e, at := GradientError(wrong, u, 1e-5); at != 1 || math.Abs(e-0.01/1.01) > 1e-6 {
		t.Errorf("a gradient 1 %% off is off by %v at %d", e, at)
	}
	if u[0] != -1.2 || u[1] != 1 {
		t.Error("the point was changed")
	}
	nan := density{1, func(_, grad []float64) float64 { clear(grad); return math.NaN() }}
	if e, _ := GradientError(nan, []float64{0}, 1e-5); !math.IsInf(e, 1) {
		t.Errorf("a density that is not finite: %v", e)
	}
}

// The cost of an LBFGS iteration besides the density, at the size of Prophet's vectors: a bowl of 50 dimensions whose
// evaluation takes about 50 ns.
func BenchmarkLBFGSOverhead(b *testing.B) {
	const n = 50
	w, c := make([]float64, n), make([]float64, n)
	for i := range w {
		w[i], c[i] = math.Exp(float64(i)/5), float64(i%7)
	}
	d, init := bowl(w, c), make([]float64, n)
	b.ReportAllocs()
	iterations := 0
	for b.Loop() {
		r, err := LBFGS(context.Background(), d, init, LBFGSOptions{MaxIterations: 200, TolRelGrad: -1, TolRelObj: -1, TolObj: -1, TolGrad: -1, TolParam: -1})
		if err != nil {
			b.Fatal(err)
		}
		iterations += r.Iterations
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(iterations), "ns/iteration")
}
