package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/etfcast/etfcast/bench/prophet/golden"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/diagnostics"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-prophet:", err)
		os.Exit(1)
	}
}

// timed is one comparison. Times are medians.
type timed struct {
	Name      string  `json:"name"`
	OursMS    float64 `json:"ours_ms"`
	ProphetMS float64 `json:"prophet_ms"`
	Ratio     float64 `json:"ratio"` // ProphetMS / OursMS
	// For cases in one process: ours with the original's optimiser, and what one fit and one forecast allocate.
	OursMatchingMS    float64 `json:"ours_matching_ms,omitempty"`
	FitMS             float64 `json:"ours_fit_ms,omitempty"`
	AllocMBPerFit     float64 `json:"alloc_mb_per_fit,omitempty"`
	AllocMBPerPredict float64 `json:"alloc_mb_per_predict,omitempty"`
	Cutoffs           int     `json:"cutoffs,omitempty"`
	OursAllCoresMS    float64 `json:"ours_all_cores_ms,omitempty"`
}

type result struct {
	Cases     []timed `json:"cases"`
	Processes []timed `json:"processes"`
	CV        timed   `json:"cv"`
	ETFs      float64 `json:"etfs_per_s"` // on all cores
	ETFsOne   float64 `json:"etfs_per_s_one_core"`
	Cores     int     `json:"cores"`
	Scaling   float64 `json:"scaling"` // ETFs / (ETFsOne x Cores)
	ETFRows   int     `json:"etf_rows"`
	ETFCount  int     `json:"etf_count"`
	// Growth is the time for 10,000 rows divided by the time for 2,500.
	Growth        float64 `json:"growth_10000_to_2500"`
	AllocMBPerFit float64 `json:"alloc_mb_per_fit"` // the largest of the cases
	Prophet       string  `json:"prophet"`
	RealData      bool    `json:"real_data"`
	// Load is the machine's load average before the run (Linux): above 0, other processes were using the cores.
	Load float64 `json:"load_before"`
}

const (
	periods  = 30 // days ahead
	rows     = 2500
	cvDays   = 365
	cvPeriod = 180
	cvStart  = 730
)

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-prophet", flag.ContinueOnError)
	flags.SetOutput(stderr)
	python := flags.String("python", "python3", "the Python that has prophet")
	script := flags.String("timing", "bench/prophet/timing.py", "the original's side")
	etfcast := flags.String("etfcast", "bin/etfcast", "the command, for the whole processes")
	reps := flags.Int("reps", 7, "repetitions of the original; ours gets three times as many")
	etfs := flags.Int("etfs", 500, "series fitted on all cores")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *reps < 1 || *etfs < 1 {
		return fmt.Errorf("-reps and -etfs must be 1 or more")
	}
	dir, err := os.MkdirTemp("", "bench-prophet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	inputs, err := series(env("ETFCAST_REAL_DATA"), dir)
	if err != nil {
		return err
	}
	them, err := startOriginal(ctx, *python, *script, stderr)
	if err != nil {
		return err
	}
	defer them.stop()
	out := result{Prophet: them.version, RealData: env("ETFCAST_REAL_DATA") != "", Cores: runtime.GOMAXPROCS(0), ETFRows: rows, ETFCount: *etfs, Load: load()}

	// Ours gets one core while it is compared, which it shares with the garbage collector.
	cores := runtime.GOMAXPROCS(1)
	for _, in := range inputs {
		c, err := in.compare(ctx, them, *reps)
		if err != nil {
			return fmt.Errorf("%s: %w", in.name, err)
		}
		fmt.Fprintf(stderr, "%-28s ours %8.2f ms, prophet %9.1f ms: %.0f times\n", c.Name, c.OursMS, c.ProphetMS, c.Ratio)
		out.Cases = append(out.Cases, c)
		out.AllocMBPerFit = max(out.AllocMBPerFit, c.AllocMBPerFit)
	}
	if out.CV, err = inputs[len(inputs)-1].crossValidate(ctx, them, cores); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%-28s ours %8.2f ms, prophet %9.1f ms: %.0f times\n", out.CV.Name, out.CV.OursMS, out.CV.ProphetMS, out.CV.Ratio)
	if out.Growth, err = growth(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "10,000 rows take %.2f times as long as 2,500\n", out.Growth)
	if out.ETFsOne, err = many(ctx, max(1, *etfs/4), 1); err != nil {
		return err
	}
	runtime.GOMAXPROCS(cores)
	if out.ETFs, err = many(ctx, *etfs, cores); err != nil {
		return err
	}
	out.Scaling = out.ETFs / out.ETFsOne / float64(cores)
	fmt.Fprintf(stderr, "%d series of %d rows: %.0f per second on %d cores, %.0f on one (%.0f%% of linear)\n", *etfs, rows, out.ETFs, cores, out.ETFsOne, 100*out.Scaling)
	for _, in := range inputs {
		c, err := in.processes(ctx, *python, *script, *etfcast, dir, max(1, *reps/2))
		if err != nil {
			return fmt.Errorf("%s as whole processes: %w", in.name, err)
		}
		fmt.Fprintf(stderr, "%-28s ours %8.2f ms, prophet %9.1f ms: %.0f times (whole processes)\n", c.Name, c.OursMS, c.ProphetMS, c.Ratio)
		out.Processes = append(out.Processes, c)
	}
	return json.NewEncoder(stdout).Encode(out)
}

// load is the load average of the last minute; 0 if the system does not report it.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var v float64
	if _, err := fmt.Sscan(string(text), &v); err != nil {
		return 0
	}
	return v
}

// input is a history, and its path as a CSV of ds and y.
type input struct {
	name  string
	path  string
	frame *prophet.Frame
}

// series returns SPY's sessions and Peyton Manning, or their stand-ins.
func series(real, dir string) ([]input, error) {
	var out []input
	if real == "" {
		out = []input{
			{name: "generated-trading-2500", frame: walk(rows, 1)},
			{name: "generated-daily-2905", frame: seasonal(2905)},
		}
	} else {
		spy, err := golden.ReadSeries(filepath.Join(real, "prices", "yahoo", "SPY.csv"), rows)
		if err != nil {
			return nil, err
		}
		peyton, err := golden.ReadSeries(filepath.Join(real, "prophet", "example_wp_log_peyton_manning.csv"), 0)
		if err != nil {
			return nil, err
		}
		out = []input{{name: "SPY-2500", frame: spy}, {name: "peyton-manning", frame: peyton}}
	}
	for i := range out {
		out[i].path = filepath.Join(dir, out[i].name+".csv")
		if err := writeCSV(out[i].path, out[i].frame); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func writeCSV(path string, f *prophet.Frame) error {
	text := []byte("ds,y\n")
	for i, s := range f.DS {
		text = append(append(text, s.String()...), ',')
		text = append(strconv.AppendFloat(text, f.Y[i], 'g', -1, 64), '\n')
	}
	return os.WriteFile(path, text, 0o644)
}

// walk is a geometric random walk on Mondays to Fridays.
func walk(n int, seed uint64) *prophet.Frame {
	rng := rand.New(rand.NewPCG(20260101, seed))
	f := &prophet.Frame{}
	x := math.Log(200)
	for s := prophet.DateOf(2000, time.January, 3); len(f.DS) < n; s += prophet.Day {
		if wd := s.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		x += 0.0003 + 0.011*rng.NormFloat64()
		f.DS, f.Y = append(f.DS, s), append(f.Y, math.Exp(x))
	}
	return f
}

// seasonal is eight years of days with a weekly and a yearly pattern and a trend that wanders.
func seasonal(n int) *prophet.Frame {
	rng := rand.New(rand.NewPCG(20260101, 0))
	f := &prophet.Frame{}
	level, slope := 8.0, 0.0
	for i := range n {
		if i%180 == 0 {
			slope = 0.002 * rng.NormFloat64()
		}
		level += slope
		s := prophet.DateOf(2007, time.December, 10) + prophet.Stamp(i)*prophet.Day
		y := level + 0.4*math.Sin(2*math.Pi*s.Days()/7) + 0.6*math.Sin(2*math.Pi*s.Days()/365.25) + 0.5*rng.NormFloat64()
		f.DS, f.Y = append(f.DS, s), append(f.Y, y)
	}
	return f
}

// fitPredict is what is timed: fit, future frame, forecast with intervals. It returns the time of the fit alone.
func fitPredict(ctx context.Context, o prophet.Options, f *prophet.Frame) (fit time.Duration, err error) {
	began := time.Now()
	m, err := prophet.New(o)
	if err != nil {
		return 0, err
	}
	fitted, err := m.Fit(ctx, f, prophet.FitOptions{})
	if err != nil {
		return 0, err
	}
	fit = time.Since(began)
	daily, err := prophet.ParseFreq("D")
	if err != nil {
		return 0, err
	}
	future, err := fitted.MakeFuture(periods, daily, true)
	if err != nil {
		return 0, err
	}
	_, err = fitted.Predict(ctx, future, prophet.PredictOptions{})
	return fit, err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// compare times a fit and a forecast in one process, ours and the original's in turn.
func (in input) compare(ctx context.Context, them *original, reps int) (timed, error) {
	c := timed{Name: in.name}
	theirs := func() (float64, error) {
		a, err := them.ask(request{Do: "fit_predict", Series: in.path, Periods: periods})
		return a.MS, err
	}
	if _, err := theirs(); err != nil { // warm-up
		return c, err
	}
	matching := prophet.Defaults()
	matching.Optimizer = prophet.Auto
	if _, err := fitPredict(ctx, prophet.Defaults(), in.frame); err != nil {
		return c, err
	}
	var ours, fits, copied, original []float64
	for range reps {
		t, err := theirs()
		if err != nil {
			return c, err
		}
		original = append(original, t)
		for range 3 {
			began := time.Now()
			fit, err := fitPredict(ctx, prophet.Defaults(), in.frame)
			if err != nil {
				return c, err
			}
			ours, fits = append(ours, ms(time.Since(began))), append(fits, ms(fit))
		}
		began := time.Now()
		if _, err := fitPredict(ctx, matching, in.frame); err != nil {
			return c, err
		}
		copied = append(copied, ms(time.Since(began)))
	}
	c.OursMS, c.FitMS, c.OursMatchingMS, c.ProphetMS = median(ours), median(fits), median(copied), median(original)
	c.Ratio = c.ProphetMS / c.OursMS
	var err error
	c.AllocMBPerFit, c.AllocMBPerPredict, err = allocated(ctx, in.frame)
	return c, err
}

// allocated returns the total megabytes (1e6 bytes) that one fit and one forecast allocate.
func allocated(ctx context.Context, f *prophet.Frame) (fit, predict float64, err error) {
	m, err := prophet.New(prophet.Defaults())
	if err != nil {
		return 0, 0, err
	}
	var before, between, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fitted, err := m.Fit(ctx, f, prophet.FitOptions{})
	if err != nil {
		return 0, 0, err
	}
	runtime.ReadMemStats(&between)
	future, err := fitted.MakeFuture(periods, prophet.Freq{}, true)
	if err != nil {
		return 0, 0, err
	}
	if _, err := fitted.Predict(ctx, future, prophet.PredictOptions{}); err != nil {
		return 0, 0, err
	}
	runtime.ReadMemStats(&after)
	return float64(between.TotalAlloc-before.TotalAlloc) / 1e6, float64(after.TotalAlloc-between.TotalAlloc) / 1e6, nil
}

// crossValidate times cross-validation, one cutoff after another as in the original, and ours also on all cores.
func (in input) crossValidate(ctx context.Context, them *original, cores int) (timed, error) {
	c := timed{Name: in.name + "-cv"}
	m, err := prophet.New(prophet.Defaults())
	if err != nil {
		return c, err
	}
	fitted, err := m.Fit(ctx, in.frame, prophet.FitOptions{})
	if err != nil {
		return c, err
	}
	once := func(workers int) (float64, error) {
		began := time.Now()
		table, err := diagnostics.CrossValidation(ctx, fitted, diagnostics.Options{
			Initial: cvStart * prophet.Day, Period: cvPeriod * prophet.Day, Horizon: cvDays * prophet.Day, Workers: workers})
		if err != nil {
			return 0, err
		}
		took := ms(time.Since(began))
		seen := map[prophet.Stamp]bool{}
		for _, s := range table.Cutoff {
			seen[s] = true
		}
		c.Cutoffs = len(seen)
		return took, nil
	}
	days := func(n int) string { return fmt.Sprintf("%d days", n) }
	var ours, all, theirs []float64
	for range 2 {
		for range 3 {
			t, err := once(1)
			if err != nil {
				return c, err
			}
			ours = append(ours, t)
		}
		runtime.GOMAXPROCS(cores)
		for range 3 {
			t, err := once(cores)
			if err != nil {
				return c, err
			}
			all = append(all, t)
		}
		runtime.GOMAXPROCS(1)
		a, err := them.ask(request{Do: "cv", Series: in.path, Initial: days(cvStart), Period: days(cvPeriod), Horizon: days(cvDays)})
		if err != nil {
			return c, err
		}
		if a.Cutoffs != c.Cutoffs {
			return c, fmt.Errorf("%s: %d cutoffs, the original has %d", c.Name, c.Cutoffs, a.Cutoffs)
		}
		theirs = append(theirs, a.MS)
	}
	c.OursMS, c.OursAllCoresMS, c.ProphetMS = median(ours), median(all), median(theirs)
	c.Ratio = c.ProphetMS / c.OursMS
	return c, nil
}

// growth returns how many times longer four times the rows take.
func growth(ctx context.Context) (float64, error) {
	var times [2][]float64
	for seed := range uint64(7) {
		for i, n := range []int{rows, 4 * rows} {
			f := walk(n, seed)
			began := time.Now()
			if _, err := fitPredict(ctx, prophet.Defaults(), f); err != nil {
				return 0, err
			}
			times[i] = append(times[i], ms(time.Since(began)))
		}
	}
	return median(times[1]) / median(times[0]), nil
}

// many fits and forecasts n series, workers at once, and returns how many per second.
func many(ctx context.Context, n, workers int) (float64, error) {
	frames := make([]*prophet.Frame, n)
	for i := range frames {
		frames[i] = walk(rows, uint64(i))
	}
	jobs := make(chan *prophet.Frame, n)
	for _, f := range frames {
		jobs <- f
	}
	close(jobs)
	errs := make(chan error, n)
	began := time.Now()
	var wait sync.WaitGroup
	for range workers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for f := range jobs {
				if _, err := fitPredict(ctx, prophet.Defaults(), f); err != nil {
					errs <- err
				}
			}
		}()
	}
	wait.Wait()
	took := time.Since(began)
	close(errs)
	return float64(n) / took.Seconds(), <-errs
}
