package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

type result struct {
	ETFs      int     `json:"etfs"`
	Years     int     `json:"years"`    // of stored bars
	Database  string  `json:"database"` // "embedded", or the server and its version
	PerS      float64 `json:"etfs_per_s,omitempty"`
	BarePerS  float64 `json:"bare_per_s,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	RSSMB     float64 `json:"rss_mb,omitempty"`
	CPU       cpu     `json:"cpu_ms_per_etf,omitzero"`
	BareCPU   cpu     `json:"bare_cpu_ms_per_etf,omitzero"`
	Seed      *seeded `json:"seed,omitempty"`
	SeedRatio float64 `json:"seed_ratio,omitempty"` // PerS to Seed's
	Record    *cost   `json:"record,omitempty"`
}

// cost is what scoring and anchoring add to a day, in the same run: each of the two programs does a day for two fifths of the ETFs. Percentages
// are of the day without.
type cost struct {
	With        cpu     `json:"cpu_ms_per_etf"`
	Without     cpu     `json:"without_cpu_ms_per_etf"`
	CPUPercent  float64 `json:"record_cpu_percent"`
	CostPercent float64 `json:"record_cost_percent"` // of the time per ETF
}

// cpu is CPU time in ms per ETF.
type cpu struct {
	Workers  float64 `json:"workers"`            // the process with the workers
	Stack    float64 `json:"stack"`              // the embedded stack: Temporal, and the database unless it is a server
	Database float64 `json:"database,omitempty"` // the database server
}

// seeded are the figures of bench/seed.
type seeded struct {
	PerS     float64 `json:"etfs_per_s"`
	CPU      float64 `json:"cpu_ms_per_etf"`
	Database float64 `json:"database_cpu_ms_per_etf,omitempty"`
}

// figures are the measurements of one run.
type figures struct {
	rate float64 // ETFs per second
	cpu  cpu
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-daily:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context) error {
	binary := flag.String("etfcast", "bin/etfcast", "the binary under test")
	n := flag.Int("n", 500, "number of ETFs")
	years := flag.Int("years", 5, "years of stored bars")
	server := flag.Bool("mysql", false, "use the MySQL server of "+database.Variable+" instead of the embedded database")
	without := flag.String("without", "", "a binary built with the tag withoutrecord: also measure what the record costs")
	python := flag.String("python", "", "with -mysql: also run bench/seed, with this Python")
	limit := flag.Duration("timeout", 40*time.Minute, "give up after this long")
	flag.Parse()
	if *n < 1 || *years < 1 {
		return etf.Invalid("n", "at least one ETF with one year of bars is needed", "run, for example, `make bench-daily N=500`")
	}
	if *without != "" && *n < 5 {
		return etf.Invalid("n", "-without needs five ETFs at least", "run, for example, `make bench-record N=400`")
	}
	if *python != "" {
		if !*server {
			return etf.Invalid("python", "bench/seed needs a MySQL server", "run `make bench-seed`")
		}
		if err := checkPython(ctx, *python); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()

	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return err
	}
	session, err := cal.LastClosed(time.Now())
	if err != nil {
		return err
	}
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	options.Logger = sdklog.NewStructuredLogger(quiet)
	temporal, err := dispatch.New(options, quiet)
	if err != nil {
		return err
	}
	defer temporal.Close()
	if err := temporal.EnsureSearchAttributes(ctx, quiet); err != nil {
		return err
	}
	pids, about, drop, err := prepareDatabase(ctx, *server)
	if err != nil {
		return err
	}
	defer drop()
	symbols, err := seed(ctx, cal, session, *n, *years)
	if err != nil {
		return err
	}
	var bare [2]figures
	if err := seedRecord(ctx, cal, session, symbols); err != nil {
		return err
	}
	if *without != "" {
		record, err := recordCost(ctx, temporal.SDK(), *binary, *without, session, symbols, pids)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result{ETFs: *n, Years: *years, Database: about, Record: &record})
	}
	if bare[0], err = bareRun(ctx, temporal.SDK(), cal, session, symbols, 1, pids); err != nil {
		return err
	}
	run, rss, err := productRun(ctx, temporal.SDK(), *binary, workflows.DailyInput{Exchange: etf.XNYS, Session: session}, len(symbols), pids)
	if err != nil {
		return err
	}
	out := result{ETFs: *n, Years: *years, Database: about, PerS: round(run.rate, 2), RSSMB: round(rss, 1), CPU: run.cpu.rounded()}
	if *python != "" {
		if out.Seed, err = seedRun(ctx, *python, session, *n, *years); err != nil {
			return err
		}
		out.SeedRatio = round(run.rate/out.Seed.PerS, 2)
	}
	if bare[1], err = bareRun(ctx, temporal.SDK(), cal, session, symbols, 2, pids); err != nil {
		return err
	}
	mean := (bare[0].rate + bare[1].rate) / 2
	out.BarePerS, out.Ratio = round(mean, 2), round(run.rate/mean, 3)
	out.BareCPU = cpu{
		(bare[0].cpu.Workers + bare[1].cpu.Workers) / 2, (bare[0].cpu.Stack + bare[1].cpu.Stack) / 2, (bare[0].cpu.Database + bare[1].cpu.Database) / 2,
	}.rounded()
	return json.NewEncoder(os.Stdout).Encode(out)
}

func (c cpu) String() string {
	if c.Database == 0 {
		return fmt.Sprintf("workers %.1f, stack %.1f", c.Workers, c.Stack)
	}
	return fmt.Sprintf("workers %.1f, stack %.1f, database %.1f", c.Workers, c.Stack, c.Database)
}

func (c cpu) rounded() cpu { return cpu{round(c.Workers, 1), round(c.Stack, 1), round(c.Database, 1)} }

func round(x float64, digits int) float64 {
	unit := 1.0
	for range digits {
		unit *= 10
	}
	return float64(int64(x*unit+.5)) / unit
}

// ratePerSecond returns ETFs per second of a closed workflow, by the times that Temporal recorded.
func ratePerSecond(ctx context.Context, c client.Client, workflowID string, etfs int) (float64, error) {
	d, err := c.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return 0, err
	}
	info := d.GetWorkflowExecutionInfo()
	if info.GetCloseTime() == nil {
		return 0, fmt.Errorf("%s has not ended", workflowID)
	}
	// A workflow that continued as new started with its first execution.
	started := info.GetStartTime().AsTime()
	if first := info.GetFirstRunId(); first != "" && first != info.GetExecution().GetRunId() {
		f, err := c.DescribeWorkflowExecution(ctx, workflowID, first)
		if err != nil {
			return 0, err
		}
		started = f.GetWorkflowExecutionInfo().GetStartTime().AsTime()
	}
	return float64(etfs) / info.GetCloseTime().AsTime().Sub(started).Seconds(), nil
}
