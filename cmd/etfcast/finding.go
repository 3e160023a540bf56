package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
	"github.com/etfcast/etfcast/workflows/start"
)

func findingCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "finding", Short: "Read what the rules objected to, and decide"}
	cmd.AddCommand(findingListCommand(a), findingShowCommand(a),
		findingDecide(a, "accept", etf.Accept, "The rows are right: use them from now on"),
		findingDecide(a, "reject", etf.Reject, "The rows are wrong: keep them out"))
	return cmd
}

func findingListCommand(a *app) *cobra.Command {
	var symbol string
	var all, asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List findings, the newest first; those of severity error that nobody has decided unless --all",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 1000 {
				return etf.Invalid("limit", fmt.Sprintf("%d is out of range", limit), "use 1 to 1000")
			}
			filter := db.FindingFilter{Undecided: !all}
			if symbol != "" {
				s, err := etf.ParseSymbol(symbol)
				if err != nil {
					return err
				}
				filter.Symbol = s
			}
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			found, _, err := store.Findings(cmd.Context(), filter, etf.Cursor{}, limit)
			if err != nil {
				return err
			}
			if asJSON {
				if found == nil {
					found = []etf.Finding{}
				}
				return json.NewEncoder(a.stdout).Encode(found)
			}
			tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "FINDING\tSYMBOL\tSEVERITY\tRULE\tSESSIONS\tDECISION\tFOUND")
			for _, f := range found {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.ID, f.Symbol, f.Severity, f.Rule, sessionsText(f.Sessions), dash(string(f.Decision)), f.FoundAt.UTC().Format(time.RFC3339))
			}
			return tw.Flush()
		},
	}
	cmd.Flags().StringVar(&symbol, "symbol", "", "only this ETF's")
	cmd.Flags().BoolVar(&all, "all", false, "every severity, decided ones too")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func sessionsText(sessions []etf.Session) string {
	switch len(sessions) {
	case 0:
		return "-"
	case 1:
		return sessions[0].String()
	}
	return fmt.Sprintf("%s .. %s (%d)", sessions[0], sessions[len(sessions)-1], len(sessions))
}

func findingShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show FINDING",
		Short:   "Show one finding with its evidence, as JSON",
		Example: "  etfcast finding show 4f6c...",
		Args:    exactArgs("FINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			f, err := store.Finding(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			enc := json.NewEncoder(a.stdout)
			enc.SetIndent("", "  ")
			return enc.Encode(f)
		},
	}
}

// decidePatience bounds the wait for a worker to apply a decision.
const decidePatience = 30 * time.Second

// decide hands a decision to the workflow that waits for it. One that names rows of the past waits nowhere, for no run
// stopped over it; nor does one whose workflow was lost with Temporal's data. For those the workflow is started now.
func (a *app) decide(ctx context.Context, c client.Client, id string, d workflows.Decision) (etf.Finding, error) {
	ctx, stop := context.WithTimeout(ctx, decidePatience)
	defer stop()
	update := client.UpdateWorkflowOptions{
		WorkflowID: workflows.FindingID(id), UpdateName: workflows.DecideUpdate, WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{d},
	}
	decided, err := decision(ctx, func() (client.WorkflowUpdateHandle, error) { return c.UpdateWorkflow(ctx, update) })
	var missing *serviceerror.NotFound
	if !errors.As(err, &missing) {
		return decided, err
	}
	store, err := a.openStore()
	if err != nil {
		return etf.Finding{}, err
	}
	defer store.Close()
	f, err := store.Finding(ctx, id)
	switch {
	case err != nil:
		return etf.Finding{}, err
	case f.Decision == d.Decision:
		return f, nil
	case f.Decision != etf.Undecided:
		return etf.Finding{}, &etf.Error{Kind: etf.KindConflict, Field: "finding", Message: fmt.Sprintf("%s has decided %s on %s", f.By, f.Decision, id), Remedy: "the first decision stands"}
	case f.Severity != etf.SeverityError || len(f.Sessions) == 0:
		return etf.Finding{}, etf.Invalid("finding", fmt.Sprintf("%s is of severity %s: it keeps no row out of forecasts", id, f.Severity), "nothing is to be decided")
	}
	in := workflows.ResolveFindingInput{
		Finding: f.ID, Symbol: f.Symbol, Session: f.Sessions[len(f.Sessions)-1], Rule: f.Rule, Evidence: f.Evidence,
	}
	registered, err := store.ETF(ctx, f.Symbol)
	if err != nil {
		return etf.Finding{}, err
	}
	in.Exchange = registered.Exchange
	return decision(ctx, func() (client.WorkflowUpdateHandle, error) {
		return c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.NewWithStartWorkflowOperation(start.Finding(in), workflows.ResolveFindingWorkflow, in), UpdateOptions: update,
		})
	})
}

func decision(ctx context.Context, ask func() (client.WorkflowUpdateHandle, error)) (etf.Finding, error) {
	var decided etf.Finding
	handle, err := ask()
	if err == nil {
		err = handle.Get(ctx, &decided)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return decided, &etf.Error{Kind: etf.KindUnavailable, Field: "finding", Message: "no worker has applied the decision in time", Remedy: "see `etfcast doctor`, then decide again: a repeat changes nothing", Err: err}
	}
	return decided, err
}

// findingDecide hands a decision to the workflow that waits for it, so that it is in its history and made once.
func findingDecide(a *app, use string, decision etf.Decision, short string) *cobra.Command {
	var by, why string
	cmd := &cobra.Command{
		Use:     use + " FINDING",
		Short:   short,
		Example: "  etfcast finding " + use + ` 4f6c... --by kim --why "the exchange's own record says the same"`,
		Args:    exactArgs("FINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var problems []error
			if by == "" {
				problems = append(problems, etf.Invalid("by", "nobody is named", "say who decides with --by"))
			}
			if why == "" {
				problems = append(problems, etf.Invalid("why", "no reason is given", "say why with --why"))
			}
			if len(problems) > 0 {
				return usageError{errors.Join(problems...)}
			}
			log, err := a.logger()
			if err != nil {
				return err
			}
			options, err := a.temporalOptions(log)
			if err != nil {
				return err
			}
			c, err := client.DialContext(cmd.Context(), options)
			if err != nil {
				return etf.Wrap(etf.KindUnavailable, err, "reaching Temporal")
			}
			defer c.Close()
			decided, err := a.decide(cmd.Context(), c, args[0], workflows.Decision{Decision: decision, By: by, Why: why})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "finding %s of %s: %s by %s\n", decided.ID, decided.Symbol, decided.Decision, decided.By)
			return err
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "who decides")
	cmd.Flags().StringVar(&why, "why", "", "why")
	return cmd
}
