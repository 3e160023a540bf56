package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func actionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "action", Short: "List what is stated about corporate actions, and decide"}
	cmd.AddCommand(actionListCommand(a), actionShowCommand(a), actionAddCommand(a),
		actionDecide(a, "accept", "It happened: adjust prices for it from now on"),
		actionDecide(a, "reject", "It did not happen, whoever states it"),
		actionDecide(a, "cancel", "It was stated or accepted by mistake: take it back"))
	return cmd
}

func actionListCommand(a *app) *cobra.Command {
	var symbol, status, from, to, asOf string
	var limit int
	var as format
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List statements about corporate actions by ex-date: of one ETF, or of all",
		Example: "  etfcast action list --status proposed\n  etfcast action list --symbol QQQ",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			list, more, err := listActions(cmd, svc, symbol, status, from, to, asOf, limit)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, list)
			}
			if err := writeActions(a.stdout, list); err != nil || !more {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, "more follow; show them with --limit or a later --from")
			return err
		},
	}
	cmd.Flags().StringVar(&symbol, "symbol", "", "only statements about this ETF")
	cmd.Flags().StringVar(&status, "status", "", "only these: proposed, accepted, rejected or cancelled")
	cmd.Flags().StringVar(&from, "from", "", "first ex-date")
	cmd.Flags().StringVar(&to, "to", "", "last ex-date")
	cmd.Flags().StringVar(&asOf, "as-of", "", "what was believed then, with --symbol: an instant, or the number of a data version")
	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of statements")
	as.addFlags(cmd, "", "")
	return cmd
}

// listActions lists the statements about one ETF, or about all.
func listActions(cmd *cobra.Command, svc *service.Service, symbol, status, from, to, asOf string, limit int) ([]etf.StatedAction, bool, error) {
	wanted, err := service.ParseActionStatus(status)
	if err != nil {
		return nil, false, err
	}
	window, err := service.ParseWindow(from, to)
	if err != nil {
		return nil, false, err
	}
	if symbol == "" {
		if asOf != "" {
			return nil, false, etf.Invalid("as-of", "data versions are those of one ETF", "name it with --symbol")
		}
		return svc.ActionCalendar(cmd.Context(), etf.ActionFilter{Status: wanted, From: window.From, To: window.To}, 0, "", limit)
	}
	if limit < 1 {
		return nil, false, etf.Invalid("limit", fmt.Sprintf("%d is out of range", limit), "use 1 or more")
	}
	e, err := svc.ETF(cmd.Context(), symbol)
	if err != nil {
		return nil, false, err
	}
	at, err := svc.AsOf(cmd.Context(), e.Symbol, asOf)
	if err != nil {
		return nil, false, err
	}
	all, err := svc.ActionsOf(cmd.Context(), e.Symbol, wanted, at)
	if err != nil {
		return nil, false, err
	}
	var list []etf.StatedAction
	for _, s := range all {
		if window.Contains(s.Ex) {
			list = append(list, s)
		}
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

func writeActions(w io.Writer, list []etf.StatedAction) error {
	t := newTable(w, "ACTION", "SYMBOL", "EX", "KIND", "TERMS", "SOURCE", "STATUS", "BY", "WHY").spare("WHY", "BY", "SOURCE")
	for _, s := range list {
		t.row(s.ID, s.Symbol, s.Ex, s.Kind, s.Terms(), s.Source, s.Status, s.By, s.Why)
	}
	return t.flush()
}

func actionShowCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:     "show ACTION",
		Short:   "Show a statement about a corporate action with every state it has had",
		Example: "  etfcast action show 5f0c...",
		Args:    exactArgs("ACTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			states, err := svc.Action(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, states)
			}
			s := states[len(states)-1]
			fmt.Fprintf(a.stdout, "%s %s %s, ex-date %s, stated by %s\n", s.Symbol, s.Kind, s.Terms(), s.Ex, s.Source)
			for _, d := range []struct {
				name string
				day  etf.Session
			}{{"record date", s.Record}, {"pay date", s.Pay}, {"announced", s.Announced}} {
				if !d.day.IsZero() {
					fmt.Fprintf(a.stdout, "%s %s\n", d.name, d.day)
				}
			}
			if s.Finding != "" {
				fmt.Fprintf(a.stdout, "proposed by finding %s\n", s.Finding)
			}
			if s.Replaces != "" {
				fmt.Fprintf(a.stdout, "corrects action %s\n", s.Replaces)
			}
			t := newTable(a.stdout, "VERSION", "SINCE", "STATUS", "BY", "WHY", "EVIDENCE").numbers("VERSION").spare("EVIDENCE", "WHY", "BY")
			for _, s := range states {
				t.row(s.DataVersion, s.KnownFrom.UTC().Format(time.RFC3339), s.Status, s.By, s.Why, s.Evidence)
			}
			return t.flush()
		},
	}
	as.addFlags(cmd, "every state, oldest first", "")
	return cmd
}

func actionAddCommand(a *app) *cobra.Command {
	var r service.ActionRequest
	cmd := &cobra.Command{
		Use:     "add SYMBOL",
		Short:   "State a corporate action that no source states; it is accepted at once, in your name",
		Example: `  etfcast action add QQQ --kind split --ex 2026-11-20 --ratio 4:1 --by kim --why "the fund's notice"`,
		Args:    exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			r.Symbol = args[0]
			s, applied, err := svc.AddAction(cmd.Context(), r)
			if err != nil {
				return err
			}
			return reportAction(a, s, applied)
		},
	}
	cmd.Flags().StringVar(&r.Kind, "kind", "", "split, dividend, special_dividend, capital_gain or spin_off")
	cmd.Flags().StringVar(&r.Ex, "ex", "", "ex-date")
	cmd.Flags().StringVar(&r.Ratio, "ratio", "", "of a split: new shares for old ones, such as 4:1")
	cmd.Flags().StringVar(&r.Amount, "amount", "", "of any other kind: amount per share")
	cmd.Flags().StringVar(&r.Record, "record", "", "record date")
	cmd.Flags().StringVar(&r.Pay, "pay", "", "pay date")
	cmd.Flags().StringVar(&r.Announced, "announced", "", "announcement date")
	addAuthorFlags(cmd, &r.By, &r.Why, &r.Key)
	return cmd
}

func addAuthorFlags(cmd *cobra.Command, by, why, key *string) {
	cmd.Flags().StringVar(by, "by", "", "who decides")
	cmd.Flags().StringVar(why, "why", "", "reason for the decision")
	cmd.Flags().StringVar(key, "key", "", "idempotency key: a repeat with it changes nothing")
}

// actionDecide sends a decision to the workflow of the action, so that it is in a history and applied once.
func actionDecide(a *app, use, short string) *cobra.Command {
	r := service.ActionDecisionRequest{Decision: use}
	cmd := &cobra.Command{
		Use:     use + " ACTION",
		Short:   short,
		Example: "  etfcast action " + use + ` 5f0c... --by kim --why "the fund's notice"`,
		Args:    exactArgs("ACTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			r.Action = args[0]
			s, applied, err := svc.DecideAction(cmd.Context(), r)
			if err != nil {
				return err
			}
			return reportAction(a, s, applied)
		},
	}
	addAuthorFlags(cmd, &r.By, &r.Why, &r.Key)
	return cmd
}

func reportAction(a *app, s etf.StatedAction, applied bool) error {
	if !applied {
		_, err := fmt.Fprintf(a.stdout, "action %s: the decision is kept and will be applied once a worker runs; see it with `etfcast action show %s`\n", s.ID, s.ID)
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "action %s, %s %s of %s on %s: %s by %s\n", s.ID, s.Kind, s.Terms(), s.Symbol, s.Ex, s.Status, etf.OneLine(s.By))
	return err
}
