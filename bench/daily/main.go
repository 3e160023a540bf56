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

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
)

type result struct {
	ETFs     int     `json:"etfs"`
	PerS     float64 `json:"etfs_per_s"`
	BarePerS float64 `json:"bare_per_s"`
	Ratio    float64 `json:"ratio"`
	RSSMB    float64 `json:"rss_mb"`
}

// figures are the measurements of one run.
type figures struct {
	rate     float64 // ETFs per second
	cpu      float64 // ms of CPU time per ETF, in the process with the workers
	stackCPU float64 // ms of CPU time per ETF, in the embedded stack
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
	limit := flag.Duration("timeout", 40*time.Minute, "give up after this long")
	flag.Parse()
	if *n < 1 {
		return etf.Invalid("n", "at least one ETF is needed", "run, for example, `make bench-daily N=500`")
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
	symbols, err := seed(ctx, cal, session, *n)
	if err != nil {
		return err
	}

	stack, err := stackPID()
	if err != nil {
		return err
	}
	var bare [2]figures
	if bare[0], err = bareRun(ctx, temporal.SDK(), cal, session, symbols, 1, stack); err != nil {
		return err
	}
	run, rss, err := productRun(ctx, temporal.SDK(), *binary, session, len(symbols), stack)
	if err != nil {
		return err
	}
	if bare[1], err = bareRun(ctx, temporal.SDK(), cal, session, symbols, 2, stack); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "cpu: etfcast %.1f ms/ETF, stack %.1f ms/ETF, bare %.1f ms/ETF, bare stack %.1f ms/ETF\n",
		run.cpu, run.stackCPU, (bare[0].cpu+bare[1].cpu)/2, (bare[0].stackCPU+bare[1].stackCPU)/2)
	rate, mean := run.rate, (bare[0].rate+bare[1].rate)/2
	return json.NewEncoder(os.Stdout).Encode(result{
		ETFs: *n, PerS: round(rate, 2), BarePerS: round(mean, 2), Ratio: round(rate/mean, 3), RSSMB: round(rss, 1),
	})
}

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
