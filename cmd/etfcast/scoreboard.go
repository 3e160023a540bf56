package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func scoreboardCommand(a *app) *cobra.Command {
	var request service.ScoreRequest
	var as format
	cmd := &cobra.Command{
		Use:   "scoreboard",
		Short: "Show how the models' forecasts have fared against the prices that came",
		Long: `Show how the models' forecasts have fared against the prices that came. Forecasts of record count: those
issued before the open of their first target session. --late shows the others, which prove nothing. It
needs the database only.`,
		Example: `  etfcast scoreboard
  etfcast scoreboard --etf SPY --horizon 5
  etfcast scoreboard --late --json`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.scoreService()
			if err != nil {
				return err
			}
			defer closeAll()
			board, err := svc.Scoreboard(cmd.Context(), request)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encodeRows(as, board, board.Items)
			}
			return printScoreboard(a.stdout, board)
		},
	}
	cmd.Flags().StringVar(&request.Exchange, "exchange", "", "only ETFs of this exchange, "+etf.ExchangeList())
	cmd.Flags().StringVar(&request.Symbol, "etf", "", "only this ETF")
	cmd.Flags().StringVar(&request.Model, "model", "", "only this model")
	cmd.Flags().StringVar(&request.Horizon, "horizon", "", "only this horizon, in sessions")
	cmd.Flags().StringVar(&request.From, "from", "", "first origin, YYYY-MM-DD")
	cmd.Flags().StringVar(&request.To, "to", "", "last origin; with --from, JSON has Diebold-Mariano tests")
	cmd.Flags().BoolVar(&request.Late, "late", false, "the late forecasts instead of those of record")
	as.addFlags(cmd, "as GET /v1/scoreboard responds", "one row for each model and horizon")
	return cmd
}

// scoreService returns a service that knows this program's models. It needs no Temporal.
func (a *app) scoreService() (*service.Service, func(), error) {
	all, err := models()
	if err != nil {
		return nil, nil, err
	}
	store, err := a.openStore()
	if err != nil {
		return nil, nil, err
	}
	knowCalendars(context.Background(), store)
	return service.New(service.Deps{Store: store, Models: modelInfos(all)}), func() { _ = store.Close() }, nil
}

// printScoreboard prints a scoreboard for people: in words, then as a table.
func printScoreboard(w io.Writer, b service.Board) error {
	for _, line := range wrapped(b.Summary, 100) {
		fmt.Fprintln(w, line)
	}
	if len(b.Items) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(w, "EXCHANGE", "HORIZON", "MODEL", "N", "LATE", "SESSIONS", "REL MAE", "95 % MAE", "REL CRPS", "95 % CRPS", "MASE", "IN 80 %", "WIDTH 80", "DIFFERENCE", "SEQUENCE", "GATE", "ALARM").
		numbers("HORIZON", "N", "LATE", "SESSIONS", "REL MAE", "REL CRPS", "MASE", "IN 80 %", "WIDTH 80", "DIFFERENCE").
		spare("SEQUENCE", "DIFFERENCE", "WIDTH 80", "MASE", "SESSIONS", "LATE", "95 % CRPS", "95 % MAE", "REL MAE", "EXCHANGE")
	for _, i := range b.Items {
		model := i.Model
		if i.Entry {
			model += " (entry)"
		}
		mean, sequence := "-", "-"
		if d := i.Difference; d != nil {
			mean, sequence = fmt.Sprintf("%.4f", d.Mean), fmt.Sprintf("%.4f to %.4f", d.Low, d.High)
		}
		t.row(i.Exchange, i.Horizon, model, i.N, i.LateN, i.Sessions,
			decimals(i.RelMAE), interval(i.RelMAELow, i.RelMAEHigh), decimals(i.RelCRPS), interval(i.RelCRPSLow, i.RelCRPSHigh),
			decimals(i.MASE), coverage(i.Coverage80, i.Coverage80SE), decimals(i.Width80), mean, sequence, gateText(i), alarms(i.Coverage))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprint(w, `
REL: the model's loss divided by the benchmark's on the same forecasts; below 1 is better. IN 80 %: the
share of prices inside the 80 % interval, and its standard error. MASE, WIDTH: in mean daily changes.
DIFFERENCE: of pinball loss to the benchmark, below 0 is better; SEQUENCE holds at all times at once.
GATE: whether the model is served. ALARM: intervals whose coverage the record refutes, of which it says how
often the price was inside.
--json and --csv have the rest.
`)
	return nil
}

// gateText is the gate's verdict on a row: "-" if it gives none.
func gateText(i service.BoardItem) string {
	switch {
	case i.Served:
		return "served"
	case i.Verdict == nil:
		return "-"
	case i.Verdict.Passed:
		return "passed"
	}
	return "no"
}

// alarms lists the intervals with an alarm and their measured coverage, in percent; "-" if there is none.
func alarms(list []etf.CoverageMeasure) string {
	var texts []string
	for _, m := range list {
		if m.Alarm {
			texts = append(texts, fmt.Sprintf("%.0f %%: %.1f %%", 100*m.Nominal, 100*m.Measured))
		}
	}
	return cmp.Or(strings.Join(texts, ", "), "-")
}

// decimals formats a statistic; "-" if it is undefined.
func decimals(x *float64) string {
	if x == nil {
		return "-"
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}

func interval(low, high *float64) string {
	if low == nil || high == nil {
		return "-"
	}
	return decimals(low) + " to " + decimals(high)
}

// coverage formats a share and its standard error as percentages.
func coverage(share, se *float64) string {
	if share == nil {
		return "-"
	}
	text := fmt.Sprintf("%.1f %%", 100**share)
	if se != nil {
		text += fmt.Sprintf(" ±%.1f", 100**se)
	}
	return text
}

// wrapped breaks a text into lines of at most width characters, longer words apart.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
