package stan

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"gonum.org/v1/gonum/floats"

	"github.com/etfcast/etfcast/internal/testenv"
)

// trendDensity is Prophet's log posterior for linear growth and additive weekly seasonality, with its defaults:
// 25 changepoints over 80 % of the history, order 3, prior scales 0.05 and 10. u is k, m, delta, ln sigma, beta.
type trendDensity struct {
	t, y     []float64
	x        [weeklyColumns][]float64 // columns of weekly features
	c        []float64                // changepoints
	from     []int                    // first row at or after each changepoint
	jacobian bool                     // adds ln sigma, for sampling
	r        []float64
}

const changepoints, weeklyColumns = 25, 6

func (p *trendDensity) Dim() int { return 3 + changepoints + weeklyColumns }

func (p *trendDensity) LogProb(u, grad []float64) float64 {
	k, m, delta, lnSigma, beta := u[0], u[1], u[2:2+changepoints], u[2+changepoints], u[3+changepoints:]
	n := float64(len(p.y))
	sigma2 := math.Exp(2 * lnSigma)
	w := 1 / sigma2
	r := p.r
	rate, offset, next := k, m, 0
	for i, t := range p.t {
		for next < len(p.c) && t >= p.c[next] {
			rate += delta[next]
			offset -= p.c[next] * delta[next]
			next++
		}
		r[i] = p.y[i] - (rate*t + offset)
	}
	for j, x := range p.x {
		floats.AddScaled(r, -beta[j], x)
	}
	sse := floats.Dot(r, r)
	lp := -n*lnSigma - sse*w/2 - k*k/50 - m*m/50 - 2*sigma2
	for _, v := range delta {
		lp -= math.Abs(v) / 0.05
	}
	for _, v := range beta {
		lp -= v * v / 200
	}
	if p.jacobian {
		lp += lnSigma
	}
	if grad == nil {
		return lp
	}
	clear(grad)
	gb := grad[3+changepoints:]
	var s0, st float64 // of r and t*r from this row on
	j := len(p.c) - 1
	for end := len(r); end > 0; {
		from := 0
		if j >= 0 {
			from = p.from[j]
		}
		s0 += floats.Sum(r[from:end])
		st += floats.Dot(r[from:end], p.t[from:end])
		if j >= 0 {
			grad[2+j] = w * (st - p.c[j]*s0)
			j--
		}
		end = from
	}
	grad[0], grad[1] = w*st-k/25, w*s0-m/25
	for j, v := range delta {
		switch {
		case v > 0:
			grad[2+j] -= 1 / 0.05
		case v < 0:
			grad[2+j] += 1 / 0.05
		}
	}
	grad[2+changepoints] = -n + sse*w - 4*sigma2
	if p.jacobian {
		grad[2+changepoints]++
	}
	for b := range gb {
		gb[b] = w*floats.Dot(p.x[b], r) - beta[b]/100
	}
	return lp
}

// newTrendDensity scales a history as Prophet does; it also returns the start of the fit and the scales of y.
func newTrendDensity(days, y []float64, minmax bool) (d *trendDensity, init []float64, yMin, yScale float64) {
	n := len(y)
	yScale = slices.Max(y)
	if minmax {
		yMin = slices.Min(y)
		yScale -= yMin
	}
	d = &trendDensity{r: make([]float64, n)}
	span := days[n-1] - days[0]
	for i := range y {
		d.t = append(d.t, (days[i]-days[0])/span)
		d.y = append(d.y, (y[i]-yMin)/yScale)
		for j, x := range weekly(days[i]) {
			d.x[j] = append(d.x[j], x)
		}
	}
	h := int(math.Floor(float64(n) * 0.8))
	for i := 1; i <= changepoints; i++ {
		row := int(math.RoundToEven(float64(i) * float64(h-1) / changepoints))
		d.c, d.from = append(d.c, d.t[row]), append(d.from, row)
	}
	init = make([]float64, d.Dim())
	init[0] = d.y[n-1] - d.y[0]
	init[1] = d.y[0]
	return d, init, yMin, yScale
}

func weekly(day float64) (x [weeklyColumns]float64) {
	for k := 1; k <= weeklyColumns/2; k++ {
		x[2*k-2], x[2*k-1] = math.Sincos(float64(k) / 7 * (2 * math.Pi * day))
	}
	return x
}

func (p *trendDensity) predict(u []float64, first, day, span float64) float64 {
	t := (day - first) / span
	mu := u[0]*t + u[1]
	for j, c := range p.c {
		mu += u[2+j] * max(0, t-c)
	}
	for j, x := range weekly(day) {
		mu += x * u[3+changepoints+j]
	}
	return mu
}

// readPrices reads the example data.csv of Prophet's test suite: 510 rows of ds,y.
func readPrices(t testing.TB) (days, y []float64) {
	t.Helper()
	folder := testenv.RealData.Value(t)
	f, err := os.Open(filepath.Join(folder, "prophet", "data.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		d, err := time.Parse("2006-01-02", row[0])
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		days, y = append(days, float64(d.Unix()/86400)), append(y, v)
	}
	return days, y
}

// The log of CmdStan 2.37.0 (Prophet 1.3.0's model, data.csv's first 480 rows, absmax scaling, algorithm=lbfgs,
// refresh=1) gives the log density with six digits and the number of evaluations after each iteration. Here
// MaxIterations selects the iteration. The paths are the same to six digits for some 50 iterations; then rounding
// separates them.
func TestLBFGSFollowsStansPath(t *testing.T) {
	t.Parallel()
	days, y := readPrices(t)
	d, init, _, _ := newTrendDensity(days[:480], y[:480], false)
	// The init Prophet 1.3.0 passes to CmdStan for these rows.
	if math.Abs(init[0]-0.29834791059280863) > 1e-15 || math.Abs(init[1]-0.5307510759405802) > 1e-15 {
		t.Fatalf("start k=%v m=%v", init[0], init[1])
	}
	for _, want := range []struct {
		iteration   int
		lp          float64
		evaluations int
	}{
		{1, 194.248, 2}, {2, 401.29, 6}, {3, 823.193, 9}, {4, 841.751, 12}, {5, 855.753, 13}, {6, 876.851, 14}, {7, 894.336, 15},
		{8, 907.459, 16}, {9, 934.1, 17}, {10, 963.061, 18}, {11, 983.752, 19}, {12, 1008.84, 20}, {13, 1020.6, 21},
		{14, 1029.22, 22}, {15, 1033.67, 23}, {20, 1042.13, 28}, {30, 1075.33, 38}, {40, 1086.46, 50},
	} {
		r, err := LBFGS(context.Background(), d, init, LBFGSOptions{MaxIterations: want.iteration})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.LogProb-want.lp) > 1e-5*want.lp || r.Evaluations != want.evaluations || r.Status != MaxIterationsReached {
			t.Errorf("iteration %d: log density %.6g after %d evaluations (%s), CmdStan has %.6g after %d", want.iteration, r.LogProb, r.Evaluations, r.Status, want.lp, want.evaluations)
		}
	}
}

// Prophet's test suite compares 30 predictions on consecutive calendar days with the next 30 rows by position: RMSE
// 10.64 and 11.13 within 10 % for L-BFGS, 23.44 and 11.29 within 1 % for Newton (test_prophet.py,
// TestProphetFitPredictDefault). The log densities are those reached by an independent program written from the same
// recipe; Prophet 1.3.0 with CmdStan 2.37.0 reached 1143.2072 and 1147.2790.
func TestProphetsPinnedFits(t *testing.T) {
	t.Parallel()
	days, y := readPrices(t)
	for _, c := range []struct {
		name      string
		newton    bool
		minmax    bool
		rmse, tol float64
		lp, lpTol float64
	}{
		{"lbfgs absmax", false, false, 10.64, 0.1, 1142.98, 0.5},
		{"lbfgs minmax", false, true, 11.13, 0.1, 973.53765, 1.5},
		{"newton absmax", true, false, 23.44, 0.01, 1147.2790, 1e-4},
		{"newton minmax", true, true, 11.29, 0.01, 978.19765, 1e-3},
	} {
		d, init, yMin, yScale := newTrendDensity(days[:480], y[:480], c.minmax)
		var r Result
		var err error
		if c.newton {
			r, err = Newton(context.Background(), d, init, NewtonOptions{})
		} else {
			r, err = LBFGS(context.Background(), d, init, LBFGSOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		if !r.Converged {
			t.Errorf("%s: %s", c.name, r.Status)
		}
		var sum float64
		for i := range 30 {
			e := y[480+i] - (d.predict(r.U, days[0], days[479]+1+float64(i), days[479]-days[0])*yScale + yMin)
			sum += e * e
		}
		rmse := math.Sqrt(sum / 30)
		if math.Abs(rmse-c.rmse) > c.tol*c.rmse {
			t.Errorf("%s: RMSE %.4f, Prophet pins %.2f", c.name, rmse, c.rmse)
		}
		if math.Abs(r.LogProb-c.lp) > c.lpTol {
			t.Errorf("%s: log density %.5f, expected %.5f", c.name, r.LogProb, c.lp)
		}
		t.Logf("%s: RMSE %.4f, log density %.5f, %d iterations, %d evaluations, %s", c.name, rmse, r.LogProb, r.Iterations, r.Evaluations, r.Status)
	}
}

func TestTrendDensityGradient(t *testing.T) {
	t.Parallel()
	days, y := readPrices(t)
	d, u, _, _ := newTrendDensity(days[:480], y[:480], false)
	for i := range u {
		u[i] += 0.01 * math.Sin(float64(3*i+1))
	}
	u[2+changepoints] = -2
	if e, at := GradientError(d, u, 1e-6); e > 1e-6 {
		t.Errorf("coordinate %d is off by %v", at, e)
	}
}

func BenchmarkLBFGSProphet(b *testing.B) {
	days, y := readPrices(b)
	d, init, _, _ := newTrendDensity(days[:480], y[:480], false)
	b.ReportAllocs()
	var evaluations int
	for b.Loop() {
		r, err := LBFGS(context.Background(), d, init, LBFGSOptions{})
		if err != nil {
			b.Fatal(err)
		}
		evaluations = r.Evaluations
	}
	b.ReportMetric(float64(evaluations), "evals/op")
}
