package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func runCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "run", Short: "Start, watch and cancel runs"}
	a.common.times.addFinal(cmd.PersistentFlags())
	cmd.AddCommand(runDailyCommand(a), runShowCommand(a), runListCommand(a), runCancelCommand(a))
	return cmd
}

func runDailyCommand(a *app) *cobra.Command {
	var request service.RunRequest
	var wait bool
	var as format
	cmd := &cobra.Command{
		Use:   "daily",
		Short: "Update the ETFs of an exchange for one session; repeating the command finds the same run",
		Example: `  etfcast run daily --exchange XNYS --wait
  etfcast run daily --exchange XNYS --session 2025-09-26 --symbols SPY,QQQ
  etfcast run daily --exchange XNYS --session 2025-09-26 --rerun`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			request.Workflow = etf.DailyRun
			run, started, err := svc.StartRun(cmd.Context(), request)
			if err != nil {
				return err
			}
			if wait {
				return a.waitForRun(cmd.Context(), svc, run, as)
			}
			if !as.forPeople() {
				return a.encode(as, run)
			}
			result := "started"
			if !started {
				result = "already exists: " + string(run.Status)
			}
			fmt.Fprintf(a.stdout, "run %s %s\n", run.ID, result)
			if link := svc.RunURL(run.ID); link != "" {
				fmt.Fprintf(a.stdout, "%s\n", link)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&request.Exchange, "exchange", "", etf.ExchangeList())
	cmd.Flags().StringVar(&request.Session, "session", "", "the session, YYYY-MM-DD (default: the last closed one)")
	cmd.Flags().StringSliceVar(&request.Symbols, "symbols", nil, "only these ETFs, separated by commas (default: every ETF of the exchange)")
	cmd.Flags().BoolVar(&request.Rerun, "rerun", false, "start a new run even if one is running or completed")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the run has ended; exit code 3 if any ETF failed or is quarantined")
	as.addFlags(cmd, "with --wait including the ETFs", "with --wait one row for each ETF")
	return cmd
}

// waitForRun waits until the run has ended, with a progress bar if on a terminal, and prints its result.
func (a *app) waitForRun(ctx context.Context, svc *service.Service, run etf.Run, as format) error {
	bar := a.progressBar(string(run.ID))
	id := run.ID
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for run.Status == etf.RunRunning {
		select {
		case <-ctx.Done():
			return errContinues{"run", string(id)}
		case <-tick.C:
		}
		now, err := svc.Run(ctx, id)
		if ctx.Err() != nil {
			return errContinues{"run", string(id)}
		}
		if err != nil {
			// The run is durable: keep watching while a server is temporarily unreachable.
			if etf.KindOf(err) == etf.KindUnavailable {
				continue
			}
			return err
		}
		run = now
		if bar != nil {
			bar.ChangeMax(max(run.Counts.Due, 1))
			_ = bar.Set(run.Counts.Done())
		}
	}
	if bar != nil {
		_ = bar.Clear()
	}
	if err := a.printRun(ctx, svc, run, as, true); err != nil {
		return err
	}
	if run.Status != etf.RunCompleted {
		return fmt.Errorf("run %s ended as %s: %w", run.ID, run.Status, errIncomplete)
	}
	if c := run.Counts; c.Failed+c.Quarantined > 0 {
		return fmt.Errorf("%d failed, %d quarantined: %w", c.Failed, c.Quarantined, errIncomplete)
	}
	return nil
}

func (a *app) progressBar(title string) *progressbar.ProgressBar {
	if !isTerminal(a.stderr) {
		return nil
	}
	return progressbar.NewOptions(1, progressbar.OptionSetWriter(unwrap(a.stderr)), progressbar.OptionSetDescription(title),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true))
}

func runShowCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:     "show RUN",
		Short:   "Show a run and its result for each ETF",
		Example: "  etfcast run show daily:XNYS:2025-09-26",
		Args:    exactArgs("RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := etf.ParseRunID(args[0])
			if err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			run, err := svc.Run(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.printRun(cmd.Context(), svc, run, as, false)
		},
	}
	as.addFlags(cmd, "the run with its ETFs", "one row for each ETF")
	return cmd
}

// printRun prints a run and its ETFs; with onlyBad, only the ETFs that need attention.
func (a *app) printRun(ctx context.Context, svc *service.Service, run etf.Run, as format, onlyBad bool) error {
	etfs := []etf.RunETF{}
	for after, more := etf.Symbol(""), true; more; {
		var page []etf.RunETF
		var err error
		if _, page, more, err = svc.RunDetail(ctx, run.ID, after, 1000); err != nil {
			return err
		}
		etfs = append(etfs, page...)
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Symbol
	}
	if !as.forPeople() {
		return a.encodeRows(as, struct {
			etf.Run
			ETFs []etf.RunETF `json:"etfs"`
		}{run, etfs}, etfs)
	}
	c := run.Counts
	took := ""
	if !run.FinishedAt.IsZero() {
		took = fmt.Sprintf(" in %.1f s", run.FinishedAt.Sub(run.StartedAt).Seconds())
	}
	fmt.Fprintf(a.stdout, "run %s %s%s\n", run.ID, run.Status, took)
	if run.Closed {
		fmt.Fprintf(a.stdout, "%s was closed on %s: no ETF was due\n", run.Exchange, run.Session)
	}
	if run.Error != "" {
		fmt.Fprintf(a.stdout, "error: %s\n", etf.OneLine(run.Error))
	}
	fmt.Fprintf(a.stdout, "%d due: %d updated, %d unchanged, %d quarantined, %d failed, %d elsewhere, %d cancelled\n",
		c.Due, c.Updated, c.Unchanged, c.Quarantined, c.Failed, c.Elsewhere, c.Cancelled)
	fmt.Fprintf(a.stdout, "rows: %d new, %d unchanged, %d revised; %d forecasts appended\n", c.RowsNew, c.RowsUnchanged, c.RowsRevised, c.Forecasts)
	provisional := 0
	for _, e := range etfs {
		if e.Provisional {
			provisional++
		}
	}
	if provisional > 0 {
		fmt.Fprintf(a.stdout, "%d provisional: fetched before the day's prices were final; the next run confirms or revises them\n", provisional)
	}
	if link := svc.RunURL(run.ID); link != "" {
		fmt.Fprintf(a.stdout, "%s\n", link)
	}
	return printRunETFs(a.stdout, etfs, onlyBad)
}

func printRunETFs(w io.Writer, etfs []etf.RunETF, onlyBad bool) error {
	t := newTable(w, "SYMBOL", "OUTCOME", "STAGE", "ATTEMPTS", "NEW", "UNCHANGED", "REVISED", "FORECASTS", "ERROR").
		numbers("ATTEMPTS", "NEW", "UNCHANGED", "REVISED", "FORECASTS").spare("UNCHANGED", "FORECASTS", "NEW", "REVISED", "ATTEMPTS", "ERROR")
	for _, e := range etfs {
		if onlyBad && (e.Outcome == etf.OutcomeUpdated || e.Outcome == etf.OutcomeUnchanged) && e.ErrorType == "" {
			continue
		}
		failure := e.ErrorType
		if e.ErrorMessage != "" {
			failure += ": " + etf.OneLine(e.ErrorMessage)
		}
		t.row(e.Symbol, e.Outcome, e.Stage, e.Attempts, e.RowsNew, e.RowsUnchanged, e.RowsRevised, e.Forecasts, failure)
	}
	if len(t.rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return t.flush()
}

func runListCommand(a *app) *cobra.Command {
	var exchange, status string
	var limit int
	var as format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runs, newest first",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			runs, _, err := svc.Runs(cmd.Context(), service.RunQuery{Exchange: exchange, Status: status, Limit: limit})
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, runs)
			}
			t := newTable(a.stdout, "RUN", "STATUS", "STARTED", "DUE", "UPDATED", "UNCHANGED", "QUARANTINED", "FAILED").
				numbers("DUE", "UPDATED", "UNCHANGED", "QUARANTINED", "FAILED").spare("STARTED", "UNCHANGED", "DUE")
			for _, r := range runs {
				c := r.Counts
				t.row(r.ID, r.Status, r.StartedAt.UTC().Format(time.RFC3339), c.Due, c.Updated, c.Unchanged, c.Quarantined, c.Failed)
			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "only runs for this exchange")
	cmd.Flags().StringVar(&status, "status", "", "only runs with this status: running, completed, failed, cancelled, terminated or timed_out")
	cmd.Flags().IntVar(&limit, "limit", 20, "maximum number of runs")
	as.addFlags(cmd, "", "")
	return cmd
}

func runCancelCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "cancel RUN",
		Short:   "Cancel a run; what it has stored stays",
		Example: "  etfcast run cancel daily:XNYS:2025-09-26",
		Args:    exactArgs("RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := etf.ParseRunID(args[0])
			if err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			run, err := svc.CancelRun(cmd.Context(), id)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "cancellation of run %s requested\n", run.ID)
			return err
		},
	}
}
