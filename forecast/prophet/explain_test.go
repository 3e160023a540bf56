package prophet

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet/stan"
)

// dailyFrame returns a frame of daily rows.
func dailyFrame(y ...float64) *Frame {
	f := &Frame{Y: y}
	for i := range y {
		f.DS = append(f.DS, DateOf(2020, 1, 1)+Stamp(i)*Day)
	}
	return f
}

// noisy returns n values around level with standard deviation 1.
func noisy(level float64, n int) []float64 {
	rng := rand.New(rand.NewPCG(9, 9))
	out := make([]float64, n)
	for i := range out {
		out[i] = level + rng.NormFloat64()
	}
	return out
}

// Where the posterior has no maximum, the status says why, and what would give it one.
func TestNoMaximumNamesItsCause(t *testing.T) {
	t.Parallel()
	line := make([]float64, 40)
	for i := range line {
		line[i] = 1 + 2*float64(i)
	}
	few := dailyFrame(3, 1, 4, 1, 5, 9)
	few.Columns = map[string][]float64{"a": {1, 5, 2, 2, 7, 3}, "b": {2, 7, 1, 8, 2, 8}, "c": {1, 4, 1, 4, 2, 1}}
	withRegressors := Defaults()
	withRegressors.ChangepointPriorScale = 10
	withRegressors.Regressors = []Regressor{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for _, c := range []struct {
		name string
		f    *Frame
		o    Options
		want string
	}{
		{"two rows", dailyFrame(1, 3), Defaults(), "no maximum: a trend passes through 2 rows exactly, so nothing shows how large the noise is; give more rows"},
		{"a straight line", dailyFrame(line...), Defaults(), "no maximum: y follows the model exactly, without noise; use the forecast as it is, but not its intervals: they have no width"},
		{"fewer rows than parameters", few, withRegressors,
			"no maximum: the model has 8 parameters and can meet 6 rows exactly; give more rows, use fewer changepoints, seasonalities or regressors, or use smaller prior scales"},
		{"a large offset", dailyFrame(noisy(1e13, 60)...), Defaults(), "no maximum: y varies by only 4e-13 of its size; subtract the offset from y, or use scaling minmax"},
	} {
		r := fitBy(t, c.o, c.f, MAP, FitOptions{}).Report()
		if r.Status != c.want || r.Converged {
			t.Errorf("%s: %q, converged %t; want %q", c.name, r.Status, r.Converged, c.want)
		}
	}
}

// An offset of a thousand million leaves enough digits: there is a maximum, and it is found.
func TestMAPResolvesLargeOffsets(t *testing.T) {
	t.Parallel()
	for _, offset := range []float64{1e9, 1e10} {
		f := dailyFrame(noisy(offset, 60)...)
		top, newton := fitBy(t, Defaults(), f, MAP, FitOptions{}).Report(), fitBy(t, Defaults(), f, Newton, FitOptions{MaxIterations: iterations(Newton)}).Report()
		if top.Status != statusConverged || top.LogPosterior < newton.LogPosterior-1e-3 {
			t.Errorf("offset %v: %+v, Newton's log posterior is %v", offset, top, newton.LogPosterior)
		}
	}
}

// Twelve weekdays with multiplicative and additive terms: the climb from the original's start ends at a maximum 16 below
// where the original's Newton method ends, 67.4593.
func TestMAPLooksFurtherThanTheFirstMaximum(t *testing.T) {
	t.Parallel()
	f := &Frame{Columns: map[string][]float64{}}
	for _, r := range []struct {
		date Stamp
		y, x float64
	}{
		{DateOf(2015, 1, 1), 999.2716748789544, -1.4715957151180727},
		{DateOf(2015, 1, 2), 982.7401896053825, 0.0332952811102698},
		{DateOf(2015, 1, 5), 1541.6960785187207, 0.5453052462452516},
		{DateOf(2015, 1, 6), 1199.1057440384693, -1.3369580224956716},
		{DateOf(2015, 1, 7), 853.8118328785947, -0.13778970340902724},
		{DateOf(2015, 1, 8), 574.5570462112414, -1.1861636196337997},
		{DateOf(2015, 1, 9), 348.66550971102055, -1.0581247980833137},
		{DateOf(2015, 1, 12), 120.13742094447149, -0.26948889852786956},
		{DateOf(2015, 1, 13), -145.52646088591007, 2.1979767624777398},
		{DateOf(2015, 1, 14), -429.8786368259191, -0.026218822952053928},
		{DateOf(2015, 1, 15), -676.6716494522834, 0.3712497679913561},
		{DateOf(2015, 1, 16), -864.2946561934926, -0.31631774331641554},
	} {
		f.DS, f.Y, f.Columns["x"] = append(f.DS, r.date), append(f.Y, r.y), append(f.Columns["x"], r.x)
	}
	o := Defaults()
	o.SeasonalityMode, o.ChangepointPriorScale, o.NChangepoints, o.ChangepointRange = Multiplicative, 10, 3, 1
	o.Regressors = []Regressor{{Name: "x", Mode: Multiplicative}}
	o.Seasonalities = []Seasonality{{Name: "monthly", Period: 30.5, FourierOrder: 1, Mode: Additive}}
	r := fitBy(t, o, f, MAP, FitOptions{}).Report()
	if r.LogPosterior < 67.4593-1e-3 || !strings.HasPrefix(r.Status, "converged: best of ") || !strings.HasSuffix(r.Status, " starts") {
		t.Errorf("%+v", r)
	}
}

// A caller's own limit is named as such.
func TestCallersIterationLimitIsNamed(t *testing.T) {
	t.Parallel()
	f, o := randomSeries(2)
	for by, want := range map[Optimizer]string{
		MAP:    "stopped: iteration limit: the fit was given 2 iterations; allow more",
		Newton: "max iterations: the fit was given 2 iterations; allow more",
		LBFGS:  "max iterations: the fit was given 2 iterations; allow more",
	} {
		if r := fitBy(t, o, f, by, FitOptions{MaxIterations: 2}).Report(); r.Status != want || r.Converged {
			t.Errorf("%s: %q, want %q", by, r.Status, want)
		}
	}
}

// What stops an optimiser short of its end, and the remedy.
func TestStoppedNamesItsCause(t *testing.T) {
	t.Parallel()
	const n = 40
	ramp := func(from, to float64) []float64 {
		y := make([]float64, n)
		for i := range y {
			y[i] = from + (to-from)*float64(i)/(n-1)
		}
		return y
	}
	step := make([]float64, n)
	for i := n / 2; i < n; i++ {
		step[i] = 1
	}
	const stopped = "stopped: iteration limit: "
	for _, c := range []struct {
		name         string
		growth       Growth
		y            []float64
		tau, prior   float64
		sigma        float64
		changepoints int
		scaling      Scaling
		by           Optimizer
		status, want string
	}{
		{"constant", Logistic, ramp(0.5, 0.5), 0.05, 10, 0.1, 5, AbsMax, MAP, statusLimit, stopped + "y is constant; use growth linear or flat, which need no search then"},
		{"offset", Linear, ramp(1e9, 1e9+1), 0.05, 10, 0.1, 5, AbsMax, MAP, statusLimit, stopped + "y varies by only 1e-09 of its size; subtract the offset from y, or use scaling minmax"},
		{"offset with minmax", Linear, ramp(1e15, 1e15+100), 0.05, 10, 0.1, 5, MinMax, MAP, statusNoStep,
			statusNoStep + ": y varies by 1e-13 of its size, close to the precision of its numbers; subtract the offset where y is made, before it is rounded"},
		{"sigma falls", Linear, ramp(0, 1), 0.05, 10, 1e-5, 50, AbsMax, MAP, statusLimit,
			stopped + "the model has 53 parameters for 40 rows, and sigma is still falling to 0; " + remedyParameters},
		{"more parameters than rows", Linear, ramp(0, 1), 0.05, 10, 0.1, 50, AbsMax, MAP, statusLimit, stopped + "the model has 53 parameters for 40 rows; " + remedyParameters},
		{"one step", Logistic, step, 0.05, 10, 0.1, 5, AbsMax, MAP, statusLimit,
			stopped + "y goes from floor to cap in one step, which no logistic curve is steep enough for; give rows of the rise, or use linear growth"},
		{"near cap", Logistic, ramp(0.2, 1.1), 0.05, 10, 0.1, 5, AbsMax, MAP, statusLimit, stopped + "y reaches 1.1 of cap, which a logistic curve only approaches; give a higher cap"},
		{"far cap", Logistic, ramp(0, 1e-4), 0.05, 10, 0.1, 5, AbsMax, MAP, statusLimit,
			stopped + "y reaches only 0.0001 of cap, where a logistic curve can't be told from an exponential one; give a lower cap, or use linear growth"},
		{"below floor", Logistic, ramp(-0.5, 0.9), 0.05, 10, 0.1, 5, AbsMax, MAP, statusLimit, stopped + "y falls below the floor of logistic growth; give a column floor below y"},
		{"wide changepoints", Linear, ramp(0, 1), 1e6, 10, 0.1, 5, AbsMax, MAP, statusLimit,
			stopped + "the prior scale of changepoints, 1e+06, is so wide that different parameters fit y almost equally well; use 10 or less"},
		{"wide regressor", Linear, ramp(0, 1), 0.05, 1e4, 0.1, 5, AbsMax, Newton, string(stan.NoAscent),
			"no step raises the log density: the prior scale of price, 1e+04, is so wide that different parameters fit y almost equally well; use 10 or less"},
		{"the original's recipe", Linear, ramp(0, 1), 0.05, 10, 0.1, 5, AbsMax, LBFGS, string(stan.LineSearchFailed),
			"line search failed: this recipe of the original makes no more progress; use optimizer map"},
		{"nothing in particular", Linear, ramp(0, 1), 0.05, 10, 0.1, 5, AbsMax, MAP, statusLimit,
			stopped + "different parameters fit y almost equally well; use fewer changepoints or seasonalities, or smaller prior scales"},
	} {
		f := &Fitted{s: State{Options: Options{Growth: c.growth, Scaling: c.scaling}, Changepoints: make([]Stamp, c.changepoints)},
			layout: layout{columns: []column{{name: "price", component: "price", prior: c.prior, mode: Additive}}}}
		p := &posterior{growth: c.growth, y: c.y, tau: c.tau, none: []bool{false}, limit: ramp(1, 1)}
		got := f.explain(p, &rows{y: c.y}, &mode{status: c.status, sigma: c.sigma, iterations: 3000}, c.by, 0)
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// A fit that converged needs no explanation.
	if got := (&Fitted{}).explain(nil, nil, &mode{status: statusConverged, converged: true}, MAP, 0); got != statusConverged {
		t.Error(got)
	}
	if of := variation([]float64{0, 0}); of != 0 || math.IsNaN(of) {
		t.Errorf("zeros vary by %v", of)
	}
}
