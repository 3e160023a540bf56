package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func etfCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "etf", Short: "Register and list ETFs"}
	cmd.AddCommand(etfAddCommand(a), etfListCommand(a))
	return cmd
}

func etfAddCommand(a *app) *cobra.Command {
	var exchange, currency string
	var sources []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add SYMBOL",
		Short: "Register an ETF; the next run fetches its whole history",
		Example: `  etfcast etf add SPY --exchange XNYS --source yahoo
  etfcast etf add 069500 --exchange XKRX --source yahoo=069500.KS --source file=069500.csv`,
		Args: exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request := service.ETFRequest{Symbol: args[0], Exchange: exchange, Currency: currency}
			for _, s := range sources {
				name, ref, given := strings.Cut(s, "=")
				source := service.SourceRequest{Name: name}
				if given {
					source.Ref = &ref
				}
				request.Sources = append(request.Sources, source)
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			stored, created, err := svc.AddETF(cmd.Context(), request)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(stored)
			}
			result := "registered"
			if !created {
				result = "is already registered, identically"
			}
			_, err = fmt.Fprintf(a.stdout, "%s %s\n", stored.Symbol, result)
			return err
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "XNYS or XKRX")
	cmd.Flags().StringVar(&currency, "currency", "", "ISO 4217 code (default: the exchange's)")
	cmd.Flags().StringArrayVar(&sources, "source", nil, "NAME or NAME=REF, in order of preference; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func etfListCommand(a *app) *cobra.Command {
	var exchange string
	var asJSON bool
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
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(all)
			}
			tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "SYMBOL\tEXCHANGE\tCURRENCY\tBARS\tQUARANTINED\tFIRST\tLAST\tVERSION\tSOURCES")
			for _, e := range all {
				names := make([]string, len(e.Sources))
				for i, s := range e.Sources {
					names[i] = s.Name + "=" + s.Ref
				}
				fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%d\t%s\n", e.Symbol, e.Exchange, e.Currency, e.Bars, e.Quarantined,
					dash(e.First.String()), dash(e.Last.String()), e.DataVersion.Number, strings.Join(names, ", "))
			}
			return tw.Flush()
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "only ETFs on this exchange")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
