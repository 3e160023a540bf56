package garch

import (
	"context"
	"math"
	"math/rand/v2"
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
