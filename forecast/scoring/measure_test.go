package scoring

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// normal is the point of the normal distribution.
func normal(mean, sd float64) (etf.ForecastPoint, *[2]float64) {
	p := etf.ForecastPoint{Horizon: 1, Mean: mean}
	for i, level := range etf.QuantileLevels {
		p.Quantiles[i] = mean + sd*distuv.UnitNormal.Quantile(level)
	}
	var tails [2]float64
	for i, level := range etf.TailLevels {
		tails[i] = mean + sd*distuv.UnitNormal.Quantile(level)
	}
	return p, &tails
}

func constant(v float64) etf.ForecastPoint {
	return etf.ForecastPoint{Mean: v, Quantiles: [7]float64{v, v, v, v, v, v, v}}
}

// The values are worked out by hand from the rules.
func TestMeasure(t *testing.T) {
	p := etf.ForecastPoint{Mean: 101, Quantiles: [7]float64{90, 92, 96, 100, 104, 108, 110}}
	for _, c := range []struct {
		name   string
		actual float64
		want   etf.Losses
	}{
		{"below", 88, etf.Losses{
			Error: -12, Absolute: 12, Squared: 169, Pinball: [7]float64{1.9, 3.6, 6, 6, 4, 2, 1.1},
			Winkler: [2]float64{16 + 10*4, 20 + 20*2}, Width: [2]float64{16, 20},
		}},
		{"on an end", 92, etf.Losses{
			Error: -8, Absolute: 8, Squared: 81, Pinball: [7]float64{.1, 0, 3, 4, 3, 1.6, .9}, Inside80: true, Inside90: true,
			Winkler: [2]float64{16, 20}, Width: [2]float64{16, 20},
		}},
		{"within", 102, etf.Losses{
			Error: 2, Absolute: 2, Squared: 1, Pinball: [7]float64{.6, 1, 1.5, 1, .5, .6, .4}, Inside50: true, Inside80: true, Inside90: true,
			Winkler: [2]float64{16, 20}, Width: [2]float64{16, 20},
		}},
		{"above", 111, etf.Losses{
			Error: 11, Absolute: 11, Squared: 100, Pinball: [7]float64{1.05, 1.9, 3.75, 5.5, 5.25, 2.7, .95},
			Winkler: [2]float64{16 + 10*3, 20 + 20*1}, Width: [2]float64{16, 20},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Measure(p, nil, c.actual)
			require.NoError(t, err)
			require.InDeltaSlice(t, c.want.Pinball[:], got.Pinball[:], 1e-12)
			require.InDeltaSlice(t, c.want.Winkler[:], got.Winkler[:], 1e-12)
			c.want.Pinball, c.want.Winkler, c.want.CRPS, c.want.PIT = got.Pinball, got.Winkler, got.CRPS, got.PIT
			require.Equal(t, c.want, got)
		})
	}
	tailed, err := Measure(p, &[2]float64{87, 113}, 88)
	require.NoError(t, err)
	require.True(t, tailed.Tailed)
	require.True(t, tailed.Inside95)
	require.InDeltaSlice(t, []float64{.025, .025 * 25}, tailed.TailPinball[:], 1e-12)
}

func TestPointMasses(t *testing.T) {
	levels := etf.QuantileLevels
	for _, c := range []struct {
		name      string
		q         [7]float64
		tails     *[2]float64
		actual    float64
		pit, crps float64 // crps: NaN if it isn't known by hand
	}{
		{"all equal, below", constant(100).Quantiles, nil, 99, 0, 1},
		{"all equal, at", constant(100).Quantiles, nil, 100, .5, 0},
		{"all equal, above", constant(100).Quantiles, nil, 102, 1, 2},
		{"all equal with tails", constant(100).Quantiles, &[2]float64{100, 100}, 97, 0, 3},
		// The upper half is a point mass at 100: F jumps from .5 to 1 there, and beyond it only the distance counts.
		{"upper half equal, at", [7]float64{90, 92, 96, 100, 100, 100, 100}, nil, 100, .75, math.NaN()},
		{"upper half equal, above", [7]float64{90, 92, 96, 100, 100, 100, 100}, nil, 103, 1, math.NaN()},
		{"lower end equal, at", [7]float64{90, 90, 96, 100, 104, 108, 110}, nil, 90, levels[1] / 2, math.NaN()},
		{"inner mass", [7]float64{90, 92, 100, 100, 100, 108, 110}, nil, 100, .5, math.NaN()},
		{"a quantile", [7]float64{90, 92, 96, 100, 104, 108, 110}, nil, 104, .75, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Measure(etf.ForecastPoint{Quantiles: c.q}, c.tails, c.actual)
			require.NoError(t, err)
			require.InDelta(t, c.pit, l.PIT, 1e-15)
			if !math.IsNaN(c.crps) {
				require.InDelta(t, c.crps, l.CRPS, 1e-15)
			}
		})
	}
	q := [7]float64{90, 92, 96, 100, 100, 100, 100}
	at, err := Measure(etf.ForecastPoint{Quantiles: q}, nil, 100)
	require.NoError(t, err)
	above, err := Measure(etf.ForecastPoint{Quantiles: q}, nil, 103)
	require.NoError(t, err)
	require.InDelta(t, at.CRPS+3, above.CRPS, 1e-12)
}

// A slope near 0 is as good as 0: nothing overflows, and there is no jump on the way.
func TestNearlyEqualQuantiles(t *testing.T) {
	for _, gap := range []float64{1e-3, 1e-6, 1e-9, 1e-13} {
		p := constant(100)
		for i := range p.Quantiles {
			p.Quantiles[i] += gap * float64(i)
		}
		for _, y := range []float64{1e-300, 50, 100, 100 + 3*gap, 150, 1e300} {
			l, err := Measure(p, nil, y)
			require.NoError(t, err)
			require.InEpsilon(t, 1+math.Abs(y-100), 1+l.CRPS, 10*gap+1e-12, "gap %v actual %v", gap, y)
			require.True(t, l.PIT >= 0 && l.PIT <= 1)
		}
	}
	p := constant(1e-308)
	p.Quantiles[0], p.Quantiles[6] = 0, 2e-308
	l, err := Measure(p, nil, 100)
	require.NoError(t, err)
	require.InDelta(t, 100, l.CRPS, 1e-9)
	require.Equal(t, 1.0, l.PIT)
}

// The closed form of a normal distribution's CRPS: Gneiting and Raftery 2007, equation 21.
func TestNormalCRPS(t *testing.T) {
	for _, sd := range []float64{1e-4, 1, 30} {
		p, tails := normal(100, sd)
		for z := -6.0; z <= 6; z += .25 {
			y := 100 + sd*z
			if y <= 0 {
				continue
			}
			want := sd * (z*(2*phi(z)-1) + 2*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi) - 1/math.Sqrt(math.Pi))
			for _, tails := range []*[2]float64{nil, tails} {
				l, err := Measure(p, tails, y)
				require.NoError(t, err)
				require.InDelta(t, want, l.CRPS, 1e-9*sd)
				require.InDelta(t, phi(z), l.PIT, 1e-9)
			}
		}
	}
}

// Properties of any proper distribution: CRPS is nonnegative, continuous, scales with the prices, is at most the distance from any
// forecast that is a point mass at the same place; PIT is nondecreasing in the actual price.
func TestProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		p := etf.ForecastPoint{Mean: 100}
		q := 80 + 10*random.Float64()
		for i := range p.Quantiles {
			if random.Float64() < .8 {
				q += 5 * random.ExpFloat64()
			}
			p.Quantiles[i] = q
		}
		var tails *[2]float64
		if random.IntN(2) == 0 {
			tails = &[2]float64{p.Quantiles[0] - 5*random.Float64(), q + 5*random.Float64()}
		}
		before := etf.Losses{PIT: -1}
		var previous float64
		for y := 60.0; y < 160; y += .5 {
			l, err := Measure(p, tails, y)
			require.NoError(t, err)
			require.GreaterOrEqual(t, l.CRPS, 0.0)
			require.GreaterOrEqual(t, l.PIT, before.PIT)
			if previous > 0 {
				require.LessOrEqual(t, math.Abs(l.CRPS-before.CRPS), y-previous+1e-12) // |dCRPS/dy| = |2F-1| ≤ 1
			}
			double := p
			double.Mean *= 2
			for i := range double.Quantiles {
				double.Quantiles[i] *= 2
			}
			twice := tails
			if tails != nil {
				twice = &[2]float64{2 * tails[0], 2 * tails[1]}
			}
			d, err := Measure(double, twice, 2*y)
			require.NoError(t, err)
			require.InDelta(t, 2*l.CRPS, d.CRPS, 1e-12*(1+d.CRPS))
			require.InDelta(t, l.PIT, d.PIT, 1e-15)
			before, previous = l, y
		}
	}
}

func TestMeasureRefuses(t *testing.T) {
	good, _ := normal(100, 1)
	for _, actual := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := Measure(good, nil, actual)
		require.Equal(t, etf.KindInvalid, etf.KindOf(err))
		require.ErrorContains(t, err, "actual")
	}
	crossed := good
	crossed.Quantiles[3] = 0
	nan := good
	nan.Quantiles[2] = math.NaN()
	mean := good
	mean.Mean = math.Inf(1)
	for _, p := range []etf.ForecastPoint{crossed, nan, mean} {
		_, err := Measure(p, nil, 100)
		require.Equal(t, etf.KindInvalid, etf.KindOf(err))
	}
	_, err := Measure(good, &[2]float64{99.9, 103}, 100)
	require.Equal(t, etf.KindInvalid, etf.KindOf(err))
}

func BenchmarkMeasure(b *testing.B) {
	p, tails := normal(100, 1)
	for b.Loop() {
		_, _ = Measure(p, tails, 100.3)
	}
}
