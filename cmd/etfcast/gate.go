package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// gateLimit is how many verdicts `etfcast gate` shows unless told otherwise.
const gateLimit = 30

func gateCommand(a *app) *cobra.Command {
	var request service.GateRequest
	var as format
	cmd := &cobra.Command{
		Use:   "gate",
		Short: "Show which models are served, and why: the gate's verdicts, newest session first",
		Long: `Show which models are served instead of the benchmark, and why. For each session, before its forecasts are made, the
gate looks at the record: a model passes on an exchange and at a horizon if the confidence sequence of its difference from
the benchmark lies below 0, and the best of those that pass is served. It needs the database only.`,
		Example: `  etfcast gate
  etfcast gate --exchange XNYS --horizon 1 --model prophet --limit 250 --csv`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if request.Limit < 1 || request.Limit > 10_000 {
				return usageError{etf.Invalid("limit", fmt.Sprintf("%d is out of range", request.Limit), "use 1 to 10000")}
			}
			svc, closeAll, err := a.scoreService()
			if err != nil {
				return err
			}
			defer closeAll()
			list, _, err := svc.GateVerdicts(cmd.Context(), request)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encodeRows(as, append([]etf.GateVerdict{}, list...), list)
			}
			if len(list) == 0 {
				_, err := fmt.Fprintln(a.stdout, "The gate has given no verdict yet: a daily run does, before its forecasts are made.")
				return err
			}
			t := newTable(a.stdout, "SESSION", "EXCHANGE", "HORIZON", "MODEL", "SERVED", "N", "DIFFERENCE", "SEQUENCE", "LEVEL").
				numbers("HORIZON", "N", "DIFFERENCE", "LEVEL").spare("LEVEL", "DIFFERENCE")
			for _, v := range list {
				served := "no"
				switch {
				case v.Served:
					served = "yes"
				case v.Passed:
					served = "passed"
				}
				mean := "-"
				if v.N > 0 {
					mean = fmt.Sprintf("%.4f", v.Mean)
				}
				t.row(v.Session, v.Exchange, v.Horizon, v.Model, served, v.N, mean, fmt.Sprintf("%.4f to %.4f", v.Low, v.High), fmt.Sprintf("%.4f", v.Level))
			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&request.Exchange, "exchange", "", "only this exchange, "+etf.ExchangeList())
	cmd.Flags().StringVar(&request.Horizon, "horizon", "", "only this horizon, in sessions")
	cmd.Flags().StringVar(&request.Model, "model", "", "only this model")
	cmd.Flags().IntVar(&request.Limit, "limit", gateLimit, "at most this many verdicts")
	as.addFlags(cmd, "the items of GET /v1/gate", "one row for each verdict")
	return cmd
}
