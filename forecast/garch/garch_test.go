package garch

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// origin is a Friday.
var origin = etf.MustSession("2025-09-26")

// series puts closes on consecutive days up to the origin.
func series(closes ...float64) forecast.Series {
	s := forecast.Series{Symbol: "SIM", Exchange: etf.XNYS, Close: closes, Origin: origin}
	for i := range closes {
		s.Sessions = append(s.Sessions, origin.AddDays(i+1-len(closes)))
	}
	return s
}

// fromReturns returns closes that start at 100 and have these log returns in percent.
func fromReturns(returns []float64) forecast.Series {
	closes := []float64{100}
	for _, r := range returns {
		closes = append(closes, closes[len(closes)-1]*math.Exp(r/100))
	}
	return series(closes...)
}

// targets are the n days after the origin.
func targets(n int) []etf.Session {
	out := make([]etf.Session, n)
	for i := range out {
		out[i] = origin.AddDays(i + 1)
	}
	return out
}

// simulate returns n returns in percent of the model, after 300 that are thrown away.
func simulate(random *rand.Rand, p theta, n int) []float64 {
	s := newStudent(p.nu, p.lambda)
	t := newTable(&s)
	h := p.omega / (1 - p.persistence())
	out := make([]float64, 0, n+300)
	for range n + 300 {
		e := math.Sqrt(h) * t.at(random.NormFloat64())
		out = append(out, p.mu+e)
		h = p.next(h, e)
	}
	return out[300:]
}

func fit(t testing.TB, m *Model, s forecast.Series) *fitted {
	t.Helper()
	f, err := m.Fit(context.Background(), s, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*fitted)
}

func predict(t testing.TB, f forecast.Fitted, horizons int) ([]etf.ForecastPoint, [][2]float64) {
	t.Helper()
	at := make([]etf.Session, horizons)
	for i := range at {
		at[i] = f.(*fitted).Origin.AddDays(i + 1)
	}
	points, err := f.Predict(at)
	if err != nil {
		t.Fatal(err)
	}
	tails, err := f.(*fitted).Tails(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := forecast.CheckTails(points, tails); err != nil {
		t.Fatal(err)
	}
	return points, tails
}

var (
	symmetric = theta{mu: .04, omega: .03, alpha: .08, beta: .89, nu: 6}
	skewed    = theta{mu: .04, omega: .03, alpha: .02, gamma: .14, beta: .87, nu: 7, lambda: -.15}
)

// The gradient is that of central differences.
func TestGradient(t *testing.T) {
	t.Parallel()
	returns := simulate(rand.New(rand.NewPCG(1, 1)), skewed, 400)
	steps := make([]int, len(returns))
	for i := range steps {
		steps[i] = 1 + i%7/6*2 // every seventh over three sessions
	}
	d := newData(returns, steps)
	for _, p := range []theta{symmetric, skewed, {mu: -.3, omega: .5, alpha: .3, gamma: -.2, beta: .5, nu: 3, lambda: .4}} {
		var g, unused [size]float64
		value, _, _ := d.logLikelihood(&p, &g)
		if plain, _, _ := d.logLikelihood(&p, nil); math.Abs(plain-value) > 1e-9*math.Abs(value) {
			t.Errorf("log likelihood %v with gradient, %v without", value, plain)
		}
		if p == symmetric { // the same in the form without gamma and lambda
			var h [size]float64
			if plain, _, _ := d.symmetricWithGradient(&p, &h); math.Abs(plain-value) > 1e-9*math.Abs(value) {
				t.Errorf("log likelihood %v, without gamma and lambda %v", value, plain)
			}
			for _, k := range []int{atMu, atOmega, atAlpha, atBeta, atNu} {
				near(t, "derivative", h[k], g[k], 1e-9)
			}
		}
		for k := range size {
			at := func(x float64) float64 {
				q := p
				*[]*float64{&q.mu, &q.omega, &q.alpha, &q.gamma, &q.beta, &q.nu, &q.lambda}[k] += x
				v, _, _ := d.logLikelihood(&q, &unused)
				return v
			}
			const h = 1e-5
			if numeric := (at(h) - at(-h)) / (2 * h); math.Abs(numeric-g[k]) > 1e-5*max(math.Abs(numeric), 1) {
				t.Errorf("%+v, parameter %d: derivative %v, differences say %v", p, k, g[k], numeric)
			}
		}
	}
}

// Of simulated returns, the parameters come back: the mean estimate of 12 series of 2,520 within about three of its standard errors, which
// are those of the spread of the 12 estimates.
func TestParametersComeBack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct {
		m *Model
		p theta
	}{{Default(), symmetric}, {DefaultGJR(), skewed}} {
		const n = 12
		var sum, squares [size]float64
		for range n {
			f := fit(t, c.m, fromReturns(simulate(random, c.p, 2520)))
			if f.Status != statusOK {
				t.Fatalf("status %q", f.Status)
			}
			for k, v := range []float64{f.Mu, math.Log(f.Omega), f.Alpha, f.Gamma, f.Beta, 1 / f.Nu, f.Lambda} {
				sum[k] += v / n
				squares[k] += v * v / n
			}
		}
		for k, want := range []float64{c.p.mu, math.Log(c.p.omega), c.p.alpha, c.p.gamma, c.p.beta, 1 / c.p.nu, c.p.lambda} {
			se := math.Sqrt(max(squares[k]-sum[k]*sum[k], 0) / (n - 1))
			if math.Abs(sum[k]-want) > 3.2*se+1e-12 || se > .2 {
				t.Errorf("%s, parameter %d: mean estimate %.4f with standard error %.4f, want %.4f", c.m.Name(), k, sum[k], se, want)
			}
		}
	}
}

// Closes simulated after the fit fall evenly between the quantiles one session ahead: fits to 1,500 returns, filtered over 400 more, 8 times.
// Bounds are four standard errors. At 5 and 21 sessions, every 5 and 21 sessions, the 90 % interval covers 90 % less what estimated
// parameters cost.
func TestCalibratedOnSimulatedReturns(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		m *Model
		p theta
	}{{Default(), symmetric}, {DefaultGJR(), skewed}} {
		var counts [10]float64 // between tails and quantiles
		covered, origins := map[int]float64{}, map[int]float64{}
		const fitted, after, series = 1500, 400, 8
		for range series {
			s := fromReturns(simulate(random, c.p, fitted+after+21))
			cut := func(n int) forecast.Series {
				part := s
				part.Sessions, part.Close, part.Origin = s.Sessions[:n+1], s.Close[:n+1], s.Sessions[n]
				return part
			}
			f := forecast.Fitted(fit(t, c.m, cut(fitted)))
			for at := fitted; at < fitted+after; at++ {
				var err error
				if f, err = f.(forecast.Filterer).Filter(context.Background(), cut(at)); err != nil {
					t.Fatal(err)
				}
				points, tails := predict(t, f, 21)
				bin := 0
				for _, q := range append([]float64{tails[0][0], tails[0][1]}, points[0].Quantiles[:]...) {
					if s.Close[at+1] > q {
						bin++
					}
				}
				counts[bin]++
				for _, h := range []int{5, 21} {
					if at%h == 0 {
						origins[h]++
						if a, q := s.Close[at+h], points[h-1].Quantiles; a >= q[0] && a <= q[6] {
							covered[h]++
						}
					}
				}
			}
		}
		n := float64(after * series)
		for bin, want := range []float64{.025, .025, .05, .15, .25, .25, .15, .05, .025, .025} {
			if math.Abs(counts[bin]/n-want) > 4*math.Sqrt(want*(1-want)/n) {
				t.Errorf("%s: %.4f of closes fall into bin %d, want %.4f", c.m.Name(), counts[bin]/n, bin, want)
			}
		}
		for _, h := range []int{5, 21} {
			se := math.Sqrt(.9 * .1 / origins[h])
			if share := covered[h] / origins[h]; math.Abs(share-.9) > 3.5*se {
				t.Errorf("%s: the 90 %% interval %d sessions ahead covers %.3f of %v", c.m.Name(), h, share, origins[h])
			}
		}
	}
}

// Prices a hundred times as high give forecasts a hundred times as high. The logarithms of the ratios differ by rounding, so that the search
// for the maximum ends some 1e-6 elsewhere.
func TestUnits(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(4, 4))
	for _, m := range []*Model{Default(), DefaultGJR()} {
		s := fromReturns(simulate(random, skewed, 800))
		scaled := s
		scaled.Close = slices.Clone(s.Close)
		for i := range scaled.Close {
			scaled.Close[i] *= 100
		}
		a, _ := predict(t, fit(t, m, s), 21)
		b, _ := predict(t, fit(t, m, scaled), 21)
		for i := range a {
			near(t, "mean", b[i].Mean, 100*a[i].Mean, 1e-6)
			for k := range a[i].Quantiles {
				near(t, "quantile", b[i].Quantiles[k], 100*a[i].Quantiles[k], 1e-6)
			}
		}
	}
}

// Rows before the last MaxRows change nothing, nor does the seed; fewer horizons are the first of more.
func TestSameForecast(t *testing.T) {
	t.Parallel()
	s := fromReturns(simulate(rand.New(rand.NewPCG(5, 5)), skewed, 3000))
	for _, m := range []*Model{Default(), DefaultGJR()} {
		if m.MinRows() != 251 || m.MaxRows() != 2521 {
			t.Errorf("MinRows %d, MaxRows %d", m.MinRows(), m.MaxRows())
		}
		whole, tails := predict(t, fit(t, m, s), 42)
		other, err := m.Fit(context.Background(), s.Tail(m.MaxRows()), 99, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 5, 21, 42} {
			points, ends := predict(t, other, n)
			if !slices.Equal(points, whole[:n]) || !slices.Equal(ends, tails[:n]) {
				t.Errorf("%s, %d horizons: another forecast", m.Name(), n)
			}
		}
	}
}

// One session ahead, by hand: median exp(mu), 95 % quantile 1.943180 sqrt(4/6) standard deviations above (see TestStudent), and the mean
// that of a lognormal. Two sessions ahead the variance is h + omega + (alpha + beta) h.
func TestForecastByHand(t *testing.T) {
	t.Parallel()
	f := &fitted{state: state{Model: Name, Origin: origin, Last: 50, Floor: DefaultFloor, Mu: .05, Omega: .1, Alpha: .1, Beta: .8, Nu: 6, Variance: 2}}
	f.shape = newShape(f.theta())
	points, _ := predict(t, f, 2)
	near(t, "median", points[0].Quantiles[3], 50*math.Exp(.0005), 1e-12)
	near(t, "95 % quantile", points[0].Quantiles[6], 50*math.Exp(.0005+.01*math.Sqrt2*1.943180*math.Sqrt(4./6)), 1e-7)
	near(t, "mean", points[0].Mean, 50*math.Exp(.0005+2e-4/2), 1e-12)
	near(t, "mean of two", points[1].Mean, 50*math.Exp(.001+(2+.1+.9*2)*1e-4/2), 1e-12)
	near(t, "median of two", points[1].Quantiles[3], 50*math.Exp(.001), 1e-12)
	down, up := math.Log(points[1].Quantiles[3]/points[1].Quantiles[0]), math.Log(points[1].Quantiles[6]/points[1].Quantiles[3])
	near(t, "upper half", up, down, 1e-9)
}

// After a fall, the variance of "gjr" is that of its recursion, alpha + gamma times the squared residual; after a rise of the same size,
// alpha times.
func TestFilterByHand(t *testing.T) {
	t.Parallel()
	f := &fitted{state: state{Model: NameGJR, Origin: origin, From: origin - 9, Last: 100, Floor: DefaultFloor, Mu: .1, Omega: .05, Alpha: .02, Gamma: .2, Beta: .8, Nu: 6, Lambda: -.1, Variance: 1}}
	f.shape = newShape(f.theta())
	for _, c := range []struct {
		percent, want float64
		step          int
	}{{-1.9, .05 + .22*4 + .8, 1}, {2.1, .05 + .02*4 + .8, 1}, {2*2 + .4, .05 + .02*4 + .8, 4}} { // over 4 sessions: (4.4 - .4)/2 = 2
		s := series(100, 100*math.Exp(c.percent/100))
		s.Sessions = []etf.Session{origin, origin + 7}
		s.Origin, s.Steps = origin+7, []int{0, c.step}
		g, err := f.Filter(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "variance", g.(*fitted).Variance, c.want, 1e-12)
		if d := g.Diagnostics(); d["filtered"] != "1" || g.(*fitted).Origin != origin+7 || g.(*fitted).Last != s.Close[1] {
			t.Errorf("filtered fit %+v", g.(*fitted).state)
		}
	}
}

// Filtering, at once or row by row, ends with the variance that the likelihood's recursion ends with.
func TestFilterGoesOnWithTheRecursion(t *testing.T) {
	t.Parallel()
	s := fromReturns(simulate(rand.New(rand.NewPCG(6, 6)), skewed, 1040))
	s.Steps = make([]int, len(s.Close))
	for i := 1; i < len(s.Steps); i++ {
		s.Steps[i] = 1 + i%50/49
	}
	cut := func(from, to int) forecast.Series {
		part := s
		part.Sessions, part.Close, part.Steps, part.Origin = s.Sessions[from:to], s.Close[from:to], s.Steps[from:to], s.Sessions[to-1]
		return part
	}
	for _, m := range []*Model{Default(), DefaultGJR()} {
		f := fit(t, m, cut(0, 1001))
		if f.Gaps != 20 {
			t.Errorf("%d gaps", f.Gaps)
		}
		returns, steps := make([]float64, 1040), make([]int, 1040)
		for i := range returns {
			returns[i], steps[i] = percent(s.Close[i], s.Close[i+1]), s.Steps[i+1]
		}
		p := f.theta()
		d := newData(returns, steps)
		d.backcast = newData(returns[:1000], steps[:1000]).backcast
		_, h, e := d.logLikelihood(&p, nil)
		want := p.next(h, e)
		atOnce, err := f.Filter(context.Background(), cut(990, 1041)) // rows before the fit's window are absent
		if err != nil {
			t.Fatal(err)
		}
		step := forecast.Fitted(f)
		for to := 1001; to <= 1041; to += 4 {
			if step, err = step.(forecast.Filterer).Filter(context.Background(), cut(to-20, to)); err != nil {
				t.Fatal(err)
			}
		}
		near(t, "variance", atOnce.(*fitted).Variance, want, 1e-9)
		if step.(*fitted).state != atOnce.(*fitted).state || atOnce.Diagnostics()["filtered"] != "40" {
			t.Errorf("row by row %+v, at once %+v", step.(*fitted).state, atOnce.(*fitted).state)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	t.Parallel()
	s := fromReturns(simulate(rand.New(rand.NewPCG(7, 7)), symmetric, 300))
	f := fit(t, Default(), s)
	for name, bad := range map[string]forecast.Series{
		"ends before":     series(1, 2, 3).Tail(3),
		"without the row": {Sessions: []etf.Session{origin - 1, origin + 1}, Close: []float64{1, 2}, Origin: origin + 1},
		"a bad close":     {Sessions: []etf.Session{origin, origin + 1}, Close: []float64{1, math.NaN()}, Origin: origin + 1},
		"lengths":         {Sessions: []etf.Session{origin, origin + 1}, Close: []float64{1}, Origin: origin + 1},
		"empty":           {},
	} {
		if name == "ends before" {
			bad.Sessions = []etf.Session{origin - 5, origin - 4, origin - 3}
			bad.Origin = origin - 3
		}
		if _, err := f.Filter(context.Background(), bad); err == nil || etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Filter(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Returns over four sessions each, twice as large about four times the mean, are as likely as returns over one, but for the factor that they are
// scaled with: the same parameters per session.
func TestGapsScale(t *testing.T) {
	t.Parallel()
	returns := simulate(rand.New(rand.NewPCG(8, 8)), symmetric, 900)
	plain, wide := fromReturns(returns), make([]float64, len(returns))
	for i, r := range returns {
		wide[i] = 2*r + 2*symmetric.mu // mean: 4 mu = 2 mu + 2 mu
	}
	s := fromReturns(wide)
	s.Steps = make([]int, len(s.Close))
	for i := 1; i < len(s.Steps); i++ {
		s.Steps[i] = 4
	}
	a, b := fit(t, Default(), plain), fit(t, Default(), s)
	near(t, "mu", 2*b.Mu, a.Mu+symmetric.mu, 1e-4)
	near(t, "alpha", b.Alpha, a.Alpha, 1e-3)
	near(t, "beta", b.Beta, a.Beta, 1e-3)
	near(t, "variance", b.Variance, a.Variance, 1e-3)
	near(t, "log likelihood", b.LogLikelihood, a.LogLikelihood-900*math.Log(2), 1e-9)
}

// Series that the likelihood says nothing about get a forecast and say why it is what it is. The variance of a series that repeats closes
// is positive, and near that of its moves.
func TestStatus(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 9))
	draw := func(n int, f func(i int) float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	for _, c := range []struct {
		name, status string
		returns      []float64
		low, high    float64 // of sigma, in percent
	}{
		{"constant", statusConstant, make([]float64, 300), .001, .0011},
		{"hardly moves", statusConstant, draw(300, func(int) float64 { return 1e-5 * random.NormFloat64() }), .001, .0011},
		{"moves every third session", statusRepeats, draw(600, func(i int) float64 { return float64(max(i%3-1, 0)) * random.NormFloat64() }), .3, 1},
		{"stands still for a month", statusRepeats, draw(600, func(i int) float64 {
			if i >= 300 && i < 325 {
				return 0
			}
			return random.NormFloat64()
		}), .6, 1.6},
		{"one return of 40 %", statusOK, draw(600, func(i int) float64 {
			if i == 300 {
				return 40
			}
			return random.NormFloat64()
		}), .6, 3},
		{"moves by one tick or not", statusOK, draw(1000, func(int) float64 { return .02 * float64(random.IntN(3)-1) }), .01, .03},
	} {
		for _, m := range []*Model{Default(), DefaultGJR()} {
			f := fit(t, m, fromReturns(c.returns))
			if d := f.Diagnostics(); d["status"] != c.status {
				t.Errorf("%s, %s: status %q, want %q", c.name, m.Name(), d["status"], c.status)
			}
			predict(t, f, 42)
			if sigma := math.Sqrt(f.Variance); !(sigma >= c.low*(1-1e-12) && sigma <= c.high) {
				t.Errorf("%s, %s: sigma %v %%, want %v to %v", c.name, m.Name(), sigma, c.low, c.high)
			}
		}
	}
}

// No series of enough rows, however ugly, gives an error, NaN, a price that is not positive or crossing quantiles.
func TestUglySeries(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(10, 10))
	for i := range 48 {
		ugly(t, random.Uint64(), uint8(i))
	}
}

func FuzzFit(f *testing.F) {
	f.Add(uint64(1), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, kind uint8) { ugly(t, seed, kind) })
}

// ugly fits, filters and predicts a series of a kind.
func ugly(t *testing.T, seed uint64, kind uint8) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, uint64(kind)))
	returns := make([]float64, 251+random.IntN(150))
	scale := math.Exp(random.NormFloat64() * 4)
	for i := range returns {
		switch kind % 12 {
		case 0:
			returns[i] = scale * random.NormFloat64()
		case 1: // few moves
			returns[i] = scale * float64(random.IntN(6)/5)
		case 2: // ticks
			returns[i] = scale * float64(random.IntN(5)-2)
		case 3: // alternating
			returns[i] = scale * float64(1-2*(i%2))
		case 4: // tails without a variance
			returns[i] = scale * random.NormFloat64() / random.NormFloat64()
		case 5: // one move
			if i == len(returns)/2 {
				returns[i] = 300
			}
		case 6: // the last row is an outlier
			returns[i] = random.NormFloat64()
			if i == len(returns)-1 {
				returns[i] = scale * 500
			}
		case 7: // explodes
			returns[i] = 1e-6 * math.Exp(float64(i)/20) * random.NormFloat64()
		case 8: // dies away
			returns[i] = 10 * math.Exp(-float64(i)/15) * random.NormFloat64()
		case 9: // a trend without noise
			returns[i] = scale * .1
		case 10: // only rises
			returns[i] = random.ExpFloat64()
		case 11: // a sine
			returns[i] = math.Sin(float64(i) / 10)
		}
		returns[i] = min(max(returns[i], -600), 600)
	}
	closes := []float64{100}
	for _, r := range returns {
		closes = append(closes, min(max(closes[len(closes)-1]*math.Exp(r/100), 1e-300), 1e300))
	}
	s := series(closes...)
	for _, m := range []*Model{Default(), DefaultGJR()} {
		past := s
		past.Sessions, past.Close, past.Origin = s.Sessions[:251], s.Close[:251], s.Sessions[250]
		f, err := m.Fit(context.Background(), past, seed, nil)
		if err == nil {
			predict(t, f, 42)
			f, err = f.(forecast.Filterer).Filter(context.Background(), s)
		}
		if err != nil {
			t.Fatalf("seed %d, kind %d, %s: %v", seed, kind, m.Name(), err)
		}
		predict(t, f, 42)
		blob, err := f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Restore(blob); err != nil {
			t.Fatalf("seed %d, kind %d, %s: %v in %s", seed, kind, m.Name(), err, blob)
		}
	}
}

func TestFitRefuses(t *testing.T) {
	t.Parallel()
	sound := fromReturns(simulate(rand.New(rand.NewPCG(11, 11)), symmetric, 260))
	for field, change := range map[string]func(*forecast.Series){
		"sessions":    func(s *forecast.Series) { *s = s.Tail(250) },
		"close[3]":    func(s *forecast.Series) { s.Close[3] = math.NaN() },
		"close[260]":  func(s *forecast.Series) { s.Close[260] = 0 },
		"sessions[9]": func(s *forecast.Series) { s.Sessions[9] = s.Sessions[8] },
		"origin":      func(s *forecast.Series) { s.Origin++ },
		"steps[4]":    func(s *forecast.Series) { s.Steps = make([]int, 261); s.Steps[1], s.Steps[2], s.Steps[3] = 1, 1, 1 },
		"close":       func(s *forecast.Series) { s.Close = s.Close[1:] },
	} {
		s := sound
		s.Close, s.Sessions = slices.Clone(s.Close), slices.Clone(s.Sessions)
		change(&s)
		_, err := Default().Fit(context.Background(), s, 0, nil)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != field || e.Remedy == "" {
			t.Errorf("error %v, want field %s", err, field)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Default().Fit(ctx, sound, 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	f := fit(t, Default(), sound.Tail(251))
	for name, bad := range map[string][]etf.Session{"none": nil, "the origin": {origin}, "descending": {origin + 4, origin + 3}} {
		if _, err := f.Predict(bad); err == nil || etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.Tails(bad); err == nil || etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("tails, %s: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for field, set := range map[string]Settings{
		"window":      {Window: 50, MinReturns: 100},
		"min_returns": {MinReturns: 19},
		"floor":       {Floor: -1},
	} {
		_, err := New(set)
		var e *etf.Error
		if !errors.As(err, &e) || e.Field != field || e.Kind != etf.KindInvalid || e.Remedy == "" {
			t.Errorf("%+v: %v", set, err)
		}
	}
	if _, err := NewGJR(Settings{Floor: math.NaN()}); err == nil {
		t.Error("a floor of NaN is accepted")
	}
	const want = `{"floor":0.00001,"min_returns":250,"window":2520}`
	if m := Default(); m.Params() != want || m.Name() != "garch" {
		t.Errorf("%s with parameters %s", m.Name(), m.Params())
	}
	if m := DefaultGJR(); m.Params() != want || m.Name() != "gjr" {
		t.Errorf("%s with parameters %s", m.Name(), m.Params())
	}
	small, err := New(Settings{Window: 100})
	if err != nil || small.MinRows() != 101 {
		t.Fatalf("a window of 100: %v", err)
	}
	for _, m := range []*Model{Default(), DefaultGJR(), small} {
		parse := Parse
		if m.Name() == NameGJR {
			parse = ParseGJR
		}
		if back, err := parse(m.Params()); err != nil || *back != *m {
			t.Errorf("%s: %+v (%v)", m.Params(), back, err)
		}
		for _, bad := range []string{"", "{}", "null", m.Params() + " ", `{"floor":0.00001,"min_returns":1,"window":2520}`, `{"extra":1,"floor":0.00001,"min_returns":250,"window":2520}`} {
			_, err := parse(bad)
			var e *etf.Error
			if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "params" || e.Remedy == "" {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	s := fromReturns(simulate(rand.New(rand.NewPCG(12, 12)), skewed, 500))
	for _, m := range []*Model{Default(), DefaultGJR()} {
		var steps [2]int
		made, err := m.Fit(context.Background(), s, 0, func(done, total int) { steps = [2]int{done, total} })
		if err != nil || steps != [2]int{1, 1} {
			t.Fatalf("progress %v, %v", steps, err)
		}
		f := made.(*fitted)
		blob, err := f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := m.Restore(blob)
		if err != nil {
			t.Fatal(err)
		}
		a, tails := predict(t, f, 21)
		b, ends := predict(t, back, 21)
		if !slices.Equal(a, b) || !slices.Equal(tails, ends) {
			t.Errorf("the restored %s predicts something else", m.Name())
		}
		for _, key := range []string{"status", "rows", "mu", "omega", "alpha", "beta", "nu", "log_likelihood", "persistence", "sigma"} {
			if f.Diagnostics()[key] == "" || f.Diagnostics()[key] != back.Diagnostics()[key] {
				t.Errorf("%s: %q, restored %q", key, f.Diagnostics()[key], back.Diagnostics()[key])
			}
		}
		if _, is := f.Diagnostics()["lambda"]; is != (m.Name() == NameGJR) {
			t.Errorf("%s: diagnostics %v", m.Name(), f.Diagnostics())
		}
		for name, bad := range map[string]string{
			"empty":         "",
			"truncated":     string(blob[:len(blob)/2]),
			"another model": strings.Replace(string(blob), `"`+m.Name()+`"`, `"drift"`, 1),
			"newer":         strings.Replace(string(blob), `"format":1`, `"format":2`, 1),
			"no last close": strings.Replace(string(blob), `"last":`, `"lost":`, 1),
			"no variance":   strings.Replace(string(blob), `"variance":`, `"variants":`, 1),
			"nu":            strings.Replace(string(blob), `"nu":`, `"nu":1,"un":`, 1),
			"zeros":         `{"format":1,"model":"` + m.Name() + `"}`,
		} {
			if _, err := m.Restore([]byte(bad)); err == nil || etf.KindOf(err) != etf.KindCorrupt {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
