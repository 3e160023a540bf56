// Command garch times package forecast/garch beside the Python package arch: the same series, one thread each, one after the other in the same run, twice
// in turn. It prints the log likelihoods that both reach, and as the last line JSON.
//
// The series are 8 simulated ones of 2,521 closes, and with ETFCAST_REAL_DATA the last 2,521 closes of 4 real ones. Without -python it measures
// ours alone.
package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/garch"
)

const rows = 2521

func main() {
	python := flag.String("python", "", "a Python with bench/models/requirements.txt")
	rounds := flag.Int("rounds", 3, "fits of each series, after one that is not timed")
	flag.Parse()
	if err := run(*python, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench/models/garch:", err)
		os.Exit(1)
	}
}

// times are what a side took, in seconds a fit, and the log likelihoods that it found. First and Later are ours alone: seconds of CPU of a
// fit's first forecast of 21 sessions, and of one after filtering a row.
type times struct {
	CPU         float64   `json:"cpu"`
	Wall        float64   `json:"wall"`
	Likelihoods []float64 `json:"likelihoods"`
	First       float64   `json:"-"`
	Later       float64   `json:"-"`
}

func run(python string, rounds int) error {
	runtime.GOMAXPROCS(1)
	names, all := simulated()
	if folder := os.Getenv("ETFCAST_REAL_DATA"); folder != "" {
		for _, symbol := range []string{"SPY", "QQQ", "IWM", "EEM"} {
			closes, err := yahoo(filepath.Join(folder, "prices", "yahoo", symbol+".csv"))
			if err != nil {
				return err
			}
			names, all = append(names, symbol), append(all, closes)
		}
	}
	ours, theirs := map[string]times{}, map[string]times{}
	version := ""
	for range 2 { // the better of two turns: another process may have disturbed one
		for _, m := range []*garch.Model{garch.Default(), garch.DefaultGJR()} {
			o, err := own(m, all, rounds)
			if err != nil {
				return err
			}
			if best, ok := ours[m.Name()]; !ok || o.CPU < best.CPU {
				ours[m.Name()] = o
			}
		}
		if python == "" {
			continue
		}
		p, err := reference(python, all, rounds)
		if err != nil {
			return err
		}
		version = p.Version
		for name, t := range map[string]times{garch.Name: p.GARCH, garch.NameGJR: p.GJR} {
			if best, ok := theirs[name]; !ok || t.CPU < best.CPU {
				theirs[name] = t
			}
		}
	}
	result := map[string]any{"rows": rows, "series": len(all), "rounds": rounds}
	for _, model := range []string{garch.Name, garch.NameGJR} {
		o, p := ours[model], theirs[model]
		part := map[string]any{"cpu_ms": 1000 * o.CPU, "wall_ms": 1000 * o.Wall, "first_forecast_ms": 1000 * o.First, "later_forecast_ms": 1000 * o.Later}
		if python == "" {
			for i, name := range names {
				fmt.Printf("%-6s %-14s %.4f\n", model, name, o.Likelihoods[i])
			}
		} else {
			least := math.Inf(1)
			fmt.Printf("%-6s %-14s %14s %14s %12s\n", "model", "series", "ours", "arch", "difference")
			for i, name := range names {
				fmt.Printf("%-6s %-14s %14.4f %14.4f %12.5f\n", model, name, o.Likelihoods[i], p.Likelihoods[i], o.Likelihoods[i]-p.Likelihoods[i])
				least = min(least, o.Likelihoods[i]-p.Likelihoods[i])
			}
			fmt.Printf("CPU a fit: ours %.2f ms, arch %s %.2f ms: %.1f times faster\n", 1000*o.CPU, version, 1000*p.CPU, p.CPU/o.CPU)
			part["arch"], part["reference_cpu_ms"], part["reference_wall_ms"] = version, 1000*p.CPU, 1000*p.Wall
			part["times_faster"], part["least_likelihood_gain"] = p.CPU/o.CPU, least
		}
		result[model] = part
	}
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

// own fits every series once, and then rounds times on the clock.
func own(m *garch.Model, all [][]float64, rounds int) (times, error) {
	var t times
	series := make([]forecast.Series, len(all))
	fits := make([]forecast.Fitted, len(all))
	for i, closes := range all {
		origin := etf.MustSession("2025-09-26")
		s := forecast.Series{Symbol: "BENCH", Exchange: etf.XNYS, Close: closes, Origin: origin}
		for i := range closes {
			s.Sessions = append(s.Sessions, origin.AddDays(i+1-len(closes)))
		}
		series[i] = s
		f, err := m.Fit(context.Background(), s, 0, nil)
		if err != nil {
			return t, err
		}
		l, err := strconv.ParseFloat(f.Diagnostics()["log_likelihood"], 64)
		if err != nil {
			return t, err
		}
		fits[i], t.Likelihoods = f, append(t.Likelihoods, l)
	}
	cpu, began := processTime(), time.Now()
	for range rounds {
		for _, s := range series {
			if _, err := m.Fit(context.Background(), s, 0, nil); err != nil {
				return t, err
			}
		}
	}
	n := float64(rounds * len(series))
	t.CPU, t.Wall = (processTime()-cpu)/n, time.Since(began).Seconds()/n
	for k, f := range fits {
		s := series[k]
		targets := make([]etf.Session, etf.MaxHorizon)
		for round := range 21 {
			cpu := processTime()
			if round > 0 {
				s.Sessions, s.Close = append(s.Sessions, s.Origin.AddDays(1)), append(s.Close, s.Close[len(s.Close)-1]*math.Exp(.01*float64(1-2*(round%2))))
				s.Origin = s.Origin.AddDays(1)
				var err error
				if f, err = f.(forecast.Filterer).Filter(context.Background(), s); err != nil {
					return t, err
				}
			}
			for h := range targets {
				targets[h] = s.Origin.AddDays(h + 1)
			}
			if _, err := f.Predict(targets); err != nil {
				return t, err
			}
			if took := processTime() - cpu; round == 0 {
				t.First += took / float64(len(fits))
			} else {
				t.Later += took / float64(20*len(fits))
			}
		}
	}
	return t, nil
}

// processTime is the CPU time that this process has used, in seconds.
func processTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

type referenceTimes struct {
	GARCH   times  `json:"garch"`
	GJR     times  `json:"gjr"`
	Version string `json:"version"`
}

func reference(python string, all [][]float64, rounds int) (referenceTimes, error) {
	var t referenceTimes
	job, err := json.Marshal(map[string]any{"rounds": rounds, "series": all})
	if err != nil {
		return t, err
	}
	c := exec.CommandContext(context.Background(), python, "bench/models/garch_time.py")
	c.Stdin, c.Stderr = bytes.NewReader(job), os.Stderr
	out, err := c.Output()
	if err != nil {
		return t, fmt.Errorf("%s bench/models/garch_time.py: %w", python, err)
	}
	return t, json.Unmarshal(out, &t)
}

// simulated returns closes whose log returns are GARCH, GJR and independent, with normal errors and with those of a t distribution with 4 degrees of freedom,
// scaled to variance 1, and two with a variance that jumps.
func simulated() (names []string, all [][]float64) {
	for i, kind := range []string{"GARCH", "GJR", "independent", "jump"} {
		for j, tails := range []string{"normal", "t(4)"} {
			random := rand.New(rand.NewPCG(uint64(i), uint64(j)))
			closes := make([]float64, rows)
			log, h := math.Log(100), 1.0
			for t := range closes {
				closes[t] = math.Exp(log)
				z := random.NormFloat64()
				if j == 1 {
					squares := 0.0
					for range 4 {
						x := random.NormFloat64()
						squares += x * x
					}
					z /= math.Sqrt(squares/4) * math.Sqrt2
				}
				e := math.Sqrt(h) * z
				log += .0003 + e/100
				switch kind {
				case "GARCH":
					h = .02 + .08*e*e + .90*h
				case "GJR":
					fall := min(e, 0)
					h = .02 + .02*e*e + .14*fall*fall + .88*h
				case "jump":
					h = 1 + 8*float64(t/800%2)
				}
			}
			names, all = append(names, kind+" "+tails), append(all, closes)
		}
	}
	return names, all
}

// yahoo reads the last closes of a file of real prices: date, adjusted close, close.
func yahoo(path string) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var closes []float64
	for _, r := range records {
		if c, err := strconv.ParseFloat(r[2], 64); err == nil {
			closes = append(closes, c)
		}
	}
	return closes[max(0, len(closes)-rows):], nil
}
