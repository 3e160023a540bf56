package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

func provenanceCommand(a *app) *cobra.Command {
	var as format
	var limit int
	cmd := &cobra.Command{
		Use:     "provenance FORECAST",
		Short:   "Show what a forecast was made from and by: run, program, data version, responses, decisions",
		Example: "  etfcast provenance 0123456789abcdef0123456789abcdef",
		Args:    exactArgs("FORECAST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return etf.Invalid("limit", fmt.Sprintf("%d is out of range", limit), "use 1 or more")
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			p, err := svc.Provenance(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, p)
			}
			return printProvenance(a.stdout, p, limit)
		},
	}
	as.addFlags(cmd, "with everything", "one row, with the lists as JSON")
	cmd.Flags().IntVar(&limit, "limit", 20, "maximum number of responses, actions and decisions, each")
	return cmd
}

func printProvenance(w io.Writer, p etf.Provenance, limit int) error {
	f := p.Forecast
	facts := newPairs(w)
	line := facts.line
	line("forecast", "%s of %s (%s) by %s from %s", f.ID, f.Symbol, p.Exchange, f.Model, f.Origin)
	line("issued", "%s, in run %s", instantText(f.IssuedAt), f.Run)
	line("ledger", "position %d of its chain, hash %s", f.Chain, f.Hash)
	if f.Entered() {
		line("entered", "by others: how it was made is not known here")
		return facts.flush()
	}
	line("program", "%s", programText(f.CodeVersion, f.Build))
	line("parameters", "%s, seed %d", f.Params, f.Seed)
	line("data", "version %d, known from %s, caused by: %s %s", p.DataVersion.Number, instantText(p.DataVersion.KnownFrom), p.DataVersion.Cause, p.DataVersion.CauseID)
	line("closes", "%d, %s to %s (`etfcast bars list %s --as-of %d`)", p.Rows, p.Used.From, p.Used.To, f.Symbol, p.DataVersion.Number)
	line("hash of closes", "%s", dash(f.ClosesHash))
	line("hash of fit", "%s", dash(f.FitHash))
	if err := facts.flush(); err != nil {
		return err
	}
	more := func(what string, n int) {
		if n > limit {
			fmt.Fprintf(w, "%d more %s; show more with --limit\n", n-limit, what)
		}
	}
	fmt.Fprintln(w)
	fetches := newTable(w, "CLOSES", "FROM", "TO", "SOURCE", "FETCHED", "STORED", "SHA-256", "FETCH").numbers("CLOSES").
		spare("SHA-256", "FETCHED", "STORED", "SOURCE")
	for _, u := range newest(p.Fetches, limit) {
		fetches.row(u.Bars, u.First, u.Last, u.Source, instantText(u.FetchedAt), yesNo(u.Stored), u.Hash, u.ID)
	}
	if err := fetches.flush(); err != nil {
		return err
	}
	more("responses, with earlier closes", len(p.Fetches))
	if len(p.Actions) > 0 {
		fmt.Fprintln(w)
		actions := newTable(w, "ACTION", "EX", "STATES", "SOURCE", "ID").spare("SOURCE")
		for _, x := range newest(p.Actions, limit) {
			actions.row(x.Kind, x.Ex, termsText(x), x.Source, x.ID)
		}
		if err := actions.flush(); err != nil {
			return err
		}
		more("actions, earlier ones", len(p.Actions))
	}
	if len(p.Decisions) > 0 {
		fmt.Fprintln(w)
		decisions := newTable(w, "DECIDED", "VERSION", "CAUSE", "ID").numbers("VERSION").spare("DECIDED")
		for _, d := range p.Decisions[:min(len(p.Decisions), limit)] {
			decisions.row(instantText(d.KnownFrom), d.Number, d.Cause, d.CauseID)
		}
		if err := decisions.flush(); err != nil {
			return err
		}
		more("decisions, earlier ones", len(p.Decisions))
	}
	return nil
}

// newest returns the last n of a list that ascends.
func newest[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

func instantText(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// termsText says what a statement states.
func termsText(x etf.StatedAction) string {
	if x.Kind == etf.Split {
		return fmt.Sprintf("%d:%d", x.Numerator, x.Denominator)
	}
	return x.Amount.String()
}
