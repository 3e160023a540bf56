package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// errNotFilled is returned by a command that waited for a backfill which left ETFs out.
var errNotFilled = errors.New("not every ETF is filled in")

// errGaps is part of the error of `etfcast gaps` if there is a gap that a source is left to ask for; errMissing of its error with --all if
// there are only others.
var (
	errGaps    = errors.New("sessions are missing")
	errMissing = errors.New("sessions are missing that no source has")
)

// gapsFound returns the error for gaps that a source is left to ask for; nil if there are none.
func gapsFound(gaps []etf.Gap, q service.GapQuery) error {
	commands := backfillsOf(gaps, q, etf.Gap.Open, "")
	if commands == "" {
		return nil
	}
	return fmt.Errorf("%w: have the sources asked for them with %s", errGaps, commands)
}

// missingFound is the error for gaps none of which gapsFound names. Asking again is of no use for what no source can have.
func missingFound(gaps []etf.Gap, q service.GapQuery) error {
	etfs, symbol := "the ETF", etf.Symbol("SYMBOL")
	if !slices.ContainsFunc(gaps, func(g etf.Gap) bool { return g.Symbol != gaps[0].Symbol }) {
		etfs, symbol = string(gaps[0].Symbol), gaps[0].Symbol
	}
	remedy := fmt.Sprintf("give %s another one (`etfcast etf sources %s NAME...` sets the whole list)", etfs, symbol)
	if commands := backfillsOf(gaps, q, func(g etf.Gap) bool { return !g.Unreachable }, " --again"); commands != "" {
		remedy += ", or ask again with " + commands
	}
	return fmt.Errorf("%w: %s", errMissing, remedy)
}

// backfillsOf names the backfills that ask for those of the gaps, one for each exchange, limited to ETFs and by a last session if the query
// was; empty without any.
func backfillsOf(gaps []etf.Gap, q service.GapQuery, these func(etf.Gap) bool, option string) string {
	var commands []string
	for _, x := range etf.Exchanges() {
		list := slices.DeleteFunc(slices.Clone(gaps), func(g etf.Gap) bool { return g.Exchange != x || !these(g) })
		if len(list) == 0 {
			continue
		}
		first, last := list[0].From, list[0].To
		var symbols []string
		for _, g := range list {
			first, last = min(first, g.From), max(last, g.To)
			symbols = append(symbols, string(g.Symbol))
		}
		command := fmt.Sprintf("etfcast backfill start --exchange %s --from %s", x, first)
		if q.Symbols != nil {
			command += " --symbols " + strings.Join(slices.Compact(symbols), ",")
		}
		if q.To != "" {
			command += " --to " + last.String()
		}
		commands = append(commands, "`"+command+option+"`")
	}
	return strings.Join(commands, " and ")
}

func gapsCommand(a *app) *cobra.Command {
	var q service.GapQuery
	var as format
	var all bool
	cmd := &cobra.Command{
		Use:   "gaps",
		Short: "List missing sessions of ETFs (exit code 3 if sources were not asked for them yet)",
		Long: `List runs of sessions without a stored bar, between an ETF's listing (or, if that is not known, --from or its first
stored session) and the last closed session. The exit code is 3 if there is one that a source can have and has not
answered a backfill for: what all sources had no row for may be a day without a trade, and further back than all of an
ETF's sources go there is nobody to ask. With --all, it is 3 if any session is missing. It needs the database only.`,
		Example: `  etfcast gaps
  etfcast gaps --exchange XNYS --from 2005-01-03 --json
  etfcast gaps --symbols SPY,QQQ --csv`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			knowCalendars(cmd.Context(), store)
			svc := service.New(service.Deps{Store: store})
			list := []etf.Gap{}
			for q.Limit = service.MaxPage; ; {
				page, next, err := svc.Gaps(cmd.Context(), q)
				if err != nil {
					return err
				}
				if list = append(list, page...); next.IsZero() {
					break
				}
				q.After = next
			}
			if as.forPeople() {
				err = a.printGaps(list)
			} else {
				err = a.encode(as, list)
			}
			if err != nil {
				return err
			}
			if err := gapsFound(list, q); err != nil || !all || len(list) == 0 {
				return err
			}
			return missingFound(list, q)
		},
	}
	cmd.Flags().StringVar(&q.Exchange, "exchange", "", "only ETFs of this exchange")
	cmd.Flags().StringSliceVar(&q.Symbols, "symbols", nil, "only these ETFs, separated by commas")
	cmd.Flags().StringVar(&q.From, "from", "", "first session, YYYY-MM-DD")
	cmd.Flags().StringVar(&q.To, "to", "", "last session, YYYY-MM-DD")
	cmd.Flags().BoolVar(&all, "all", false, "exit code 3 if any session is missing, whether or not a source is left to ask for it")
	as.addFlags(cmd, "", "")
	return cmd
}

func (a *app) printGaps(list []etf.Gap) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no session is missing")
		return err
	}
	sessions := 0
	t := newTable(a.stdout, "SYMBOL", "EXCHANGE", "FROM", "TO", "SESSIONS", "PLACE", "ASKED IN VAIN").numbers("SESSIONS").spare("EXCHANGE", "ASKED IN VAIN")
	for _, g := range list {
		asked := ""
		switch {
		case !g.Asked.IsZero():
			asked = g.Asked.UTC().Format(time.RFC3339)
		case g.Unreachable:
			asked = "no source has them"
		}
		sessions += g.Sessions
		t.row(g.Symbol, g.Exchange, g.From, g.To, g.Sessions, g.Place, asked)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s in %s\n", counted(sessions, "session"), counted(len(list), "gap"))
	return err
}
