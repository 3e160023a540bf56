package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/service"
)

func etfRefetchCommand(a *app) *cobra.Command {
	var author author
	var wait bool
	cmd := &cobra.Command{
		Use:   "refetch SYMBOL",
		Short: "Fetch an ETF's whole history again and replace what is stored",
		Long: `Fetch an ETF's whole history again, up to its last stored session, and replace what is stored.

It is the remedy for a series that its source has restated (restated_series). The bars that differ are replaced
in one data version and stay among the revisions; findings that keep nothing out any longer are settled. A
history that lacks much of what is stored replaces nothing, and a finding says so. Who asked, and why, is
recorded (etf changes).`,
		Example: `  etfcast etf refetch SPY --why "restated for a dividend" --wait`,
		Args:    exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			run, err := svc.Refetch(cmd.Context(), service.RefetchRequest{Symbol: args[0], By: author.name(a, cmd), Why: author.why})
			if err != nil {
				return err
			}
			if wait {
				return a.waitForRun(cmd.Context(), svc, run, author.as)
			}
			if !author.as.forPeople() {
				return a.encode(author.as, run)
			}
			fmt.Fprintf(a.stdout, "run %s started\n", run.ID)
			if link := svc.RunURL(run.ID); link != "" {
				fmt.Fprintf(a.stdout, "%s\n", link)
			}
			return nil
		},
	}
	author.addFlags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the run has ended; exit code 3 if the ETF failed or is quarantined")
	return cmd
}
