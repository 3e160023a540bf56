package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func etfShowCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:     "show SYMBOL",
		Short:   "Show an ETF: what it is registered as, its former symbols, what is stored of it",
		Example: "  etfcast etf show SPY",
		Args:    exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			e, err := svc.ETF(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, e)
			}
			a.noteFormer(args[0], e)
			t := newTable(a.stdout, "WHAT", "VALUE")
			for _, row := range [][2]string{
				{"symbol", string(e.Symbol)}, {"name", e.Name}, {"exchange", string(e.Exchange)}, {"currency", currencyText(e.Currency)}, {"ISIN", e.ISIN},
				{"permanent id", e.PermanentID}, {"former symbols", formerList(e.Former)}, {"listed", e.Listed.String()}, {"delisted", e.Delisted.String()},
				{"state", stateOf(e.Retired)}, {"sources", sourceList(e.Sources)}, {"bars", fmt.Sprint(e.Bars)}, {"quarantined", fmt.Sprint(e.Quarantined)},
				{"first session", e.First.String()}, {"last session", e.Last.String()}, {"data version", fmt.Sprint(e.DataVersion.Number)},
				{"changes", fmt.Sprint(e.Changes)}, {"registered", e.CreatedAt.UTC().Format(time.RFC3339)},
			} {
				t.row(row[0], dash(row[1]))
			}
			return t.flush()
		},
	}
	as.addFlags(cmd, "", "")
	return cmd
}

// currencyText adds what a minor unit is a part of.
func currencyText(c etf.Currency) string {
	if major, per := c.Major(); per != 1 {
		return fmt.Sprintf("%s (1/%d %s)", c, per, major)
	}
	return string(c)
}

func etfRenameCommand(a *app) *cobra.Command {
	var last string
	var sources []string
	var author author
	cmd := &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give an ETF another symbol; its data and forecasts stay",
		Long: `Give an ETF another symbol. It keeps its permanent id, data, findings and forecasts, and its chains of forecasts
go on: new forecasts carry the new symbol, and what was issued keeps the one that it was issued with. --last is
the last session under the old symbol, by which the ETF is still found. References of sources stay as they are
unless --source names the whole new list. Another ETF may take up the old symbol later (etf add, etf rename).`,
		Example: `  etfcast etf rename META METV --last 2022-06-08 --source yahoo --why "Roundhill gave the symbol up"`,
		Args:    exactArgs("OLD", "NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if last == "" {
				return usageError{etf.Invalid("last", "the last session under the old symbol is missing", "give it, for example --last 2022-06-08")}
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			e, changed, err := svc.RenameETF(cmd.Context(), service.RenameRequest{
				Symbol: args[0], To: args[1], Last: last, Source: sourceRequests(sources), By: author.name(a, cmd), Why: author.why,
			})
			if err != nil {
				return err
			}
			if !author.as.forPeople() {
				return a.encode(author.as, e)
			}
			result := "is " + args[1] + " now"
			if !changed {
				result = "is " + string(e.Symbol) + " already; nothing changed"
			}
			fmt.Fprintf(a.stdout, "%s %s\n", args[0], result)
			for _, src := range e.Sources {
				if changed && len(sources) == 0 && strings.Contains(src.Ref, args[0]) {
					fmt.Fprintf(a.stderr, "note: source %s is still asked for %q: `etfcast etf edit %s --source ...` changes it\n", src.Name, src.Ref, e.Symbol)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&last, "last", "", "the last session under the old symbol, YYYY-MM-DD; required")
	cmd.Flags().StringArrayVar(&sources, "source", nil, "NAME or NAME=REF, in order of preference; may be repeated")
	author.addFlags(cmd)
	return cmd
}

// noteComparedOf says which sources never fill in prices of ETFs in a list, and of how many.
func (a *app) noteComparedOf(items []service.ImportItem) {
	etfs := map[string]int{}
	for _, item := range items {
		for _, name := range item.ComparedOnly {
			etfs[name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(etfs)) {
		fmt.Fprintf(a.stderr, "note: %s never fills in prices of %d of the ETFs: its prices are %s, their series are not\n",
			name, etfs[name], etf.Source(name).Basis)
	}
}

func etfImportCommand(a *app) *cobra.Command {
	var sources []string
	var update, dryRun bool
	var author author
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Register the ETFs of a CSV file, all or none",
		Long: `Register the ETFs of a CSV file in one transaction: all of them, or none if anything is wrong, and then each
mistake is named with its line and column. ETFs that are registered the same stay as they are, so the
command can be repeated; ones with other values are mistakes without --update.

The first line names the columns, in any order: symbol and exchange, and if you like currency, name, isin,
listed, delisted, former_symbols (SYMBOL=LAST SESSION) and sources (NAME or NAME=REF). Several values in a field
are separated by ; or |. The separator is a comma, a semicolon or a tab. "-" is standard input.`,
		Example: `  etfcast etf import etfs.csv --dry-run
  etfcast etf import etfs.csv --source yahoo --why "the Korean list"`,
		Args: exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var raw []byte
			files := inOut{ctx: cmd.Context(), stdin: cmd.InOrStdin()}
			if err := files.scan("FILE", args[0], func(in io.Reader) (err error) {
				if raw, err = io.ReadAll(io.LimitReader(in, service.MaxFileBytes+1)); err == nil && len(raw) > service.MaxFileBytes {
					err = etf.Invalid("FILE", fmt.Sprintf("it is larger than %d MiB", service.MaxFileBytes>>20), "import it in parts")
				}
				return err
			}); err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			report, err := svc.ImportETFs(cmd.Context(), service.ImportRequest{
				Raw: raw, Sources: sourceRequests(sources), Update: update, DryRun: dryRun, By: author.name(a, cmd), Why: author.why,
			})
			if err != nil {
				if len(report.Refused) > 0 && !author.as.forPeople() {
					_ = a.encodeRows(author.as, report, report.Refused)
				}
				return err
			}
			a.noteComparedOf(report.Items)
			if !author.as.forPeople() {
				return a.encodeRows(author.as, report, report.Items)
			}
			result := "stored"
			if dryRun {
				result = "nothing stored (--dry-run); it would be"
			}
			_, err = fmt.Fprintf(a.stdout, "%s: %d created, %d changed, %d unchanged\n", result, report.Created, report.Changed, report.Unchanged)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&sources, "source", nil, "NAME or NAME=REF of the lines that name none, in order of preference; may be repeated")
	cmd.Flags().BoolVar(&update, "update", false, "change ETFs that are registered with other values")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would become of the ETFs")
	author.addFlags(cmd)
	return cmd
}
