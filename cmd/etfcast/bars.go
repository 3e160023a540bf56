package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func barsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "bars", Short: "Show stored prices, and what was believed about them when"}
	cmd.AddCommand(barsListCommand(a), barsHistoryCommand(a))
	return cmd
}

func barsListCommand(a *app) *cobra.Command {
	var from, to, asOf, adjust string
	var nav bool
	var as format
	var limit int
	cmd := &cobra.Command{
		Use:     "list SYMBOL",
		Short:   "List an ETF's stored bars, the newest ones by default",
		Example: "  etfcast bars list SPY --from 2025-09-01 --as-of 2025-09-26T20:00:00Z",
		Args:    exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			if limit < 1 {
				return etf.Invalid("limit", fmt.Sprintf("%d is out of range", limit), "use 1 or more")
			}
			e, err := svc.ETF(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			q := service.BarQuery{Symbol: e.Symbol, NAV: nav}
			if q.Window, err = service.ParseWindow(from, to); err != nil {
				return err
			}
			if q.AsOf, err = svc.AsOf(cmd.Context(), e.Symbol, asOf); err != nil {
				return err
			}
			if q.Adjust, err = service.ParseAdjustment(adjust); err != nil {
				return err
			}
			var rows []service.BarRow // the newest ones
			if err := svc.EachBar(cmd.Context(), q, func(row service.BarRow) error {
				if rows = append(rows, row); len(rows) == 2*limit {
					rows = append(rows[:0], rows[limit:]...)
				}
				return nil
			}); err != nil {
				return err
			}
			rows = rows[max(0, len(rows)-limit):]
			if as.json {
				enc := json.NewEncoder(a.stdout)
				for _, row := range rows {
					if err := enc.Encode(row); err != nil {
						return err
					}
				}
				return nil
			}
			if as.csv {
				return writeCSV(a.stdout, rows)
			}
			titles := []string{"SESSION", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "STATE", "SOURCE", "VERSION"}
			if nav {
				titles = append(titles, "NAV", "SHARES", "PREMIUM")
			}
			t := newTable(a.stdout, titles...).numbers("OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "VERSION").
				spare("VERSION", "SOURCE", "VOLUME", "OPEN", "HIGH", "LOW")
			if nav {
				t.numbers("NAV", "SHARES", "PREMIUM")
			}
			for _, b := range rows {
				cells := []any{b.Session, b.Open, b.High, b.Low, b.Close, b.Volume, barState(b.StoredBar), b.Source, b.DataVersion}
				if nav {
					cells = append(cells, navColumns(b)...)
				}
				t.row(cells...)
			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first session")
	cmd.Flags().StringVar(&to, "to", "", "last session")
	cmd.Flags().StringVar(&asOf, "as-of", "", "what was believed then: an instant, or the number of a data version")
	cmd.Flags().StringVar(&adjust, "adjust", "none", "restate prices for splits (split), or for splits and distributions (total)")
	cmd.Flags().BoolVar(&nav, "nav", false, "with net asset value, shares outstanding and premium")
	cmd.Flags().IntVar(&limit, "limit", 20, "maximum number of bars")
	as.addFlags(cmd, "one bar on a line", "")
	return cmd
}

func navColumns(b service.BarRow) []any {
	nav, shares, premium := "-", "-", "-"
	if b.NAV.NAV != 0 {
		nav = b.NAV.NAV.String()
	}
	if !b.NAV.Session.IsZero() {
		shares = b.NAV.Shares.String()
	}
	if b.Premium != nil {
		premium = strconv.FormatFloat(100**b.Premium, 'f', 2, 64) + "%"
	}
	return []any{nav, shares, premium}
}

// barState says in a word whether forecasts use the bar.
func barState(b etf.StoredBar) string {
	switch {
	case b.Quarantined:
		return "quarantined"
	case b.Held:
		return "held"
	case b.Provisional:
		return "provisional"
	}
	return "in use"
}

func barsHistoryCommand(a *app) *cobra.Command {
	var asOf string
	var as format
	cmd := &cobra.Command{
		Use:     "history SYMBOL SESSION",
		Short:   "Show everything that was believed about one session, oldest first, with source and cause",
		Example: "  etfcast bars history SPY 2025-09-26",
		Args:    exactArgs("SYMBOL", "SESSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			list, err := svc.BarHistory(cmd.Context(), args[0], args[1], asOf)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, list)
			}
			t := newTable(a.stdout, "VERSION", "FROM", "TO", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "STATE", "SOURCE", "CAUSE").
				numbers("VERSION", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME").spare("CAUSE", "VOLUME", "OPEN", "HIGH", "LOW", "SOURCE")
			for _, b := range list {
				to := "now"
				if b.SupersededBy != 0 {
					to = b.KnownTo.UTC().Format(time.RFC3339)
				}
				t.row(b.DataVersion, instantText(b.KnownFrom), to, b.Open, b.High, b.Low, b.Close, b.Volume, barState(b.StoredBar), b.Source,
					fmt.Sprint(b.Cause, " ", b.CauseID))

			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "only what was believed by then: an instant, or the number of a data version")
	as.addFlags(cmd, "", "")
	return cmd
}

func etfVersionsCommand(a *app) *cobra.Command {
	var limit int
	var as format
	cmd := &cobra.Command{
		Use:     "versions SYMBOL",
		Short:   "List an ETF's data versions, newest first, with what each changed and why",
		Example: "  etfcast etf versions SPY",
		Args:    exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			list, more, err := svc.Versions(cmd.Context(), args[0], 0, limit)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, list)
			}
			t := newTable(a.stdout, "VERSION", "SINCE", "CAUSE", "SOURCE", "NEW", "REVISED", "RELEASED", "PARKED", "REMOVED", "ACTIONS", "NAVS").
				numbers("VERSION", "NEW", "REVISED", "RELEASED", "PARKED", "REMOVED", "ACTIONS", "NAVS").
				spare("CAUSE", "NAVS", "ACTIONS", "REMOVED", "PARKED", "RELEASED", "SOURCE")
			for _, v := range list {
				t.row(v.Number, instantText(v.KnownFrom), fmt.Sprint(v.Cause, " ", v.CauseID), v.Source, v.New, v.Revised, v.Released, v.Parked, v.Removed, v.Actions, v.NAVs)

			}
			if err := t.flush(); err != nil || !more {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "older versions follow; show more with --limit, at most %d\n", service.MaxPage)
			return err
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of versions")
	as.addFlags(cmd, "", "")
	return cmd
}
