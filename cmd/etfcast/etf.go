package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func etfCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "etf", Short: "Register, import, list, correct, rename and retire ETFs"}
	cmd.AddCommand(etfAddCommand(a), etfImportCommand(a), etfListCommand(a), etfShowCommand(a), etfEditCommand(a), etfRenameCommand(a), etfRetireCommand(a), etfChangesCommand(a),
		etfSourcesCommand(a), etfRefetchCommand(a), etfVersionsCommand(a))
	return cmd
}

// sourceRequests reads sources written as NAME or NAME=REF.
func sourceRequests(texts []string) []service.SourceRequest {
	var requests []service.SourceRequest
	for _, text := range texts {
		name, ref, given := strings.Cut(text, "=")
		source := service.SourceRequest{Name: name}
		if given {
			source.Ref = &ref
		}
		requests = append(requests, source)
	}
	return requests
}

func etfAddCommand(a *app) *cobra.Command {
	var exchange, currency, listed, delisted, isin string
	var sources []string
	var as format
	cmd := &cobra.Command{
		Use:   "add SYMBOL",
		Short: "Register an ETF; the next run fetches its whole history",
		Example: `  etfcast etf add SPY --exchange XNYS --source yahoo
  etfcast etf add 069500 --exchange XKRX --source yahoo=069500.KS --source file=069500.csv`,
		Args: exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request := service.ETFRequest{Symbol: args[0], Exchange: exchange, Currency: currency, Sources: sourceRequests(sources), Listed: listed, Delisted: delisted, ISIN: isin}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			stored, created, err := svc.AddETF(cmd.Context(), request)
			if err != nil {
				return err
			}
			a.noteCompared(stored)
			if !as.forPeople() {
				return a.encode(as, stored)
			}
			result := "registered"
			if !created {
				result = "is already registered, identically"
			}
			if stored.Retired {
				result += fmt.Sprintf("; it is retired: `etfcast etf retire %s --undo` takes it back", stored.Symbol)
			}
			_, err = fmt.Fprintf(a.stdout, "%s %s\n", stored.Symbol, result)
			return err
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", etf.ExchangeList())
	cmd.Flags().StringVar(&currency, "currency", "", "ISO 4217 code (default: the exchange's)")
	cmd.Flags().StringArrayVar(&sources, "source", nil, "NAME or NAME=REF, in order of preference; may be repeated")
	cmd.Flags().StringVar(&listed, "listed", "", "the first session, YYYY-MM-DD: earlier rows belong to another security (default: unknown)")
	cmd.Flags().StringVar(&delisted, "delisted", "", "the last session, YYYY-MM-DD: later rows are not used, and nothing is due any more (default: unknown)")
	cmd.Flags().StringVar(&isin, "isin", "", "the ISIN (default: unknown)")
	as.addFlags(cmd, "", "")
	return cmd
}

func etfEditCommand(a *app) *cobra.Command {
	var currency, name, listed, delisted, isin string
	var sources []string
	var author author
	cmd := &cobra.Command{
		Use:   "edit SYMBOL",
		Short: "Correct an ETF's sources, currency, name, ISIN, or dates of listing and delisting",
		Long: `Correct an ETF's sources, currency, name, ISIN, or dates of listing and delisting; what is not named stays.
--source names the whole new list of sources, in order of preference. The currency can be changed only until
bars are stored, the exchange not at all, and the symbol with etf rename. --listed is the first session: earlier
rows under the symbol belong to another security, and the next run takes those stored out. --delisted is the
last one: daily runs leave the ETF out after it, and later rows are not stored. Every change is recorded
(etf changes). The next run uses the new values.`,
		Example: `  etfcast etf edit 069500 --source yahoo=069500.KS --why "the ticker was wrong"
  etfcast etf edit SPY --source file=SPY.csv --source yahoo=SPY --name "SPDR S&P 500 ETF Trust"
  etfcast etf edit SPY --listed 1993-01-29 --why "the symbol was another fund's"`,
		Args: exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request := service.ETFEditRequest{Symbol: args[0], Sources: sourceRequests(sources)}
			if cmd.Flags().Changed("currency") {
				request.Currency = &currency
			}
			if cmd.Flags().Changed("name") {
				request.Name = &name
			}
			if cmd.Flags().Changed("listed") {
				request.Listed = &listed
			}
			if cmd.Flags().Changed("delisted") {
				request.Delisted = &delisted
			}
			if cmd.Flags().Changed("isin") {
				request.ISIN = &isin
			}
			if request.Currency == nil && request.Name == nil && request.Sources == nil && request.Listed == nil && request.Delisted == nil && request.ISIN == nil {
				return usageError{etf.Invalid("edit", "nothing to change is named", "use --source, --currency, --name, --listed, --delisted or --isin")}
			}
			return a.edit(cmd, request, author, "changed")
		},
	}
	cmd.Flags().StringArrayVar(&sources, "source", nil, "NAME or NAME=REF, in order of preference; may be repeated")
	cmd.Flags().StringVar(&currency, "currency", "", "ISO 4217 code")
	cmd.Flags().StringVar(&name, "name", "", "the fund's name; an empty one removes it")
	cmd.Flags().StringVar(&listed, "listed", "", "the first session, YYYY-MM-DD; an empty one removes it")
	cmd.Flags().StringVar(&delisted, "delisted", "", "the last session, YYYY-MM-DD; an empty one removes it")
	cmd.Flags().StringVar(&isin, "isin", "", "the ISIN; an empty one removes it")
	author.addFlags(cmd)
	return cmd
}

func etfRetireCommand(a *app) *cobra.Command {
	var undo bool
	var author author
	cmd := &cobra.Command{
		Use:   "retire SYMBOL",
		Short: "Leave an ETF out of the daily runs, or take it back; its history stays",
		Example: `  etfcast etf retire SPY --why "delisted"
  etfcast etf retire SPY --undo`,
		Args: exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			retired, result := !undo, "retired"
			if undo {
				result = "taken back"
			}
			return a.edit(cmd, service.ETFEditRequest{Symbol: args[0], Retired: &retired}, author, result)
		},
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "take it back into the daily runs")
	author.addFlags(cmd)
	return cmd
}

// author is who makes a change, why, and how to print the result.
type author struct {
	by, why string
	as      format
}

func (w *author) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.by, "by", "", "who makes the change (default: the user of this shell)")
	cmd.Flags().StringVar(&w.why, "why", "", "the reason, for the record")
	w.as.addFlags(cmd, "", "")
}

// name is who makes the change.
func (w *author) name(a *app, cmd *cobra.Command) string { return a.authorOf(cmd, w.by) }

// authorOf is who makes a change: the value of --by or, without it, the user of this shell.
func (a *app) authorOf(cmd *cobra.Command, by string) string {
	if cmd.Flags().Changed("by") {
		return by
	}
	user, _ := a.env.lookup("USER")
	return cmp.Or(user, "the command line")
}

func (a *app) edit(cmd *cobra.Command, request service.ETFEditRequest, by author, result string) error {
	request.By, request.Why = by.name(a, cmd), by.why
	svc, closeAll, err := a.service()
	if err != nil {
		return err
	}
	defer closeAll()
	stored, changed, err := svc.EditETF(cmd.Context(), request)
	if err != nil {
		return err
	}
	if request.Sources != nil {
		a.noteCompared(stored)
	}
	if !by.as.forPeople() {
		return a.encode(by.as, stored)
	}
	if !changed {
		result = "is so already; nothing changed"
	}
	a.noteFormer(request.Symbol, stored)
	_, err = fmt.Fprintf(a.stdout, "%s %s\n", stored.Symbol, result)
	return err
}

// noteCompared says which sources of an ETF never fill in its series.
func (a *app) noteCompared(e etf.ETF) {
	compared := e.ComparedOnly()
	basis := e.Series().Phrase()
	for _, name := range compared {
		fmt.Fprintf(a.stderr, "note: %s never fills in prices of %s: its prices are %s, the series is %s\n", name, e.Symbol, etf.Source(name).Basis, basis)
	}
	if !slices.ContainsFunc(e.Sources, func(ref etf.SourceRef) bool { return !slices.Contains(compared, ref.Name) }) {
		fmt.Fprintf(a.stderr, "note: so nothing new is stored for %s until it has a source that is %s: `etfcast etf sources %s NAME...` sets the list\n", e.Symbol, basis, e.Symbol)
	}
}

// noteFormer says that an ETF was named by a symbol that it no longer has.
func (a *app) noteFormer(named string, e etf.ETF) {
	if named == string(e.Symbol) {
		return
	}
	for _, f := range e.Former {
		if named == string(f.Symbol) {
			fmt.Fprintf(a.stderr, "note: %s has been %s since %s, its last session as %s\n", named, e.Symbol, f.Last, named)
			return
		}
	}
}

func etfChangesCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:     "changes SYMBOL",
		Short:   "List the changes made to an ETF since it was registered",
		Example: "  etfcast etf changes SPY",
		Args:    exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			changes, err := svc.ETFChanges(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, changes)
			}
			t := newTable(a.stdout, "NUMBER", "AT", "BY", "SYMBOL", "STATE", "CURRENCY", "SOURCES", "LISTED", "DELISTED", "ISIN", "NAME", "WHY").
				numbers("NUMBER").spare("NAME", "ISIN", "DELISTED", "SOURCES", "WHY", "LISTED", "CURRENCY", "BY")
			for _, c := range changes {
				t.row(c.Number, c.At.UTC().Format(time.RFC3339), c.By, c.Symbol, stateOf(c.Retired), c.Currency,
					sourceList(c.Sources), dash(c.Listed.String()), dash(c.Delisted.String()), dash(c.ISIN), dash(c.Name), dash(c.Why))
			}
			return t.flush()
		},
	}
	as.addFlags(cmd, "", "")
	return cmd
}

func stateOf(retired bool) string {
	if retired {
		return "retired"
	}
	return "active"
}

// sourceList formats sources as --source takes them.
func sourceList(sources []etf.SourceRef) string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name + "=" + s.Ref
	}
	return strings.Join(names, ", ")
}

func etfListCommand(a *app) *cobra.Command {
	var exchange string
	var as format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the registered ETFs and their stored bars",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			all := []etf.ETF{}
			for after, more := etf.Symbol(""), true; more; {
				var page []etf.ETF
				if page, more, err = svc.ETFs(cmd.Context(), exchange, after, 1000); err != nil {
					return err
				}
				all = append(all, page...)
				if len(page) > 0 {
					after = page[len(page)-1].Symbol
				}
			}
			if !as.forPeople() {
				return a.encode(as, all)
			}
			t := newTable(a.stdout, "SYMBOL", "EXCHANGE", "CURRENCY", "STATE", "BARS", "QUARANTINED", "FIRST", "LAST", "VERSION", "DELISTED", "ISIN", "FORMERLY", "SOURCES", "NAME").
				numbers("BARS", "QUARANTINED", "VERSION").spare("NAME", "ISIN", "FORMERLY", "DELISTED", "SOURCES", "VERSION", "FIRST", "CURRENCY", "QUARANTINED", "STATE", "BARS")
			for _, e := range all {
				t.row(e.Symbol, e.Exchange, e.Currency, stateOf(e.Retired), e.Bars,
					e.Quarantined, dash(e.First.String()), dash(e.Last.String()), e.DataVersion.Number, dash(e.Delisted.String()), dash(e.ISIN), dash(formerList(e.Former)),
					sourceList(e.Sources), dash(e.Name))
			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "only ETFs on this exchange")
	as.addFlags(cmd, "", "")
	return cmd
}

// formerList formats former symbols as a list of ETFs to import has them.
func formerList(formers []etf.FormerSymbol) string {
	texts := make([]string, len(formers))
	for i, f := range formers {
		texts[i] = string(f.Symbol) + "=" + f.Last.String()
	}
	return strings.Join(texts, ";")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
