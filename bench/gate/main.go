// Command gate measures how often the gate errs, and how long it takes to find a signal: it simulates price series, backtests the
// models on each, and looks at the gate after every session. It prints the tables of docs/gate.md; progress goes to standard error.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/backtest"
	"github.com/etfcast/etfcast/forecast/calibration"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/gate"
	"github.com/etfcast/etfcast/forecast/scoring"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-gate:", err)
		os.Exit(1)
	}
}

// process is where the returns of a series come from.
type process struct {
	name  string
	none  bool // there is nothing to find: prices are a random walk
	walks int
	make  func(r *rand.Rand, i int, last float64, state *float64) float64
}

const daily = .01 // standard deviation of a return

func processes(walks, signals int, phis []float64) []process {
	list := []process{{"random walk, constant volatility", true, walks, func(r *rand.Rand, _ int, _ float64, _ *float64) float64 {
		return daily * r.NormFloat64()
	}}, {"random walk, GARCH(1,1)", true, walks, func(r *rand.Rand, i int, last float64, variance *float64) float64 {
		const alpha, beta = .06, .93 // RiskMetrics' decay, nearly
		if i == 0 {
			*variance = daily * daily
		}
		*variance = daily*daily*(1-alpha-beta) + alpha*last*last + beta**variance
		return math.Sqrt(*variance) * r.NormFloat64()
	}}}
	for _, phi := range phis {
		list = append(list, process{fmt.Sprintf("AR(1) returns, φ=%.2f", phi), false, signals, func(r *rand.Rand, _ int, last float64, _ *float64) float64 {
			return phi*last + math.Sqrt(1-phi*phi)*daily*r.NormFloat64()
		}})
	}
	return list
}

type settings struct {
	models    []string
	horizons  []int
	origins   int
	refit     int
	calibrate bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-gate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	walks := flags.Int("walks", 1000, "random walks of each kind")
	signals := flags.Int("signals", 20, "series with each signal")
	only := flags.String("only", "", "only the series whose names contain this")
	origins := flags.Int("origins", 750, "origins of each series, after 750 rows")
	refit := flags.Int("refit", backtest.DefaultRefitEvery, "sessions from one estimation to the next")
	models := flags.String("models", "", "models, separated by commas; empty for all but Prophet and the combination, ar1 included")
	calibrate := flags.Bool("calibrate", true, "calibrate all forecasts, the benchmark's included, as the pipeline does")
	check := flags.Bool("check", false, "fail if a model is served on more than 5 % of the random walks plus two standard errors")
	if err := flags.Parse(args); err != nil {
		return err
	}
	set := settings{horizons: etf.ScoreHorizons, origins: *origins, refit: *refit, calibrate: *calibrate}
	if *models == "" {
		for _, name := range append(catalogue.Names(), signal1) {
			if name != combination.Name && !strings.HasPrefix(name, "prophet") {
				set.models = append(set.models, name)
			}
		}
	} else {
		set.models = strings.Split(*models, ",")
	}
	if !slices.Contains(set.models, catalogue.Benchmark) {
		set.models = append([]string{catalogue.Benchmark}, set.models...)
	}
	fmt.Fprintf(stdout, "Models: %s. Horizons %v, %d origins a series, refit every %d, calibrated: %v.\n\n", strings.Join(set.models, ", "), set.horizons, set.origins, set.refit, set.calibrate)
	fmt.Fprintln(stdout, "| series | number | on which any model is ever served | standard error | of those: model and horizon, times, median sessions until then |")
	fmt.Fprintln(stdout, "|---|---:|---:|---:|---|")
	for k, p := range processes(*walks, *signals, []float64{.05, .1, .2}) {
		if p.walks == 0 || !strings.Contains(p.name, *only) {
			continue
		}
		all, err := simulate(ctx, k, p, set, stderr)
		if err != nil {
			return err
		}
		served := 0
		waits := map[string][]int{}
		for _, w := range all {
			if len(w) > 0 {
				served++
			}
			for name, n := range w {
				waits[name] = append(waits[name], n)
			}
		}
		share := float64(served) / float64(p.walks)
		se := math.Sqrt(share * (1 - share) / float64(p.walks))
		var which []string
		for name, list := range waits {
			slices.Sort(list)
			which = append(which, fmt.Sprintf("%s: %d, %d", name, len(list), list[len(list)/2]))
		}
		slices.Sort(which)
		fmt.Fprintf(stdout, "| %s | %d | %.1f %% | %.1f | %s |\n", p.name, p.walks, 100*share, 100*se, cmp.Or(strings.Join(which, "; "), "none"))
		if limit := gate.Level + 2*math.Sqrt(gate.Level*(1-gate.Level)/float64(p.walks)); *check && p.none && share > limit {
			return fmt.Errorf("%s: a model was served on %.1f %% of %d series, more than %.1f %%", p.name, 100*share, p.walks, 100*limit)
		}
	}
	return nil
}

// simulate returns, for each series, the sessions until each model was first served, by model and horizon.
func simulate(ctx context.Context, k int, p process, set settings, stderr io.Writer) ([]map[string]int, error) {
	all := make([]map[string]int, p.walks)
	errs := make([]error, p.walks)
	var next, done, served atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := int(next.Add(1)) - 1; i < p.walks; i = int(next.Add(1)) - 1 {
				all[i], errs[i] = walk(ctx, rand.New(rand.NewPCG(uint64(k), uint64(i))), p, set)
				if len(all[i]) > 0 {
					served.Add(1)
				}
				if n := done.Add(1); n%10 == 0 {
					fmt.Fprintf(stderr, "%s: %d of %d, a model served on %d\n", p.name, n, p.walks, served.Load())
				}
			}
		}()
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// walk makes one series and looks at the gate after each session.
func walk(ctx context.Context, r *rand.Rand, p process, set settings) (map[string]int, error) {
	rows := backtest.FirstOrigin - 1 + set.origins + set.horizons[len(set.horizons)-1]
	in := backtest.Input{Symbol: "WALK", Basis: etf.TotalAdjusted}
	log, last, state := math.Log(1000), 0.0, 0.0
	day := etf.NewSession(2000, 1, 3)
	for i := range rows {
		last = p.make(r, i, last, &state)
		log += last
		price, ok := etf.PriceFromFloat(math.Exp(log))
		if !ok {
			return nil, fmt.Errorf("a simulated price of %v", math.Exp(log))
		}
		in.Bars = append(in.Bars, etf.Bar{Session: day, Open: price, High: price, Low: price, Close: price, Volume: 1})
		if day++; day.Weekday() == 6 { // Saturday
			day += 2
		}
	}
	var models []forecast.Model
	for _, name := range set.models {
		if name == signal1 {
			models = append(models, ar1{})
			continue
		}
		list, err := catalogue.New([]string{name})
		if err != nil {
			return nil, err
		}
		models = append(models, list...)
	}
	part, err := backtest.Measure(ctx, in, models, etf.BacktestOptions{Models: set.models, Horizons: set.horizons, OriginsEvery: 1, RefitEvery: set.refit}, nil)
	if err != nil {
		return nil, err
	}
	scores := scored(part.Outcomes, set)
	type place struct {
		model   string
		horizon int
	}
	at := map[place]int{}
	var records []gate.Record
	for i, s := range scoring.Contributions(scores, catalogue.Benchmark) {
		where := place{scores[i].Model, scores[i].Horizon}
		if where.model == catalogue.Benchmark {
			continue
		}
		k, ok := at[where]
		if !ok {
			k = len(records)
			at[where] = k
			records = append(records, gate.Record{Model: where.model, Horizon: where.horizon})
		}
		records[k].Sessions = append(records[k].Sessions, s)
	}
	served := map[string]int{}
	for i, origin := range gate.FirstPassed(records) {
		if origin.IsZero() {
			continue
		}
		n := 0
		for _, s := range records[i].Sessions {
			if s.Origin <= origin {
				n++
			}
		}
		served[fmt.Sprintf("%s h=%d", records[i].Model, records[i].Horizon)] = n - 1 + records[i].Horizon
	}
	return served, nil
}

// scored measures the forecasts, calibrated by what had matured at their origins.
func scored(outcomes []backtest.Outcome, set settings) []etf.Score {
	byTarget := slices.Clone(outcomes)
	slices.SortStableFunc(byTarget, func(a, b backtest.Outcome) int { return cmp.Compare(a.Target, b.Target) })
	byOrigin := slices.Clone(outcomes)
	slices.SortStableFunc(byOrigin, func(a, b backtest.Outcome) int { return cmp.Compare(a.Origin, b.Origin) })
	var state calibration.State
	matured := 0
	var scores []etf.Score
	for i, x := range byOrigin {
		if set.calibrate && (i == 0 || byOrigin[i-1].Origin != x.Origin) {
			var batch []calibration.Outcome
			for ; matured < len(byTarget) && byTarget[matured].Target <= x.Origin; matured++ {
				o := byTarget[matured]
				batch = append(batch, calibration.Outcome{Symbol: "WALK", Model: o.Model, Horizon: o.Horizon, Origin: o.Origin, Target: o.Target, Volatility: o.Volatility, Raw: o.Raw, Actual: o.Actual})
			}
			state.Update(batch)
		}
		q := x.Raw
		if set.calibrate {
			q, _ = state.Apply("WALK", x.Model, x.Horizon, x.Volatility, x.Raw)
		}
		s := etf.Score{Symbol: "WALK", Model: x.Model, Origin: x.Origin, Horizon: x.Horizon, Standing: etf.OfRecord, Version: 1, Target: x.Target, Actual: x.Actual, Scale: x.Scale}
		tails := &q.Tails
		if *tails == ([2]float64{}) {
			tails = nil
		}
		var err error
		s.Losses, err = scoring.Measure(etf.ForecastPoint{Horizon: x.Horizon, Target: x.Target, Mean: x.Mean, Quantiles: q.Quantiles}, tails, x.Actual)
		if err == nil {
			scores = append(scores, s)
		}
	}
	return scores
}
