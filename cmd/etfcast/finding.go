package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func findingCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "finding", Short: "List what the validation rules reported, and decide"}
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
		Short: "List findings, newest first; without --all, only undecided ones of severity error",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			found, _, err := svc.Findings(cmd.Context(), service.FindingQuery{Symbol: symbol, Undecided: !all, Limit: limit})
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
	cmd.Flags().StringVar(&symbol, "symbol", "", "only findings about this ETF")
	cmd.Flags().BoolVar(&all, "all", false, "every severity, including decided findings")
	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of findings")
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
		Short:   "Show a finding with its evidence, as JSON",
		Example: "  etfcast finding show 4f6c...",
		Args:    exactArgs("FINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			f, err := svc.Finding(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			enc := json.NewEncoder(a.stdout)
			enc.SetIndent("", "  ")
			return enc.Encode(f)
		},
	}
}

// findingDecide sends a decision to the workflow that waits for it, so that it is recorded in the history and made once.
func findingDecide(a *app, use string, decision etf.Decision, short string) *cobra.Command {
	var by, why string
	cmd := &cobra.Command{
		Use:     use + " FINDING",
		Short:   short,
		Example: "  etfcast finding " + use + ` 4f6c... --by kim --why "the exchange's own record says the same"`,
		Args:    exactArgs("FINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			decided, err := svc.Decide(cmd.Context(), service.DecisionRequest{Finding: args[0], Decision: decision, By: by, Why: why})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "finding %s of %s: %s by %s\n", decided.ID, decided.Symbol, decided.Decision, etf.OneLine(decided.By))
			return err
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "who made the decision")
	cmd.Flags().StringVar(&why, "why", "", "reason for the decision")
	return cmd
}
