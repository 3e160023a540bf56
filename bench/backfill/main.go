// Command backfill measures how fast the histories of simulated ETFs are backfilled on a real MySQL server, compared with LOAD DATA LOCAL of as many rows
// in the same run, and how much memory the worker takes. Progress goes to standard error, one line of JSON to standard output.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/simulated"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-backfill:", err)
		os.Exit(1)
	}
}

type figures struct {
	Sessions     float64 `json:"sessions_per_s"`
	LoadData     float64 `json:"load_data_rows_per_s"`
	Ratio        float64 `json:"ratio"`         // Sessions / LoadData
	PersistShare float64 `json:"persist_share"` // of the time of all activities, the part of Persist
	RSS          float64 `json:"rss_mb"`        // of the worker, at most
	AsOf         float64 `json:"as_of_ratio"`   // time to read 5,000 bars with three revisions each as of an earlier version, to that of the plain read
}

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-backfill", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("etfcast", "bin/etfcast", "the program")
	n := flags.Int("n", 50, "number of ETFs")
	years := flags.Int("years", 20, "years of each")
	windowYears := flags.Int("window", 4, "with -direct: years of a window")
	atOnce := flags.Int("at-once", 4, "with -direct: ETFs at once")
	straight := flags.Bool("direct", false, "call what the activities call, without Temporal, and print the time of each step")
	profile := flags.String("cpuprofile", "", "with -direct: write a CPU profile to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	place, err := database.New(ctx, env(database.Variable))
	if err != nil {
		return err
	}
	defer place.Drop()
	user, dsn, err := place.NewUser(ctx)
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, place.DSN, db.MigrateOptions{Variable: database.Variable, GrantUsers: []string{user}}); err != nil {
		return err
	}
	store, err := db.Open(dsn, db.Options{Variable: database.Variable})
	if err != nil {
		return err
	}
	defer store.Close()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return err
	}
	whole := etf.Window{From: etf.NewSession(2025-*years, time.January, 1), To: etf.MustSession("2024-12-31")}
	list := make([]etf.ETF, *n)
	for i := range list {
		symbol := etf.Symbol(fmt.Sprintf("SIMB%03d", i))
		list[i] = etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD",
			Sources: []etf.SourceRef{{Name: simulated.Name, Ref: string(symbol) + "?inception=" + whole.From.String()}}}
		if _, _, err := store.CreateETF(ctx, list[i]); err != nil {
			return err
		}
	}
	each := cal.Count(whole)
	about, err := store.Capabilities(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%s %s: %d ETFs with %d sessions each\n", about.Server, about.Version, *n, each)
	var f figures
	before, err := loadData(ctx, place.Admin, *n, each)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "LOAD DATA LOCAL: %.0f rows/s\n", before)
	var rows int
	var took time.Duration
	if *straight {
		rows, took, err = profiled(*profile, func() (int, time.Duration, error) {
			return direct(ctx, store, list, windows(whole, *windowYears), *atOnce, stderr)
		})
	} else {
		rows, took, f.RSS, f.PersistShare, err = product(ctx, *binary, append(os.Environ(), "ETFCAST_MYSQL_DSN="+dsn, "ETFCAST_DAILY_MODELS=drift"), whole, stderr)
	}
	if err != nil {
		return err
	}
	if rows != *n*each {
		return fmt.Errorf("%d rows are new, not %d", rows, *n*each)
	}
	f.Sessions = float64(rows) / took.Seconds()
	fmt.Fprintf(stderr, "backfill:        %.0f rows/s, %.1f s\n", f.Sessions, took.Seconds())
	// The baseline is measured before and after, so that changes in the machine's load affect both figures.
	after, err := loadData(ctx, place.Admin, *n, each)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "LOAD DATA LOCAL: %.0f rows/s\n", after)
	f.LoadData = (before + after) / 2
	f.Ratio = f.Sessions / f.LoadData
	if f.AsOf, err = asOf(ctx, store, stderr); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(f.rounded())
}

func (f figures) rounded() figures {
	return figures{round(f.Sessions, 0), round(f.LoadData, 0), round(f.Ratio, 3), round(f.PersistShare, 2), round(f.RSS, 0), round(f.AsOf, 2)}
}

func round(x float64, digits int) float64 {
	unit := math.Pow10(digits)
	return math.Round(x*unit) / unit
}

// windows cuts a window into windows of so many years.
func windows(whole etf.Window, years int) (list []etf.Window) {
	for from := whole.From; from <= whole.To; {
		y, m, d := from.Time().AddDate(years, 0, 0).Date()
		next := etf.NewSession(y, m, d)
		list = append(list, etf.Window{From: from, To: min(next-1, whole.To)})
		from = next
	}
	return list
}

// profiled does the work and writes its CPU profile into the file; "" = no profile.
func profiled(path string, work func() (int, time.Duration, error)) (int, time.Duration, error) {
	if path == "" {
		return work()
	}
	file, err := os.Create(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return 0, 0, err
	}
	defer pprof.StopCPUProfile()
	return work()
}
