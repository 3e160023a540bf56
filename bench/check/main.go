// Command check measures `etfcast check` on a file of 6,000 rows: the check alone, and the whole process. The last line
// is JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
)

func main() {
	binary := flag.String("etfcast", "bin/etfcast", "the program")
	rows := flag.Int("rows", 6_000, "rows of the file")
	times := flag.Int("times", 40, "how often each is measured")
	flag.Parse()
	if err := run(*binary, *rows, *times); err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
}

func run(binary string, rows, times int) error {
	raw, err := prices(rows)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "check")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "prices.csv")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return err
	}
	alone, err := measure(times, func() error {
		_, err := filecheck.Check(filecheck.File{Name: path, Raw: raw}, filecheck.Options{Exchange: etf.XNYS})
		return err
	})
	if err != nil {
		return err
	}
	stored, err := measure(times, func() error {
		old := filecheck.File{Name: path, Raw: raw}
		_, err := filecheck.Check(old, filecheck.Options{Exchange: etf.XNYS, Stored: &old})
		return err
	})
	if err != nil {
		return err
	}
	process, err := measure(times, func() error { return etfcast(binary, "check", path, "--exchange", "XNYS", "--json") })
	if err != nil {
		return err
	}
	start, err := measure(times, func() error { return etfcast(binary, "version") })
	if err != nil {
		return err
	}
	fmt.Printf("%d rows, median of %d: the check alone %.1f ms, with --stored %.1f ms; the whole process %.1f ms, of which %.1f ms to start\n", rows, times, alone, stored, process, start)
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"rows": rows, "check_ms": alone, "check_stored_ms": stored, "process_ms": process, "start_ms": start, "cores": runtime.NumCPU(),
	})
}

// etfcast runs the program, for which findings are no failure here.
func etfcast(binary string, args ...string) error {
	out, err := exec.CommandContext(context.Background(), binary, args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// measure returns the median time in milliseconds.
func measure(times int, do func() error) (float64, error) {
	var all []float64
	for range times {
		began := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		all = append(all, float64(time.Since(began).Microseconds())/1000)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// prices writes a random walk that ends on 2025-09-26.
func prices(rows int) ([]byte, error) {
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return nil, err
	}
	days := cal.Sessions(etf.Window{To: etf.MustSession("2025-09-26")})
	if rows > len(days) {
		return nil, fmt.Errorf("the calendar has %d sessions", len(days))
	}
	r, level := rand.New(rand.NewPCG(1, 1)), 4.6
	var b bytes.Buffer
	b.WriteString("Date,Open,High,Low,Close,Volume\n")
	for _, day := range days[len(days)-rows:] {
		open := level + 0.002*r.NormFloat64()
		level += 0.01 * r.NormFloat64()
		high, low := max(open, level)+0.003*r.Float64(), min(open, level)-0.003*r.Float64()
		fmt.Fprintf(&b, "%s,%.4f,%.4f,%.4f,%.4f,%d\n", day, math.Exp(open), math.Exp(high), math.Exp(low), math.Exp(level), 1_000_000+r.IntN(500_000))
	}
	return b.Bytes(), nil
}
