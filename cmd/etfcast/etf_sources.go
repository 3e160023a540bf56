package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func etfSourcesCommand(a *app) *cobra.Command {
	var author author
	cmd := &cobra.Command{
		Use:   "sources SYMBOL [NAME[=REF]...]",
		Short: "Show an ETF's sources in order of preference, or set the whole list",
		Long: `Show an ETF's sources in order of preference, or set the whole list.

The order decides whose numbers count. An update asks the sources one after another until one has the session.
A source replaces its own bars and those of a source after it in the list. Of a session that has a bar from a
source before it, its row is not stored: if the two differ, a finding shows both (source_difference). A value
that a person has given counts more than any source's.`,
		Example: `  etfcast etf sources SPY
  etfcast etf sources SPY yahoo=SPY file=SPY.csv --why "the file is a day late"`,
		Args: func(cmd *cobra.Command, args []string) error {
			return exactArgs("SYMBOL")(cmd, args[:min(1, len(args))])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return a.edit(cmd, service.ETFEditRequest{Symbol: args[0], Sources: sourceRequests(args[1:])}, author, "changed")
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			e, err := svc.ETF(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !author.as.forPeople() {
				return a.encode(author.as, e.Sources)
			}
			a.noteCompared(e)
			compared := e.ComparedOnly()
			t := newTable(a.stdout, "ORDER", "SOURCE", "REF", "RESTATED HISTORY").numbers("ORDER").spare("RESTATED HISTORY", "REF")
			for i, src := range e.Sources {
				if slices.Contains(compared, src.Name) {
					t.row(i+1, src.Name, src.Ref, "only compared")
					continue
				}
				takeOver := "replaced by `etfcast etf refetch " + string(e.Symbol) + "`"
				if etf.Source(src.Name).CheapHistory {
					takeOver = "replaced at once"
				}
				t.row(i+1, src.Name, src.Ref, takeOver)
			}
			return t.flush()
		},
	}
	author.addFlags(cmd)
	return cmd
}
