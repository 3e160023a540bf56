package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/service"
)

// etfs are the simulated ETFs. Some have a split, a late start, or crashes, whose prices are held at first.
var etfs = []struct {
	exchange etf.Exchange
	symbol   string
	ref      string
}{
	{etf.XNYS, "SIMA", ""},
	{etf.XNYS, "SIMB", "?faults=crash:2@1/9"},
	{etf.XNYS, "SIMC", "?split=2026-11-05:4:1"},
	{etf.XNYS, "SIMD", "?inception=2026-01-05"},
	{etf.XKRX, "SIMK", ""},
	{etf.XKRX, "SIML", "?faults=crash:1@1/9"},
	{etf.XKRX, "SIMM", "?inception=2025-06-02"},
	{etf.XKRX, "SIMN", "?split=2026-11-05:4:1"},
}

// report is the result.
type report struct {
	Forecasts int            `json:"forecasts"` // issued
	Drawn     int            `json:"drawn"`
	Models    map[string]int `json:"models"` // drawn, by model and by exchange
	Exchanges map[string]int `json:"exchanges"`
	Held      int            `json:"held"` // drawn, of a held origin
	Versions  int            `json:"data_versions"`
	Passes    []pass         `json:"passes"`
}

// pass is what one program made of the forecasts.
type pass struct {
	Program    string    `json:"program"`
	Build      etf.Build `json:"build"`
	Identical  int       `json:"identical"`
	Equivalent int       `json:"equivalent"`
	Different  int       `json:"different"`
	Numbers    int       `json:"numbers"` // compared
	Unequal    int       `json:"unequal"` // to the bit
	Largest    float64   `json:"largest"` // relative difference
	Seconds    float64   `json:"seconds"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "report-reproduce:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	binary := flag.String("etfcast", "bin/etfcast", "the program under test")
	other := flag.String("v3", "", "the same program, compiled with GOAMD64=v3")
	n := flag.Int("n", 200, "number of forecasts to draw")
	seed := flag.Uint64("seed", 1, "seed of the draw")
	limit := flag.Duration("timeout", 40*time.Minute, "give up after this long")
	flag.Parse()
	if *n < 1 {
		return etf.Invalid("n", "no forecast is drawn", "run, for example, `make report-reproduce N=200`")
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	// Twice as many as are drawn, over all ETFs and two models.
	if err := issueForecasts(ctx, *binary, max(4, *n/len(etfs)+1)); err != nil {
		return err
	}
	all, err := stored(ctx)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	drawn := all[:min(*n, len(all))]
	out := report{Forecasts: len(all), Drawn: len(drawn), Models: map[string]int{}, Exchanges: map[string]int{}}
	versions := map[string]bool{}
	for _, f := range drawn {
		out.Models[f.Model]++
		out.Exchanges[string(f.exchange)]++
		versions[fmt.Sprint(f.Symbol, f.DataVersion.Number)] = true
		if f.Held > 0 {
			out.Held++
		}
	}
	out.Versions = len(versions)
	programs := []program{{"the same", *binary, nil, nil}, {"GOMAXPROCS=1", *binary, []string{"GOMAXPROCS=1"}, nil}}
	if *other != "" && hasV3() {
		programs = append(programs, program{"GOAMD64=v3", *other, nil, []string{"--anyway"}})
	}
	failed := false
	for i, p := range programs {
		result, err := p.all(ctx, drawn)
		if err != nil {
			return err
		}
		out.Passes = append(out.Passes, result)
		failed = failed || result.Different > 0 || i < 2 && result.Identical < len(drawn)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		return err
	}
	if failed || len(drawn) < *n {
		return fmt.Errorf("not every one of %d forecasts could be made again as it was", *n)
	}
	return nil
}

// hasV3 reports whether the processor can run programs compiled with GOAMD64=v3.
func hasV3() bool {
	x := cpu.X86
	return x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasFMA && x.HasOSXSAVE
}

// issueForecasts starts the program, registers the ETFs and runs the last closed sessions of each exchange, oldest first.
func issueForecasts(ctx context.Context, binary string, sessions int) error {
	up := exec.CommandContext(ctx, binary, "up", "--listen", "127.0.0.1:0")
	up.Cancel = func() error { return up.Process.Signal(syscall.SIGINT) }
	var log bytes.Buffer
	up.Stdout, up.Stderr = &log, &log
	if err := up.Start(); err != nil {
		return err
	}
	defer func() {
		_ = up.Process.Signal(syscall.SIGINT)
		_ = up.Wait()
	}()
	for _, e := range etfs {
		source := "simulated"
		if e.ref != "" {
			source += "=" + e.ref
		}
		for {
			_, err := call(ctx, nil, binary, "etf", "add", e.symbol, "--exchange", string(e.exchange), "--source", source)
			if err == nil {
				break
			}
			if ctx.Err() != nil || exitCode(err) != 4 && exitCode(err) != 1 { // not migrated yet
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
	for _, exchange := range []etf.Exchange{etf.XNYS, etf.XKRX} {
		cal, err := calendar.For(exchange)
		if err != nil {
			return err
		}
		last, err := cal.LastClosed(time.Now())
		if err != nil {
			return err
		}
		list := cal.Sessions(etf.Window{From: last.AddDays(-2 * sessions), To: last})
		for i, session := range list[len(list)-min(sessions, len(list)):] {
			_, err := call(ctx, nil, binary, "run", "daily", "--exchange", string(exchange), "--session", session.String(), "--wait")
			if err != nil && exitCode(err) != 3 { // 3: bars of some ETF are quarantined
				return err
			}
			fmt.Fprintf(os.Stderr, "\r%s: %d of %d sessions", exchange, i+1, sessions)
		}
		fmt.Fprintln(os.Stderr)
	}
	return nil
}

// drawable is a stored forecast and its ETF's exchange.
type drawable struct {
	etf.Forecast
	exchange etf.Exchange
}

// stored returns every stored forecast, in a fixed order.
func stored(ctx context.Context) (list []drawable, err error) {
	s, err := db.Open(os.Getenv(db.DSNVariable), db.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, e := range etfs {
		models, err := s.ForecastModels(ctx, etf.Symbol(e.symbol))
		if err != nil {
			return nil, err
		}
		for _, model := range models {
			for before := int64(0); ; {
				page, err := s.ForecastPage(ctx, etf.Symbol(e.symbol), model, before, 200)
				if err != nil {
					return nil, err
				}
				for _, f := range page {
					list = append(list, drawable{f, e.exchange})
					before = f.Chain
				}
				if len(page) < 200 {
					break
				}
			}
		}
	}
	return list, nil
}

// program makes forecasts again.
type program struct {
	name, binary string
	env, flags   []string
}

func (p program) all(ctx context.Context, list []drawable) (pass, error) {
	out := pass{Program: p.name}
	began := time.Now()
	for i, f := range list {
		raw, err := call(ctx, p.env, p.binary, append([]string{"reproduce", f.ID, "--json"}, p.flags...)...)
		if err != nil && exitCode(err) != 1 {
			return out, err
		}
		var r service.Reproduction
		if err := errors.Join(json.Unmarshal(raw, &r)); err != nil {
			return out, fmt.Errorf("reading what %s says about %s: %w", p.binary, f.ID, err)
		}
		switch r.Verdict {
		case issue.Identical:
			out.Identical++
		case issue.Equivalent:
			out.Equivalent++
		default:
			out.Different++
		}
		if r.Verdict != issue.Identical && out.Identical < i+1 && out.Equivalent+out.Different == 1 {
			fmt.Fprintf(os.Stderr, "\n%s: the first that is not identical is %s: %+v\n", p.name, f.ID, *r.First)
		}
		out.Build, out.Numbers, out.Unequal, out.Largest = r.By.Build, out.Numbers+r.Numbers, out.Unequal+r.Unequal, max(out.Largest, r.Largest)
		fmt.Fprintf(os.Stderr, "\r%s: %d of %d", p.name, i+1, len(list))
	}
	fmt.Fprintln(os.Stderr)
	out.Seconds = float64(time.Since(began).Round(100*time.Millisecond)) / float64(time.Second)
	return out, nil
}

// call runs a command and returns its standard output.
func call(ctx context.Context, env []string, binary string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %v: %w: %s", binary, args, err, stderr.String())
	}
	return out, err
}

// exitCode returns the exit code behind an error of call, -1 if there is none.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
