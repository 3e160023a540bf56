package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

// pruneCommand deletes the bodies of old responses, which are large and not needed to trace a number. Their records,
// including the hash, stay. It also deletes the events that workers would delete within the hour.
func pruneCommand(a *app) *cobra.Command {
	var olderThan string
	cmd := &cobra.Command{
		Use:     "prune",
		Short:   "Delete the bodies of old provider responses; their records and hashes stay",
		Example: "  etfcast prune --older-than 365d",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			days, err := strconv.Atoi(strings.TrimSuffix(olderThan, "d"))
			if err != nil || days < 1 || !strings.HasSuffix(olderThan, "d") {
				return usageError{etf.Invalid("older-than", fmt.Sprintf("%q is not a number of days", olderThan), "write, for example, 365d; the minimum is 1d")}
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			n, err := svc.Prune(cmd.Context(), days)
			if err != nil {
				return err
			}
			if _, err = fmt.Fprintf(a.stdout, "bodies of %d responses deleted; their records stay\n", n); err != nil {
				return err
			}
			if n, err = svc.PruneEvents(cmd.Context()); err != nil || n == 0 {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%d events older than %d days deleted\n", n, etf.EventRetention/(24*time.Hour))
			return err
		},
	}
	cmd.Flags().StringVar(&olderThan, "older-than", "", "age in days, for example 365d")
	return cmd
}
