// Command parity fits every golden case with package prophet and prints, one JSON object per line, how far the fits are
// from the original's. parity.py turns them into the report.
//
//	go run ./bench/prophet/parity -golden forecast/prophet/testdata/golden -series forecast/prophet/testdata -real $ETFCAST_REAL_DATA
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/etfcast/etfcast/bench/prophet/golden"
)

func main() {
	dir := flag.String("golden", "forecast/prophet/testdata/golden", "folder of golden files")
	series := flag.String("series", "forecast/prophet/testdata", "folder of the generated series")
	real := flag.String("real", os.Getenv("ETFCAST_REAL_DATA"), "folder of the real series; without it they are left out")
	flag.Parse()
	if err := run(*dir, *series, *real); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func run(dir, series, real string) error {
	files, err := golden.Load(dir)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, f := range files {
		folder := series
		if f.Real {
			folder = real
		}
		if folder == "" {
			continue
		}
		c, err := compare(f, folder)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := out.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

func compare(f *golden.File, folder string) (golden.Comparison, error) {
	history, err := f.History(folder)
	if err != nil {
		return golden.Comparison{}, err
	}
	ctx := context.Background()
	fits, err := f.FitCase(ctx, history)
	if err != nil {
		return golden.Comparison{}, err
	}
	return f.Compare(ctx, fits)
}
