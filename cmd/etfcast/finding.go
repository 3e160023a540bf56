package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/service"
)

func findingCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "finding", Short: "List what the validation rules reported, and decide"}
	cmd.AddCommand(findingListCommand(a), findingShowCommand(a), findingNextCommand(a),
		findingDecide(a, etf.Accept, "The rows are right: use them from now on"),
		findingDecide(a, etf.Reject, "The rows are wrong: keep them out"),
		findingReplaceCommand(a),
		findingDecide(a, etf.Refetch, "Fetch the ETF's prices again, in a run of their own"),
		findingDecide(a, etf.Retract, "Rows in use are wrong: keep them out from now on, and mark the forecasts made from them"),
		findingDecide(a, etf.Undo, "Take the decision in force back: the bars are as before, and the finding waits again"))
	return cmd
}

// findingFilter is the flags that select findings.
type findingFilter struct{ symbol, exchange, rule, severity, from, to string }

func (f *findingFilter) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.symbol, "symbol", "", "only findings about this ETF")
	flags.StringVar(&f.exchange, "exchange", "", "only findings about ETFs of this exchange, "+etf.ExchangeList())
	flags.StringVar(&f.rule, "rule", "", "only findings of this rule")
	flags.StringVar(&f.from, "from", "", "only findings that name this session or a later one")
	flags.StringVar(&f.to, "to", "", "only findings that name this session or an earlier one")
}

func (f *findingFilter) query(limit int) service.FindingQuery {
	return service.FindingQuery{Symbol: f.symbol, Exchange: f.exchange, Rule: f.rule, Severity: f.severity, From: f.from, To: f.to, Limit: limit}
}

func (f *findingFilter) empty() bool { return *f == findingFilter{} }

func findingListCommand(a *app) *cobra.Command {
	var filter findingFilter
	var all bool
	var as format
	var limit int
	var asOf string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List findings, newest first; without --all, only those that await a decision",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			query := filter.query(limit)
			query.Undecided, query.AsOf = !all, asOf
			found, _, err := svc.Findings(cmd.Context(), query)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, found)
			}
			return writeFindings(a.stdout, found)
		},
	}
	filter.flags(cmd.Flags())
	cmd.Flags().StringVar(&filter.severity, "severity", "", "only findings of this severity: info, warning or error")
	cmd.Flags().BoolVar(&all, "all", false, "every severity, including decided findings")
	cmd.Flags().StringVar(&asOf, "as-of", "", "what was known then, with --symbol: an instant, or the number of a data version")
	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of findings")
	as.addFlags(cmd, "", "")
	return cmd
}

func writeFindings(w io.Writer, found []etf.Finding) error {
	t := newTable(w, "FINDING", "SYMBOL", "SEVERITY", "RULE", "SESSIONS", "DECISION", "FOUND").spare("FOUND", "SESSIONS", "DECISION")
	for _, f := range found {
		t.row(f.ID, f.Symbol, f.Severity, f.Rule, sessionsText(f.Sessions), dash(string(f.Decision)), f.FoundAt.UTC().Format(time.RFC3339))
	}
	return t.flush()
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
	var as format
	cmd := &cobra.Command{
		Use:     "show FINDING",
		Short:   "Show a finding with its evidence, the rows around it and every decision, as JSON",
		Example: "  etfcast finding show 4f6c...",
		Args:    exactArgs("FINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			f, err := svc.FindingDetail(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, f)
			}
			enc := json.NewEncoder(a.stdout)
			enc.SetIndent("", "  ")
			return enc.Encode(f)
		},
	}
	as.addFlags(cmd, "in one line", "one row")
	return cmd
}

func findingNextCommand(a *app) *cobra.Command {
	var symbol string
	var as format
	cmd := &cobra.Command{
		Use:   "next",
		Short: "Show the finding that has waited longest for a decision, with the rows around it and the commands to decide",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			d, err := svc.NextFinding(cmd.Context(), symbol)
			if etf.KindOf(err) == etf.KindNotFound && fieldOf(err) == "" {
				if !as.forPeople() {
					return a.encode(as, []service.FindingDetail{})
				}
				_, err = fmt.Fprintln(a.stdout, "No finding waits for a decision.")
				return err
			}
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, []service.FindingDetail{d})
			}
			proposed, err := svc.ActionsOf(cmd.Context(), d.Symbol, etf.Proposed, etf.AsOf{})
			if err != nil {
				return err
			}
			return writeNext(a.stdout, d, quality.Explaining(d.Finding, proposed))
		},
	}
	cmd.Flags().StringVar(&symbol, "symbol", "", "only findings about this ETF")
	as.addFlags(cmd, "a list of one finding, or of none", "")
	return cmd
}

// fieldOf returns the field that an error names.
func fieldOf(err error) string {
	if all := etf.Errors(err); len(all) > 0 {
		return all[0].Field
	}
	return ""
}

// writeNext writes a finding, the rows around it and the commands to decide; proposed are the actions that would explain it.
func writeNext(w io.Writer, d service.FindingDetail, proposed []etf.StatedAction) error {
	fmt.Fprintf(w, "%s  %s  %s %s\n\n", d.ID, d.Symbol, d.Severity, d.Rule)
	fmt.Fprintf(w, "%s\n\n", etf.OneLine(d.Evidence))
	t := newTable(w, ">", "SESSION", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "STATE").numbers("OPEN", "HIGH", "LOW", "CLOSE", "VOLUME").
		spare("VOLUME", "STATE")
	line := func(mark string, b etf.Bar, state string) {
		t.row(mark, b.Session, b.Open, b.High, b.Low, b.Close, b.Volume, state)

	}
	for _, r := range d.Around {
		mark := " "
		if r.Named {
			mark = ">"
		}
		switch {
		case r.Stored == nil && r.Found == nil:
			t.row(mark, r.Session, "", "", "", "", "", "no row")
		case r.Stored == nil:
			line(mark, *r.Found, "found, not stored")
		case r.Found == nil || sameBar(*r.Found, r.Stored.Bar):
			line(mark, r.Stored.Bar, barState(*r.Stored))
		default:
			line(" ", r.Stored.Bar, barState(*r.Stored))
			line(mark, *r.Found, "found")
		}
		if r.Second != nil {
			line(" ", r.Second.Bar, fmt.Sprintf("%s, %s", r.Second.Source, r.Second.Basis))
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if remedy := service.Remedy(d.Rule); remedy != "" {
		fmt.Fprintf(w, "\n%s\n", remedy)
	}
	fmt.Fprintln(w, "\nDecide with one of")
	for _, s := range proposed {
		fmt.Fprintf(w, "  etfcast action accept %s --by NAME --why \"the %s %s of %s happened: ...\"\n", s.ID, s.Kind, s.Terms(), s.Ex)
		fmt.Fprintf(w, "  etfcast action reject %s --by NAME --why \"it did not happen: ...\"\n", s.ID)
	}
	fmt.Fprintf(w, "  etfcast finding accept %s --by NAME --why \"the rows are right because ...\"\n", d.ID)
	fmt.Fprintf(w, "  etfcast finding reject %s --by NAME --why \"they are wrong because ...\"\n", d.ID)
	fmt.Fprintf(w, "  etfcast finding replace %s --session %s --close PRICE --by NAME --why \"the exchange says ...\"\n", d.ID, d.Sessions[0])
	_, err := fmt.Fprintf(w, "  etfcast finding refetch %s --by NAME --why \"the provider has corrected it\"\n", d.ID)
	return err
}

func sameBar(a, b etf.Bar) bool {
	return a.Open == b.Open && a.High == b.High && a.Low == b.Low && a.Close == b.Close && (a.Volume == b.Volume || !a.Volume.Known())
}

// decisionFlags are the flags of every command that decides.
type decisionFlags struct{ by, why, key string }

func (f *decisionFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.by, "by", "", "who made the decision")
	flags.StringVar(&f.why, "why", "", "reason for the decision")
	flags.StringVar(&f.key, "key", "", "idempotency key: a repeat with the same key gets the same answer")
}

// findingDecide sends a decision to the workflow that waits for it, so that it is recorded in the history and made once. Without
// a finding, the flags select those to decide on, which are shown first.
func findingDecide(a *app, decision etf.Decision, short string) *cobra.Command {
	use := string(decision)
	var d decisionFlags
	var filter findingFilter
	var yes bool
	var sessions []string
	batch := decision == etf.Accept || decision == etf.Reject || decision == etf.Retract
	cmd := &cobra.Command{
		Use:     use + " FINDING",
		Short:   short,
		Example: "  etfcast finding " + use + ` 4f6c... --by kim --why "the exchange's own record says the same"`,
		Args:    exactArgs("FINDING"),
	}
	d.flags(cmd.Flags())
	if decision == etf.Retract {
		cmd.Flags().StringSliceVar(&sessions, "session", nil, "only this one of the sessions the finding names; may be repeated")
	}
	if batch {
		cmd.Use = use + " [FINDING]"
		cmd.Example += "\n  etfcast finding " + use + ` --rule price_spike --symbol SPY --by kim --why "checked" --yes`
		filter.flags(cmd.Flags())
		cmd.Flags().BoolVar(&yes, "yes", false, "decide on all the findings that the filter selects; without it they are only shown")
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && !filter.empty():
				return usageError{fmt.Errorf("name a finding or select some with --rule, --symbol, --exchange, --from and --to, not both; usage: %s", cmd.UseLine())}
			case len(args) == 0 && filter.empty():
				return usageError{fmt.Errorf("argument FINDING is missing; name one, or select some with --rule, --symbol, --exchange, --from and --to; usage: %s", cmd.UseLine())}
			case len(args) == 0:
				return nil
			}
			return exactArgs("FINDING")(cmd, args)
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		request := service.DecisionRequest{Decision: decision, By: d.by, Why: d.why, Key: d.key}
		for _, text := range sessions {
			session, err := etf.ParseSession(text)
			if err != nil {
				return usageError{err}
			}
			request.Sessions = append(request.Sessions, session)
		}
		svc, closeAll, err := a.service()
		if err != nil {
			return err
		}
		defer closeAll()
		if len(args) == 0 {
			return a.decideAll(cmd.Context(), svc, filter, request, yes)
		}
		request.Finding = args[0]
		return a.decideOne(cmd.Context(), svc, request)
	}
	return cmd
}

func (a *app) decideOne(ctx context.Context, svc *service.Service, request service.DecisionRequest) error {
	decided, err := svc.Decide(ctx, request)
	if err != nil {
		return err
	}
	f := decided.Finding
	switch {
	case decided.Pending:
		_, err = fmt.Fprintf(a.stdout, "finding %s of %s: the decision is recorded and will be applied; `etfcast finding show %s` shows when\n", f.ID, f.Symbol, f.ID)
	case f.Decision == etf.Undecided:
		_, err = fmt.Fprintf(a.stdout, "finding %s of %s: undecided again\n", f.ID, f.Symbol)
	default:
		_, err = fmt.Fprintf(a.stdout, "finding %s of %s: %s by %s\n", f.ID, f.Symbol, f.Decision, etf.OneLine(f.By))
	}
	if err == nil && decided.Run != "" {
		_, err = fmt.Fprintf(a.stdout, "run %s fetches again; `etfcast run show %s` shows how it ends\n", decided.Run, decided.Run)
	}
	return err
}

// decideAll decides on all the findings that the filter selects, after showing them.
func (a *app) decideAll(ctx context.Context, svc *service.Service, filter findingFilter, request service.DecisionRequest, yes bool) error {
	query := filter.query(service.MaxPage)
	query.Undecided = request.Decision != etf.Retract // a row in use may be named by any finding
	found, next, err := svc.Findings(ctx, query)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(f etf.Finding) bool { return f.Decision != etf.Undecided || len(f.Sessions) == 0 })
	if err := writeFindings(a.stdout, found); err != nil {
		return err
	}
	if !next.IsZero() {
		return etf.Invalid("filter", fmt.Sprintf("it selects more than %d findings", service.MaxPage), "select fewer with --rule, --symbol, --exchange, --from and --to")
	}
	if len(found) == 0 {
		_, err = fmt.Fprintln(a.stdout, "No such finding waits for a decision.")
		return err
	}
	if !yes {
		_, err = fmt.Fprintf(a.stdout, "%d would be decided: %s. Repeat the command with --yes to decide.\n", len(found), request.Decision)
		return err
	}
	failed := 0
	for _, f := range slices.Backward(found) { // oldest first
		request.Finding = f.ID
		if err := a.decideOne(ctx, svc, request); err != nil {
			if etf.KindOf(err) == etf.KindUnavailable || request.By == "" || request.Why == "" {
				return err
			}
			failed++
			fmt.Fprintf(a.stderr, "finding %s of %s: %s\n", f.ID, f.Symbol, etf.OneLine(err.Error()))
		}
	}
	if failed > 0 {
		return etf.Invalid("findings", fmt.Sprintf("%d of %d could not be decided", failed, len(found)), "the messages above say why")
	}
	return nil
}

func findingReplaceCommand(a *app) *cobra.Command {
	var d decisionFlags
	var session, open, high, low, closing, volume string
	var more []string
	cmd := &cobra.Command{
		Use:   "replace FINDING",
		Short: "The rows are wrong: use the values given instead",
		Long: `The rows are wrong: use the values given instead.

The values are stored like a fetch of the source "person". An open that is not given is the close; high and low are then
those of open and close. A finding that names one session needs no --session; one that names several takes --value for each.`,
		Example: "  etfcast finding replace 4f6c... --close 661.82 --by kim --why \"the exchange's own record\"\n" +
			"  etfcast finding replace 4f6c... --value 2025-09-25=660.1 --value 2025-09-26=661.82 --by kim --why \"the exchange's own record\"",
		Args: exactArgs("FINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			request := service.DecisionRequest{Finding: args[0], Decision: etf.Replace, By: d.by, Why: d.why, Key: d.key}
			for _, text := range more {
				v, err := parseValue(text)
				if err != nil {
					return usageError{err}
				}
				request.Values = append(request.Values, v)
			}
			if closing != "" || len(more) == 0 {
				f, err := svc.Finding(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				v, err := oneValue(f, session, open, high, low, closing, volume)
				if err != nil {
					return usageError{err}
				}
				request.Values = append(request.Values, v)
			}
			return a.decideOne(cmd.Context(), svc, request)
		},
	}
	d.flags(cmd.Flags())
	cmd.Flags().StringVar(&session, "session", "", "the session, if the finding names several")
	cmd.Flags().StringVar(&open, "open", "", "opening price")
	cmd.Flags().StringVar(&high, "high", "", "highest price")
	cmd.Flags().StringVar(&low, "low", "", "lowest price")
	cmd.Flags().StringVar(&closing, "close", "", "closing price")
	cmd.Flags().StringVar(&volume, "volume", "", "number of shares traded")
	cmd.Flags().StringArrayVar(&more, "value", nil, "SESSION=CLOSE; may be repeated")
	return cmd
}

func parseValue(text string) (etf.Bar, error) {
	day, price, ok := strings.Cut(text, "=")
	v := etf.Bar{Volume: etf.VolumeUnknown}
	if !ok {
		return v, etf.Invalid("value", fmt.Sprintf("%q is not a value", etf.Clip(text, etf.MaxQuoted)), "write SESSION=CLOSE, such as 2025-09-26=661.82")
	}
	var err error
	if v.Session, err = etf.ParseSession(day); err != nil {
		return v, etf.WithField(err, "value")
	}
	v.Close, err = etf.ParsePrice(price)
	return v, etf.WithField(err, "value")
}

func oneValue(f etf.Finding, session, open, high, low, closing, volume string) (etf.Bar, error) {
	v := etf.Bar{Volume: etf.VolumeUnknown}
	switch {
	case session != "":
		var err error
		if v.Session, err = etf.ParseSession(session); err != nil {
			return v, err
		}
	case len(f.Sessions) == 1:
		v.Session = f.Sessions[0]
	default:
		return v, etf.Invalid("session", fmt.Sprintf("%s names %d sessions", f.ID, len(f.Sessions)), "say which one with --session")
	}
	if closing == "" {
		return v, etf.Invalid("close", "no close is given", "give it with --close")
	}
	for _, p := range []struct {
		name, text string
		into       *etf.Price
	}{{"open", open, &v.Open}, {"high", high, &v.High}, {"low", low, &v.Low}, {"close", closing, &v.Close}} {
		if p.text == "" {
			continue
		}
		price, err := etf.ParsePrice(p.text)
		if err != nil {
			return v, etf.WithField(err, p.name)
		}
		*p.into = price
	}
	if volume != "" {
		parsed, err := etf.ParseVolume(volume)
		if err != nil {
			return v, etf.WithField(err, "volume")
		}
		v.Volume = parsed
	}
	return v, nil
}
