package backtest

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/catalogue"
)

// truths and truthModels are set by `make report-calibration`.
var (
	truths      = flag.Int("truths", 1, "simulated series of each truth")
	truthModels = flag.String("truth-models", "drift,ets", "models to calibrate on simulated truth")
)

const daily = .01 // standard deviation of a simulated return

func studentT(r *rand.Rand, df int) float64 {
	var chi float64
	for range df {
		z := r.NormFloat64()
		chi += z * z
	}
	return r.NormFloat64() / math.Sqrt(chi/float64(df)) * math.Sqrt(float64(df-2)/float64(df))
}

// processes make the i-th of n log returns; state is theirs.
var processes = []struct {
	name string
	next func(r *rand.Rand, i, n int, last float64, state *float64) float64
}{
	{"iid normal", func(r *rand.Rand, _, _ int, _ float64, _ *float64) float64 { return daily * r.NormFloat64() }},
	{"iid t(4)", func(r *rand.Rand, _, _ int, _ float64, _ *float64) float64 { return daily * studentT(r, 4) }},
	{"AR(1), φ=.2", func(r *rand.Rand, _, _ int, last float64, _ *float64) float64 { return .2*last + daily*r.NormFloat64() }},
	{"GARCH(1,1), t(6)", func(r *rand.Rand, i, _ int, last float64, variance *float64) float64 {
		const alpha, beta = .09, .89
		if i == 0 {
			*variance = daily * daily
		}
		*variance = daily*daily*(1-alpha-beta) + alpha*last*last + beta**variance
		return math.Sqrt(*variance) * studentT(r, 6)
	}},
	{"volatility break", func(r *rand.Rand, i, n int, _ float64, _ *float64) float64 {
		if i >= n-500 && i < n-250 {
			return 3 * daily * r.NormFloat64()
		}
		return daily * r.NormFloat64()
	}},
}

// simulated is a series of one process, with 750 rows before the first of 750 origins that have all horizons.
func simulated(k, seed int) Input {
	r := rand.New(rand.NewPCG(uint64(k), uint64(seed)))
	in := Input{Symbol: "SIM", Basis: etf.TotalAdjusted}
	n := FirstOrigin - 1 + 750 + 21
	log, last, state := math.Log(1000), 0.0, 0.0
	day := etf.NewSession(2000, 1, 3)
	for i := range n {
		last = processes[k].next(r, i, n, last, &state)
		log += last
		price, _ := etf.PriceFromFloat(math.Exp(log))
		in.Bars = append(in.Bars, etf.Bar{Session: day, Open: price, High: price, Low: price, Close: price, Volume: 1})
		if day++; day.Weekday() == 6 { // Saturday
			day += 2
		}
	}
	return in
}

// Through the engine, as `etfcast backtest --calibrate` runs it, calibrated coverage over 750 origins, the first of which nothing has matured before,
// is within 2 standard errors (Newey and West, lag h-1) of nominal in 90 % of the cells, and within 4 in all.
func TestCoverageOfSimulatedTruth(t *testing.T) {
	t.Parallel()
	o := etf.BacktestOptions{Models: strings.Split(*truthModels, ","), Horizons: []int{1, 5, 21}, OriginsEvery: 1, RefitEvery: DefaultRefitEvery, Calibrate: true}
	models, err := catalogue.New(o.Models)
	if err != nil {
		t.Fatal(err)
	}
	nominal := [4]float64{.5, .8, .9, .95}
	cells, within, beyond, worst := 0, 0, 0, 0.0
	t.Log("| truth | model | h | calibrated 50 80 90 95 | within 2 SE | beyond 4 | worst |")
	for k, process := range processes {
		type row struct {
			coverage       [4]float64
			within, beyond int
			worst          float64
		}
		rows := map[string]*row{}
		for seed := range *truths {
			for _, m := range calibrated(t, simulated(k, seed), models, o) {
				for i, h := range o.Horizons {
					name := fmt.Sprintf("%s | %d", m.name, h)
					if rows[name] == nil {
						rows[name] = &row{}
					}
					a := rows[name]
					for l, hits := range hitsOf(m.tracks[0][i].sums[:750]) {
						coverage := stat.Mean(hits, nil)
						z := math.Abs(coverage-nominal[l]) / hac(hits, coverage, h)
						a.coverage[l] += coverage / float64(*truths)
						a.worst = max(a.worst, z)
						if z <= 2 {
							a.within++
						}
						if z > 4 {
							a.beyond++
						}
					}
				}
			}
		}
		for _, model := range o.Models {
			for _, h := range o.Horizons {
				name := fmt.Sprintf("%s | %d", model, h)
				a := rows[name]
				if a == nil {
					t.Fatalf("%s: no result of %s", process.name, name)
				}
				n := 4 * *truths
				t.Logf("| %s | %s | %.3f %.3f %.3f %.3f | %.0f %% | %.1f %% | %.1f |", process.name, name, a.coverage[0], a.coverage[1], a.coverage[2], a.coverage[3],
					100*float64(a.within)/float64(n), 100*float64(a.beyond)/float64(n), a.worst)
				cells, within, beyond, worst = cells+n, within+a.within, beyond+a.beyond, max(worst, a.worst)
			}
		}
	}
	t.Logf("| all | | | %d cells | %.1f %% | %.2f %% | %.1f |", cells, 100*float64(within)/float64(cells), 100*float64(beyond)/float64(cells), worst)
	if float64(within) < .9*float64(cells) {
		t.Errorf("%d of %d cells are within 2 standard errors of nominal, want 90 %%", within, cells)
	}
	if float64(beyond) > .0092*float64(cells) { // .0092: what the truth itself has (docs/calibration.md); of one series of each, none
		t.Errorf("%d of %d cells are beyond 4 standard errors, the worst at %.1f", beyond, cells, worst)
	}
}

// calibrated are the forecasts of all models as they are measured, of a single series.
func calibrated(t *testing.T, in Input, models []forecast.Model, o etf.BacktestOptions) []*measured {
	t.Helper()
	part, err := Measure(t.Context(), in, models, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := join([]Part{part}, o)
	if err != nil {
		t.Fatal(err)
	}
	g := groupsOf(joined, o)[0]
	g.evaluate()
	return g.models
}

// hitsOf says for each interval at which origins it contained the price: 1 or 0.
func hitsOf(sums []etf.SessionLosses) (hits [4][]float64) {
	for _, s := range sums {
		for l, inside := range [4]int{s.Inside50, s.Inside80, s.Inside90, s.Inside95} {
			hits[l] = append(hits[l], float64(inside))
		}
	}
	return hits
}

// hac is the standard error of a mean after Newey and West with lag h-1.
func hac(list []float64, mean float64, h int) float64 {
	var v float64
	for lag := range h {
		weight := 2 * (1 - float64(lag)/float64(h))
		if lag == 0 {
			weight = 1
		}
		for i := lag; i < len(list); i++ {
			v += weight * (list[i] - mean) * (list[i-lag] - mean)
		}
	}
	return math.Sqrt(v) / float64(len(list))
}
