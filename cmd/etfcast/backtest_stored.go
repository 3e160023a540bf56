package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// storedBacktestCommands are the subcommands of backtest, which measure stored ETFs in a workflow. Unlike their parent they read settings.
func storedBacktestCommands(a *app, help func(*cobra.Command, []string)) []*cobra.Command {
	list := []*cobra.Command{backtestStartCommand(a), backtestListCommand(a), backtestShowCommand(a), backtestCancelCommand(a)}
	for _, cmd := range list {
		cmd.PersistentPreRunE = func(cmd *cobra.Command, args []string) error { return cmd.Root().PersistentPreRunE(cmd, args) }
		cmd.SetHelpFunc(help)
	}
	return list
}

func backtestStartCommand(a *app) *cobra.Command {
	var request service.NewBacktest
	var what backtestFlags
	var wait bool
	var folder string
	var as format
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Measure models on stored ETFs in a workflow; repeating the command finds the same backtest",
		Long: `Measure models on stored ETFs, on their history as it was believed at an instant. A workflow does it: it
goes on after any crash, and every daily run goes before it. Repeating the command finds the same backtest,
unless the data have changed or --again asks once more.`,
		Example: `  etfcast backtest start --exchange XNYS --models drift,prophet --wait
  etfcast backtest start --symbols SPY,QQQ --as-of 2025-09-26T21:00:00Z --origins-every 5`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if request.Options, err = what.complete(); err != nil {
				return usageError{err}
			}
			if folder != "" && !wait {
				return usageError{etf.Invalid("report", "there is no report before the backtest has ended", "give --wait too, or `etfcast backtest show ID --report "+folder+"` later")}
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			run, started, err := svc.StartBacktest(cmd.Context(), request)
			if err != nil {
				return err
			}
			if wait {
				return a.waitForBacktest(cmd.Context(), svc, run, as, folder)
			}
			if !as.forPeople() {
				return a.encode(as, run)
			}
			result := "started"
			if !started {
				result = "already exists: " + string(run.Status)
			}
			fmt.Fprintf(a.stdout, "backtest %s %s\n", run.ID, result)
			if link := svc.BacktestURL(run.ID); link != "" {
				fmt.Fprintf(a.stdout, "%s\n", link)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&request.Exchange, "exchange", "", "every ETF of this exchange, "+etf.ExchangeList())
	cmd.Flags().StringSliceVar(&request.Symbols, "symbols", nil, "only these ETFs, separated by commas")
	cmd.Flags().StringVar(&request.AsOf, "as-of", "", "measure what was believed at this instant, such as 2025-09-26T21:00:00Z (default: now)")
	cmd.Flags().BoolVar(&request.Again, "again", false, "ask again what was answered already")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the backtest has ended and show its result; exit code 5 if a leak is suspected")
	cmd.Flags().StringVar(&folder, "report", "", "with --wait, folder to write index.html and results.json to; it is made if it is not there")
	what.add(cmd)
	as.addFlags(cmd, "with --wait the result", "with --wait one row for each ETF, model and horizon")
	return cmd
}

// waitForBacktest waits until the backtest has ended, with a progress bar if on a terminal, and shows its result.
func (a *app) waitForBacktest(ctx context.Context, svc *service.Service, run etf.BacktestRun, as format, folder string) error {
	bar := a.progressBar("backtest")
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for run.Status == etf.RunRunning {
		select {
		case <-ctx.Done():
			return errContinues{"backtest", run.ID}
		case <-tick.C:
		}
		now, err := svc.Backtest(ctx, run.ID)
		switch {
		case ctx.Err() != nil:
			return errContinues{"backtest", run.ID}
		case err == nil:
			run = now
		case etf.KindOf(err) != etf.KindUnavailable: // it is durable: keep watching while a server is away
			return err
		}
		if bar != nil {
			bar.ChangeMax(max(run.Counts.ETFs, 1))
			_ = bar.Set(run.Counts.Done())
		}
	}
	if bar != nil {
		_ = bar.Clear()
	}
	if run.Status != etf.RunCompleted {
		why := ""
		if run.Error != "" {
			why = ": " + etf.OneLine(run.Error)
		}
		return fmt.Errorf("backtest %s ended as %s%s: %w", run.ID, run.Status, why, errNoResult)
	}
	return a.showStoredBacktest(ctx, svc, run, as, folder)
}

// errNoResult is returned by a command that waited for a backtest which did not complete.
var errNoResult = errors.New("there is no result")

// showStoredBacktest shows the result of a completed backtest; the error is errLeak if a leak is suspected.
func (a *app) showStoredBacktest(ctx context.Context, svc *service.Service, run etf.BacktestRun, as format, folder string) error {
	result, err := svc.BacktestResult(ctx, run.ID)
	if err != nil {
		return err
	}
	if folder != "" {
		if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a report is no secret
			return usageError{&etf.Error{Kind: etf.KindInvalid, Field: "report", Message: "the folder " + folder + " can't be made", Remedy: "name another folder", Err: err}}
		}
		if err := writeReport(folder, result); err != nil {
			return err
		}
	}
	if as.forPeople() {
		if err := a.printBacktestRun(ctx, svc, run); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout)
	}
	return showBacktest(a, result, as, folder)
}

// printBacktestRun prints how far a backtest is, and the ETFs that can't be measured.
func (a *app) printBacktestRun(ctx context.Context, svc *service.Service, run etf.BacktestRun) error {
	took := ""
	if !run.FinishedAt.IsZero() {
		took = fmt.Sprintf(" in %.1f s", run.FinishedAt.Sub(run.StartedAt).Seconds())
	}
	fmt.Fprintf(a.stdout, "backtest %s %s%s\n%s\n", run.ID, run.Status, took, run.BacktestRequest)
	if run.Error != "" {
		fmt.Fprintf(a.stdout, "error: %s\n", etf.OneLine(run.Error))
	}
	c := run.Counts
	fmt.Fprintf(a.stdout, "%d of %d ETFs done, %d of them can't be measured; %d origins\n", c.Done(), c.ETFs, c.Failed, c.Origins)
	if run.Hash != "" {
		fmt.Fprintf(a.stdout, "result %s by code %s\n", run.Hash, run.CodeVersion)
	}
	if link := svc.BacktestURL(run.ID); link != "" {
		fmt.Fprintf(a.stdout, "%s\n", link)
	}
	if c.Failed == 0 {
		return nil
	}
	t := newTable(a.stdout, "SYMBOL", "WHY IT CAN'T BE MEASURED").spare("WHY IT CAN'T BE MEASURED")
	for after, more := etf.Symbol(""), true; more; {
		var page []etf.BacktestRunETF
		var err error
		if _, page, more, err = svc.BacktestDetail(ctx, run.ID, after, 1000); err != nil {
			return err
		}
		for _, e := range page {
			if after = e.Symbol; e.Error != "" {
				t.row(e.Symbol, etf.OneLine(e.Error))
			}
		}
	}
	fmt.Fprintln(a.stdout)
	return t.flush()
}

func backtestListCommand(a *app) *cobra.Command {
	q := service.BacktestQuery{}
	var as format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List backtests of stored ETFs, newest first",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			list, _, err := svc.Backtests(cmd.Context(), q)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, list)
			}
			t := newTable(a.stdout, "BACKTEST", "STATUS", "STARTED", "DONE", "ETFS", "ORIGINS", "LEAK", "WHAT").
				numbers("DONE", "ETFS", "ORIGINS").spare("ORIGINS", "STARTED", "WHAT")
			for _, b := range list {
				leak := ""
				if b.LeakSuspected {
					leak = "suspected"
				}
				t.row(b.ID, b.Status, b.StartedAt.UTC().Format(time.RFC3339), b.Counts.Done(), b.Counts.ETFs, b.Counts.Origins, leak, b.BacktestRequest)
			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&q.Exchange, "exchange", "", "only backtests of this exchange")
	cmd.Flags().StringVar(&q.Status, "status", "", "only backtests with this status: running, completed, failed, cancelled, terminated or timed_out")
	cmd.Flags().IntVar(&q.Limit, "limit", 20, "maximum number of backtests")
	as.addFlags(cmd, "", "")
	return cmd
}

func backtestShowCommand(a *app) *cobra.Command {
	var folder string
	var as format
	cmd := &cobra.Command{
		Use:     "show BACKTEST",
		Short:   "Show a backtest of stored ETFs: its result, or how far it is",
		Example: "  etfcast backtest show 0123456789abcdef0123456789abcdef --report out",
		Args:    exactArgs("BACKTEST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := etf.ParseBacktestID(args[0])
			if err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			run, err := svc.Backtest(cmd.Context(), id)
			if err != nil {
				return err
			}
			if run.Status == etf.RunCompleted {
				err := a.showStoredBacktest(cmd.Context(), svc, run, as, folder)
				if errors.Is(err, errLeak) {
					fmt.Fprintf(a.stderr, "etfcast: %v\n", err)
					return nil // looking at it is no failure
				}
				return err
			}
			if folder != "" {
				_, err := svc.BacktestResult(cmd.Context(), id)
				return err // it says that there is none
			}
			if !as.forPeople() {
				return a.encode(as, run)
			}
			return a.printBacktestRun(cmd.Context(), svc, run)
		},
	}
	cmd.Flags().StringVar(&folder, "report", "", "folder to write index.html and results.json to; it is made if it is not there")
	as.addFlags(cmd, "the result; of a backtest that is not completed, how far it is", "one row for each ETF, model and horizon")
	return cmd
}

func backtestCancelCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "cancel BACKTEST",
		Short:   "Cancel a backtest of stored ETFs; what it has measured is deleted",
		Example: "  etfcast backtest cancel 0123456789abcdef0123456789abcdef",
		Args:    exactArgs("BACKTEST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := etf.ParseBacktestID(args[0])
			if err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			if _, err := svc.CancelBacktest(cmd.Context(), id); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "cancellation of backtest %s requested\n", id)
			return err
		},
	}
}
