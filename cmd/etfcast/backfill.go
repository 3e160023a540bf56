package main

import (
	"context"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func backfillCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backfill",
		Short: "Fill in missing history, from any source, window by window",
		Long: `Fill in missing history in a workflow. It asks each ETF's sources for the sessions that have no stored bar, in windows
that suit the source, behind every daily run; no stored bar is changed (--refetch takes over the whole history).
It waits for a source whose daily quota is used up, goes on after any crash, and can be paused.
"etfcast gaps" lists what is missing.`,
	}
	cmd.AddCommand(backfillStartCommand(a), backfillListCommand(a), backfillShowCommand(a),
		backfillTellCommand(a, "pause", "Let a backfill start no further window until it is resumed", "paused: windows under way are finished", (*service.Service).PauseBackfill),
		backfillTellCommand(a, "resume", "Let a paused backfill go on", "goes on", (*service.Service).ResumeBackfill),
		backfillTellCommand(a, "cancel", "Cancel a backfill; what it has stored stays", "is being cancelled: what it has stored stays", (*service.Service).CancelBackfill))
	return cmd
}

func backfillStartCommand(a *app) *cobra.Command {
	var request service.NewBackfill
	var wait bool
	var as format
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start filling in missing history; repeating the command finds the same backfill",
		Long: `Start filling in missing history. Repeating the command finds the same backfill; one that failed or was cancelled,
or in which ETFs failed, goes on with what is missing. What a source had no row for is not asked of it again,
unless --again is given, or it was asked within a week of the session.`,
		Example: `  etfcast backfill start --exchange XNYS --from 2005-01-03 --wait
  etfcast backfill start --exchange XKRX --symbols 069500,114800 --from 2010-01-04 --to 2015-12-30 --source krx
  etfcast backfill start --exchange XNYS --symbols SPY --refetch`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			b, started, err := svc.StartBackfill(cmd.Context(), request)
			if err != nil {
				return err
			}
			if wait {
				return a.followBackfill(cmd.Context(), svc, b, as, true)
			}
			if !as.forPeople() {
				return a.encode(as, shownBackfill(b, svc))
			}
			result := "started"
			if !started {
				result = foundText(b)
			}
			fmt.Fprintf(a.stdout, "backfill %s %s\n", b.ID, result)
			if link := svc.BackfillURL(b.ID); link != "" {
				fmt.Fprintf(a.stdout, "%s\n", link)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&request.Exchange, "exchange", "", "the ETFs' exchange, such as XNYS or XKRX (required)")
	cmd.Flags().StringSliceVar(&request.Symbols, "symbols", nil, "only these ETFs, separated by commas")
	cmd.Flags().StringVar(&request.From, "from", "", "first session that is wanted, YYYY-MM-DD")
	cmd.Flags().StringVar(&request.To, "to", "", "last session that is wanted, YYYY-MM-DD (default: the last closed one)")
	cmd.Flags().StringVar(&request.Source, "source", "", "ask only this source (default: each ETF's sources, in order)")
	cmd.Flags().BoolVar(&request.Refetch, "refetch", false, "fetch the whole history again, and take it over where it differs; without --from and --to")
	cmd.Flags().BoolVar(&request.Again, "again", false, "ask also for what sources had no row for")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the backfill has ended; exit code 3 if it did not complete or ETFs failed")
	as.addFlags(cmd, "", "")
	return cmd
}

// backfillOut is a backfill as the commands print it.
type backfillOut struct {
	etf.Backfill
	Pace etf.BackfillPace `json:"pace"`
}

func shownBackfill(b etf.Backfill, svc *service.Service) backfillOut {
	return backfillOut{b, b.Pace(svc.Now())}
}

// foundText says what became of a request whose backfill was there already. Only one that has ended is asked again.
func foundText(b etf.Backfill) string {
	text := "already exists: " + string(b.Status)
	if b.Status != etf.RunRunning && b.Counts.StillMissing > 0 {
		text += fmt.Sprintf("; still missing: %s (`etfcast gaps` lists what is; --again asks the sources once more)", counted(b.Counts.StillMissing, "session"))
	}
	return text
}

// missingText says where to see what a backfill that has ended left missing, and what to do if no source is left to ask; empty if it left nothing.
func missingText(b etf.Backfill) string {
	if b.Status == etf.RunRunning || b.Counts.StillMissing == 0 {
		return ""
	}
	text := fmt.Sprintf("`etfcast gaps --exchange %s --from %s` lists what is still missing", b.Exchange, b.Window.From)
	if b.Status == etf.RunCompleted && b.Counts.ETFsFailed == 0 {
		text += ", for which no source is left to ask: give the ETF another one (`etfcast etf sources SYMBOL NAME...` sets the whole list)"
	}
	return text
}

// followBackfill waits until the backfill has ended, with a progress bar if on a terminal, and shows what came of it. The error is
// errIncomplete if it is to be one and not every ETF is filled in.
func (a *app) followBackfill(ctx context.Context, svc *service.Service, b etf.Backfill, as format, fail bool) error {
	bar := a.progressBar("backfill")
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for b.Status == etf.RunRunning {
		showBackfillBar(bar, b)
		select {
		case <-ctx.Done():
			return errContinues{"backfill", b.ID}
		case <-tick.C:
		}
		now, err := svc.Backfill(ctx, b.ID)
		switch {
		case ctx.Err() != nil:
			return errContinues{"backfill", b.ID}
		case err == nil:
			b = now
		case etf.KindOf(err) != etf.KindUnavailable: // it is durable: keep watching while a server is away
			return err
		}
	}
	if bar != nil {
		_ = bar.Clear()
	}
	if err := a.showBackfill(ctx, svc, b, as); err != nil {
		return err
	}
	if fail && (b.Status != etf.RunCompleted || b.Counts.ETFsFailed > 0) {
		return fmt.Errorf("backfill %s: %s, %d of %d ETFs failed: %w", b.ID, b.Status, b.Counts.ETFsFailed, b.Counts.ETFs, errNotFilled)
	}
	return nil
}

func showBackfillBar(bar *progressbar.ProgressBar, b etf.Backfill) {
	if bar == nil {
		return
	}
	what := "backfill"
	switch {
	case b.Paused:
		what = "backfill, paused"
	case b.WaitsFor != "":
		what = fmt.Sprintf("backfill, waits for %s until %s", etf.OneLine(b.WaitsFor), b.WaitsUntil.UTC().Format(time.RFC3339))
	}
	bar.Describe(what)
	bar.ChangeMax(max(b.Counts.Sessions, 1))
	_ = bar.Set(min(b.Counts.SessionsDone, max(b.Counts.Sessions, 1)))
}

// showBackfill prints a backfill and what came of its ETFs.
func (a *app) showBackfill(ctx context.Context, svc *service.Service, b etf.Backfill, as format) error {
	var etfs []etf.BackfillETF
	for after, more := etf.Symbol(""), true; more; {
		var page []etf.BackfillETF
		var err error
		if _, page, more, err = svc.BackfillDetail(ctx, b.ID, after, 1000); err != nil {
			return err
		}
		etfs = append(etfs, page...)
		if len(page) > 0 {
			after = page[len(page)-1].Symbol
		}
	}
	if !as.forPeople() {
		if etfs == nil {
			etfs = []etf.BackfillETF{}
		}
		return a.encodeRows(as, struct {
			backfillOut
			ETFs []etf.BackfillETF `json:"etfs"`
		}{shownBackfill(b, svc), etfs}, etfs)
	}
	took := ""
	if !b.FinishedAt.IsZero() {
		took = fmt.Sprintf(" in %.1f s", b.FinishedAt.Sub(b.StartedAt).Seconds())
	}
	status := string(b.Status)
	if b.Paused {
		status = "paused"
	}
	fmt.Fprintf(a.stdout, "backfill %s %s%s\n%s\n", b.ID, status, took, b.BackfillRequest)
	if b.Error != "" {
		fmt.Fprintf(a.stdout, "error: %s\n", etf.OneLine(b.Error))
	}
	if b.WaitsFor != "" {
		fmt.Fprintf(a.stdout, "waits for %s until %s\n", etf.OneLine(b.WaitsFor), b.WaitsUntil.UTC().Format(time.RFC3339))
	}
	c, p := b.Counts, b.Pace(svc.Now())
	fmt.Fprintf(a.stdout, "%.1f %%: %d of %d sessions, %d still missing; %d of %d ETFs, %d failed\n", p.Percent, c.SessionsDone, c.Sessions, c.StillMissing, c.ETFsDone, c.ETFs, c.ETFsFailed)
	fmt.Fprintf(a.stdout, "%.1f sessions/s", p.SessionsPerS)
	if b.Status == etf.RunRunning && p.Left > 0 {
		fmt.Fprintf(a.stdout, ", about %s left", p.Left)
	}
	fmt.Fprintf(a.stdout, "; %d rows new, %d unchanged, %d revised, %d quarantined; %d requests\n", c.RowsNew, c.RowsUnchanged, c.RowsRevised, c.RowsQuarantined, c.Requests)
	if text := missingText(b); text != "" {
		fmt.Fprintln(a.stdout, text)
	}
	if link := svc.BackfillURL(b.ID); link != "" {
		fmt.Fprintf(a.stdout, "%s\n", link)
	}
	if len(etfs) == 0 {
		return nil
	}
	fmt.Fprintln(a.stdout)
	t := newTable(a.stdout, "SYMBOL", "STATUS", "SOURCE", "MISSING", "DONE", "NEW", "QUARANTINED", "STILL MISSING", "ERROR").
		numbers("MISSING", "DONE", "NEW", "QUARANTINED", "STILL MISSING").spare("QUARANTINED", "SOURCE", "ERROR")
	for _, e := range etfs {
		t.row(e.Symbol, e.Status, e.Source, e.Sessions, e.SessionsDone, e.RowsNew, e.RowsQuarantined, e.StillMissing, etf.OneLine(e.Error))
	}
	return t.flush()
}

func backfillListCommand(a *app) *cobra.Command {
	q := service.BackfillQuery{}
	var as format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List backfills, newest first",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			list, _, err := svc.Backfills(cmd.Context(), q)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				out := make([]backfillOut, len(list))
				for i, b := range list {
					out[i] = shownBackfill(b, svc)
				}
				return a.encode(as, out)
			}
			t := newTable(a.stdout, "BACKFILL", "STATUS", "STARTED", "DONE", "ETFS", "FAILED", "NEW", "STILL MISSING", "WHAT").
				numbers("ETFS", "FAILED", "NEW", "STILL MISSING").spare("STARTED", "NEW", "WHAT")
			for _, b := range list {
				status := string(b.Status)
				if b.Paused {
					status = "paused"
				}
				t.row(b.ID, status, b.StartedAt.UTC().Format(time.RFC3339), fmt.Sprintf("%.0f %%", b.Counts.Percent()), b.Counts.ETFs, b.Counts.ETFsFailed, b.Counts.RowsNew, b.Counts.StillMissing, b.BackfillRequest)
			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&q.Exchange, "exchange", "", "only backfills of this exchange")
	cmd.Flags().StringVar(&q.Status, "status", "", "only backfills with this status: running, completed, failed, cancelled, terminated or timed_out")
	cmd.Flags().IntVar(&q.Limit, "limit", 20, "maximum number of backfills")
	as.addFlags(cmd, "", "")
	return cmd
}

func backfillShowCommand(a *app) *cobra.Command {
	var watch bool
	var as format
	cmd := &cobra.Command{
		Use:     "show BACKFILL",
		Short:   "Show how far a backfill is, and what came of each ETF",
		Example: "  etfcast backfill show 0123456789abcdef0123456789abcdef --watch",
		Args:    exactArgs("BACKFILL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := etf.ParseBackfillID(args[0])
			if err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			b, err := svc.Backfill(cmd.Context(), id)
			if err != nil {
				return err
			}
			if watch {
				return a.followBackfill(cmd.Context(), svc, b, as, false)
			}
			return a.showBackfill(cmd.Context(), svc, b, as)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "follow it until it has ended, with a progress bar on a terminal")
	as.addFlags(cmd, "the backfill with its ETFs", "its ETFs")
	return cmd
}

// backfillTellCommand is a command that tells a running backfill something. It prints what happens next.
func backfillTellCommand(a *app, name, short, done string, tell func(*service.Service, context.Context, string) (etf.Backfill, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " BACKFILL",
		Short:   short,
		Example: "  etfcast backfill " + name + " 0123456789abcdef0123456789abcdef",
		Args:    exactArgs("BACKFILL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := etf.ParseBackfillID(args[0])
			if err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			if _, err := tell(svc, cmd.Context(), id); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "backfill %s %s\n", id, done)
			return err
		},
	}
}
