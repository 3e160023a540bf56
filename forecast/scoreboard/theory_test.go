package scoreboard

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// normal is the point of the normal distribution, with tails.
func normal(mean, sd float64) (etf.ForecastPoint, *[2]float64) {
	p := etf.ForecastPoint{Mean: mean}
	for i, level := range etf.QuantileLevels {
		p.Quantiles[i] = mean + sd*distuv.UnitNormal.Quantile(level)
	}
	var tails [2]float64
	for i, level := range etf.TailLevels {
		tails[i] = mean + sd*distuv.UnitNormal.Quantile(level)
	}
	return p, &tails
}

// put adds the losses to the sums of a session, divided by the scale.
func put(s *etf.SessionLosses, l etf.Losses, scale etf.Scale) {
	s.N++
	s.Absolute += l.Absolute / scale.Absolute
	s.Squared += l.Squared / scale.Squared
	s.CRPS += l.CRPS / scale.Absolute
	s.Winkler80 += l.Winkler[0] / scale.Absolute
	s.Winkler90 += l.Winkler[1] / scale.Absolute
	s.Width80 += l.Width[0] / scale.Absolute
	s.Width90 += l.Width[1] / scale.Absolute
	for _, v := range l.Pinball {
		s.Pinball += v / 7 / scale.Absolute
	}
	for _, hit := range []struct {
		count *int
		is    bool
	}{{&s.Inside50, l.Inside50}, {&s.Inside80, l.Inside80}, {&s.Inside90, l.Inside90}, {&s.Tailed, l.Tailed}, {&s.Inside95, l.Inside95}} {
		if hit.is {
			*hit.count++
		}
	}
	s.PIT[min(int(l.PIT*etf.PITBins), etf.PITBins-1)]++
}

// Forecasts that are the very distribution of the prices, N(100, 2): every figure is within 3 standard errors of theory. In
// multiples of the standard deviation, the mean absolute error is sqrt(2/π) = .798, CRPS 1/sqrt(π) = .564, the Winkler score
// 4φ(z)/α = 3.51 at 80 % and 4.13 at 90 %, and the pinball loss at τ is φ(z(τ)).
func TestNormalForecasts(t *testing.T) {
	const n, sd = 20000, 2.
	p, tails := normal(100, sd)
	r := rand.New(rand.NewPCG(7, 0))
	sessions := make([]etf.SessionLosses, n)
	samples := map[string][]float64{}
	for i := range sessions {
		l, err := scoring.Measure(p, tails, 100+sd*r.NormFloat64())
		require.NoError(t, err)
		sessions[i].Origin = day(i)
		put(&sessions[i], l, etf.Scale{Absolute: sd, Squared: sd * sd})
		s := sessions[i]
		for name, v := range map[string]float64{"mae": s.Absolute, "mse": s.Squared, "crps": s.CRPS, "winkler80": s.Winkler80, "winkler90": s.Winkler90, "pinball": s.Pinball, "tail": l.TailPinball[0] / sd} {
			samples[name] = append(samples[name], v)
		}
	}
	row := Summarise(sessions, Options{Horizon: 1, Replicates: -1})
	density := func(level float64) float64 { return distuv.UnitNormal.Prob(distuv.UnitNormal.Quantile(level)) }
	var pinball float64
	for _, level := range etf.QuantileLevels {
		pinball += density(level) / 7
	}
	for _, c := range []struct {
		name      string
		want, got float64
	}{
		{"mae", math.Sqrt(2 / math.Pi), row.MASE}, {"mse", 1, row.RMSSE * row.RMSSE}, {"crps", 1 / math.Sqrt(math.Pi), row.CRPS},
		{"winkler80", 4 * density(.1) / .2, row.Winkler80}, {"winkler90", 4 * density(.05) / .1, row.Winkler90}, {"pinball", pinball, row.Pinball},
		{"tail", density(.025), stat.Mean(samples["tail"], nil)},
	} {
		se := stat.StdDev(samples[c.name], nil) / math.Sqrt(n)
		require.InDelta(t, c.want, c.got, 3*se, c.name)
		t.Logf("%s: %.4f, in theory %.4f, %.1f standard errors", c.name, c.got, c.want, (c.got-c.want)/se)
	}
	for _, c := range []struct {
		want float64
		got  Coverage
	}{{.5, row.Coverage50}, {.8, row.Coverage80}, {.9, row.Coverage90}, {.95, row.Coverage95}} {
		binomial := math.Sqrt(c.want * (1 - c.want) / n)
		require.InDelta(t, c.want, c.got.Value, 3*binomial)
		require.InEpsilon(t, binomial, c.got.SE, .15)
	}
	for _, count := range row.PIT {
		require.InDelta(t, n/10, float64(count), 3*math.Sqrt(n*.1*.9))
	}
}

// A random walk forecast every session h sessions ahead. Its MASE is the square root of h (1, 2.24 and 4.58 at 1, 5 and 21). Neighbouring
// forecasts share h-1 sessions: the standard errors of coverage allow for it.
func TestOverlappingForecasts(t *testing.T) {
	const walks, n = 200, 500
	for _, h := range []int{1, 5, 21} {
		r := rand.New(rand.NewPCG(8, uint64(h)))
		p, tails := normal(100, math.Sqrt(float64(h)))
		scale := etf.Scale{Absolute: math.Sqrt(2 / math.Pi), Squared: 1}
		var mase, coverage, errors []float64
		for range walks {
			walk := make([]float64, n+h)
			for i := 1; i < len(walk); i++ {
				walk[i] = walk[i-1] + r.NormFloat64()
			}
			sessions := make([]etf.SessionLosses, n)
			for i := range sessions {
				l, err := scoring.Measure(p, tails, 100+walk[i+h]-walk[i])
				require.NoError(t, err)
				sessions[i].Origin = day(i)
				put(&sessions[i], l, scale)
			}
			row := Summarise(sessions, Options{Horizon: h, Replicates: -1})
			mase, coverage, errors = append(mase, row.MASE), append(coverage, row.Coverage80.Value), append(errors, row.Coverage80.SE)
		}
		root := math.Sqrt(walks)
		require.InDelta(t, math.Sqrt(float64(h)), stat.Mean(mase, nil), 3*stat.StdDev(mase, nil)/root)
		require.InDelta(t, .8, stat.Mean(coverage, nil), 3*stat.StdDev(coverage, nil)/root)
		ratio := stat.Mean(errors, nil) / stat.StdDev(coverage, nil)
		t.Logf("h=%d: coverage varies by %.4f, its standard error is %.2f of that", h, stat.StdDev(coverage, nil), ratio)
		// The spread of 200 coverages is itself known to 5 %; Bartlett's weights miss a part of the correlation.
		require.InDelta(t, 1, ratio, .2)
	}
}
