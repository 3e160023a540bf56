package prophet

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// autoregressionOf sets up the estimation for n sessions of a line with AR(1) residuals.
func autoregressionOf(t *testing.T, n int, phi float64, seed uint64) *autoregression {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{From: cal.Range().From, To: etf.MustSession("2025-09-26")})
	sessions = sessions[len(sessions)-n:]
	f := &Frame{}
	rng := rand.New(rand.NewPCG(seed, 2))
	var e float64
	for i, s := range sessions {
		e = phi*e + 0.01*rng.NormFloat64()
		f.DS, f.Y = append(f.DS, SessionStamp(s)), append(f.Y, math.Exp(4.6+0.3*float64(i)/float64(n)+e))
	}
	o := Defaults()
	o.Market = MarketFor("XNYS")
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	y, err := m.fittedUnits(f)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := m.scale(f, y)
	if err != nil {
		t.Fatal(err)
	}
	seasons := m.o.seasonalities(f.DS)
	r, err := m.o.prepare(f, &sc, seasons, y)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := m.o.holidaysFor(f.DS, nil)
	if err != nil {
		t.Fatal(err)
	}
	lay := m.o.newLayout(seasons, tab, tab.names, nil)
	changes := autoChangepoints(f.DS, 25, 0.8)
	c := make([]float64, len(changes))
	if err := sc.clock.write(c, changes); err != nil {
		t.Fatal(err)
	}
	p := newPosterior(Linear, r, lay.features(r, tab), lay.columns, 0.05, c)
	return newAutoregression(p, &sc.clock, 0)
}

// The search finds what a grid over phi finds, at both ends of the range and in between.
func TestPhiAgainstGrid(t *testing.T) {
	t.Parallel()
	for _, phi := range []float64{0, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999} {
		for seed := range uint64(2) {
			a := autoregressionOf(t, 400, phi, seed)
			_, found, err := a.estimate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			value, err := a.at(t.Context(), found, 3)
			if err != nil {
				t.Fatal(err)
			}
			best, at := math.Inf(-1), 0.0
			for x := 0.0; x >= math.Log(1-maxPhi); x -= 0.05 {
				v, err := a.at(t.Context(), 1-math.Exp(x), 3)
				if err != nil {
					t.Fatal(err)
				}
				if v > best {
					best, at = v, 1-math.Exp(x)
				}
			}
			if value < best-0.1 {
				t.Errorf("phi %v, seed %d: found phi %v with %v, the grid has %v at phi %v", phi, seed, found, value, best, at)
			}
		}
	}
}

// peak finds maxima inside the range and at both ends, of functions with and without curvature there.
func TestPeak(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f    func(float64) float64
		want float64
	}{
		"parabola":   {func(x float64) float64 { return -(x - 1) * (x - 1) }, 1},
		"kink":       {func(x float64) float64 { return -math.Abs(x + 2) }, -2},
		"left end":   {func(x float64) float64 { return -x }, -4},
		"right end":  {func(x float64) float64 { return math.Exp(x) }, 3},
		"flat":       {func(x float64) float64 { return -math.Pow(x-0.5, 8) }, 0.5},
		"near start": {func(x float64) float64 { return -(x - 0.02) * (x - 0.02) }, 0.02},
	} {
		best, at, calls := math.Inf(-1), math.NaN(), 0
		peak(func(x float64) float64 {
			if x < -4 || x > 3 {
				t.Errorf("%s: f was called at %v", name, x)
			}
			calls++
			v := c.f(x)
			if v > best {
				best, at = v, x
			}
			return v
		}, -4, 0, 3, c.f(0))
		tolerance := 0.05
		if name == "flat" {
			tolerance = 0.3
		}
		if math.Abs(at-c.want) > tolerance || calls > 40 {
			t.Errorf("%s: %v after %d calls, want %v", name, at, calls, c.want)
		}
	}
}
