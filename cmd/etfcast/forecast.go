package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func forecastCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "forecast", Short: "Show forecasts"}
	cmd.AddCommand(forecastShowCommand(a))
	return cmd
}

// chartCloses is how many closes the chart shows at most.
const chartCloses = 250

func forecastShowCommand(a *app) *cobra.Command {
	var model, asOf string
	var horizon int
	var ascii bool
	var as format
	cmd := &cobra.Command{
		Use:   "show SYMBOL",
		Short: "Show an ETF's newest forecast: closes and fan as a chart, intervals by horizon, and whether it is of record",
		Long: `Show an ETF's newest forecast: the closes it was made from and its fan as a chart, the intervals by horizon,
and whether it is of record; beside them, how often its model's intervals have held the price so far. --as-of shows the one that was the newest then. The chart is drawn with Unicode characters, or with --ascii, and where the
locale is not UTF-8, without.`,
		Example: `  etfcast forecast show SPY
  etfcast forecast show SPY --model prophet --horizon 5
  etfcast forecast show SPY --as-of 2025-09-26T21:00:00Z --csv`,
		Args: exactArgs("SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("horizon") && (horizon < 1 || horizon > etf.MaxHorizon) {
				return usageError{etf.Invalid("horizon", fmt.Sprintf("%d is out of range", horizon), fmt.Sprintf("use 1 to %d", etf.MaxHorizon))}
			}
			svc, closeAll, err := a.scoreService()
			if err != nil {
				return err
			}
			defer closeAll()
			f, err := svc.ForecastAsOf(cmd.Context(), args[0], model, asOf, chartCloses)
			if err != nil {
				return err
			}
			if horizon != 0 && !slices.ContainsFunc(f.Points, func(p etf.ForecastPoint) bool { return p.Horizon == horizon }) {
				return etf.NotFound("horizon", fmt.Sprintf("forecast %s has no horizon %d", f.ID, horizon), "leave it out to see those that it has")
			}
			record, err := svc.Record(cmd.Context(), f.Forecast)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encodeRows(as, shownForecast(f, record, horizon), forecastRows(f, horizon))
			}
			return printForecast(a.stdout, f, record, horizon, ascii || asciiOnly(a.stdout))
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "the model (default: the one that is served)")
	cmd.Flags().IntVar(&horizon, "horizon", 0, "only this horizon, in sessions (default: all; the table for people has 1, 5, 10, 15 and 21)")
	cmd.Flags().StringVar(&asOf, "as-of", "", "the newest forecast then: an instant, or the number of a data version")
	cmd.Flags().BoolVar(&ascii, "ascii", false, "draw with ASCII characters only")
	as.addFlags(cmd, "exchange, currency, standing, and the forecast as GET /v1/forecasts/{id} responds", "one row for each horizon")
	return cmd
}

// shownForecast is a forecast as JSON: what the API says, and what judging it takes.
func shownForecast(f service.ShownForecast, record service.ForecastRecord, horizon int) any {
	g := f.Forecast
	if horizon != 0 {
		i := slices.IndexFunc(g.Points, func(p etf.ForecastPoint) bool { return p.Horizon == horizon })
		components := map[string][]float64{}
		for name, values := range g.Components {
			components[name] = values[i : i+1]
		}
		g.Components, g.Points = components, g.Points[i:i+1]
		if len(g.Tails) > 0 {
			g.Tails = g.Tails[i : i+1]
		}
		if len(g.Raw) > 0 {
			g.Raw = g.Raw[i : i+1]
		}
	}
	return struct {
		Exchange etf.Exchange    `json:"exchange"`
		Currency etf.Currency    `json:"currency"`
		Standing etf.Standing    `json:"standing"`
		Forecast json.RawMessage `json:"forecast"`
	}{f.ETF.Exchange, f.ETF.Currency, f.Standing, api.ForecastJSON(g, record)}
}

// forecastRow is a forecast at one horizon.
type forecastRow struct {
	Symbol   etf.Symbol   `json:"symbol"`
	Model    string       `json:"model"`
	Forecast string       `json:"forecast"`
	Origin   etf.Session  `json:"origin"`
	Standing etf.Standing `json:"standing"`
	Horizon  int          `json:"horizon"`
	Target   etf.Session  `json:"target"`
	MovedTo  etf.Session  `json:"moved_to,omitzero"`
	Mean     float64      `json:"mean"`
	Q025     *float64     `json:"quantiles.0.025"`
	Q05      float64      `json:"quantiles.0.05"`
	Q10      float64      `json:"quantiles.0.1"`
	Q25      float64      `json:"quantiles.0.25"`
	Q50      float64      `json:"quantiles.0.5"`
	Q75      float64      `json:"quantiles.0.75"`
	Q90      float64      `json:"quantiles.0.9"`
	Q95      float64      `json:"quantiles.0.95"`
	Q975     *float64     `json:"quantiles.0.975"`
}

func forecastRows(f service.ShownForecast, horizon int) []forecastRow {
	var rows []forecastRow
	for i, p := range f.Points {
		if horizon != 0 && p.Horizon != horizon {
			continue
		}
		q := p.Quantiles
		row := forecastRow{Symbol: f.Symbol, Model: f.Model, Forecast: f.ID, Origin: f.Origin, Standing: f.Standing, Horizon: p.Horizon, Target: p.Target, MovedTo: f.MovedTo(p),
			Mean: p.Mean, Q05: q[0], Q10: q[1], Q25: q[2], Q50: q[3], Q75: q[4], Q90: q[5], Q95: q[6]}
		if i < len(f.Tails) {
			row.Q025, row.Q975 = &f.Tails[i][0], &f.Tails[i][1]
		}
		rows = append(rows, row)
	}
	return rows
}

// tableHorizons are those that the table for people has, unless one is asked for.
var tableHorizons = []int{1, 5, 10, 15, 21}

// standingText says in words what a standing means.
var standingText = map[etf.Standing]string{
	etf.OfRecord: "of record: issued before its first target session opened",
	etf.Late:     "late: issued after its first target session had opened; it proves nothing",
	etf.Repeated: "repeated: issued in time, but another forecast from this origin is of record",
}

func printForecast(w io.Writer, f service.ShownForecast, record service.ForecastRecord, horizon int, ascii bool) error {
	// Horizons are shown where they end now.
	points := slices.Clone(f.Points)
	moved := false
	for i, p := range f.Points {
		if to := f.MovedTo(p); !to.IsZero() {
			points[i].Target, moved = to, true
		}
	}
	chart := fan{closes: f.Closes, points: points, width: screenWidth(w), height: 15, ascii: ascii}
	if chart.width == 0 {
		chart.width = 80
	}
	chart.width = min(max(chart.width, 40), 160)
	facts := newPairs(w)
	last := 0.0
	if n := len(f.Closes); n > 0 {
		last = f.Closes[n-1].Close.Float()
	}
	fmt.Fprintf(w, "%s (%s, %s): forecast by %s from %s\n\n", f.Symbol, f.ETF.Exchange, f.ETF.Currency, f.Model, f.Origin)
	for _, line := range chart.draw() {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "%s\n\n", chart.legend())

	t := newTable(w, "HORIZON", "TARGET", "MEDIAN", "CHANGE", "50 %", "80 %", "90 %", "MEAN").numbers("HORIZON", "MEDIAN", "CHANGE", "MEAN").
		spare("MEAN", "50 %", "CHANGE", "80 %")
	t.uncut = true
	for _, p := range points {
		if horizon != 0 && p.Horizon != horizon || horizon == 0 && !slices.Contains(tableHorizons, p.Horizon) {
			continue
		}
		q := p.Quantiles
		change := ""
		if last > 0 {
			change = fmt.Sprintf("%+.2f%%", 100*(q[medianLevel]/last-1))
		}
		between := func(low, high int) string { return priceText(q[low]) + " to " + priceText(q[high]) }
		t.row(p.Horizon, p.Target, priceText(q[medianLevel]), change, between(2, 4), between(1, 5), between(0, 6), priceText(p.Mean))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := printRecord(w, f, record, horizon); err != nil {
		return err
	}
	if last > 0 {
		facts.line("last close", "%s on %s", priceText(last), f.Closes[len(f.Closes)-1].Session)
	}
	facts.line("standing", "%s", standingText[f.Standing])
	if moved {
		facts.line("targets", "moved since it was issued, by a change of the calendar (`etfcast calendar list`)")
	}
	switch {
	case record.Calibration != "":
		facts.line("intervals", "calibrated by assessment %.12s", record.Calibration)
	default:
		facts.line("intervals", "as the model gave them, not calibrated")
	}
	facts.line("issued", "%s, in run %s", instantText(f.IssuedAt), f.Run)
	if f.Held > 0 {
		facts.line("held", "the price of %s was held: the series ends %s before it", f.Origin, counted(f.Held, "session"))
	}
	if f.Provisional {
		facts.line("provisional", "the price of %s may still change before the day is over", f.Origin)
	}
	if len(f.Retracted) > 0 {
		facts.line("retracted", "prices it was made from are wrong by the decision on %s (`etfcast finding show %s`)", strings.Join(f.Retracted, ", "), f.Retracted[0])
	}
	facts.line("forecast", "%s", f.ID)
	facts.line("made from", "`etfcast provenance %s`", f.ID)
	facts.line("make again", "`etfcast reproduce %s`", f.ID)
	return facts.flush()
}

// printRecord prints what the record says of a forecast's model: the measured coverage of its intervals, how it compares with the benchmark,
// and a combination's weights. Nothing before there is a record.
func printRecord(w io.Writer, f service.ShownForecast, record service.ForecastRecord, horizon int) error {
	measured := false
	t := newTable(w, "HORIZON", "N", "IN 50 %", "IN 80 %", "IN 90 %", "IN 95 %", "REL CRPS", "95 % CRPS", "SERVED").
		numbers("HORIZON", "N", "IN 50 %", "IN 80 %", "IN 90 %", "IN 95 %", "REL CRPS").spare("IN 95 %", "IN 50 %", "95 % CRPS")
	alarms := []string{}
	for _, c := range record.Coverage {
		if horizon != 0 && c.Horizon != horizon {
			continue
		}
		row := []any{c.Horizon, 0}
		for _, m := range c.Measures {
			text := "-"
			if m.N > 0 {
				text, row[1], measured = fmt.Sprintf("%.1f %%", 100*m.Measured), m.N, true
			}
			if m.Alarm {
				text += " !"
				alarms = append(alarms, fmt.Sprintf("%g %% at horizon %d: between %.1f and %.1f %%, found %s", 100*m.Nominal, c.Horizon, 100*m.Low, 100*m.High, m.Since))
			}
			row = append(row, text)
		}
		k := slices.IndexFunc(record.Skill, func(s service.HorizonSkill) bool { return s.Horizon == c.Horizon })
		if k < 0 {
			row = append(row, "-", "-", "")
		} else {
			row = append(row, decimals(record.Skill[k].RelCRPS), interval(record.Skill[k].Low, record.Skill[k].High), servedText(record.Skill[k]))
		}
		t.row(row...)
	}
	if !measured {
		return nil
	}
	fmt.Fprintf(w, "Record of %s on %s through %s: share of prices inside its intervals, and its loss relative to the benchmark's.\n\n", f.Model, f.ETF.Exchange, record.Through)
	if err := t.flush(); err != nil {
		return err
	}
	for _, alarm := range alarms {
		fmt.Fprintf(w, "! coverage of %s\n", alarm)
	}
	for _, h := range slices.SortedFunc(maps.Keys(record.Weights), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }) {
		var parts []string
		for _, m := range slices.Sorted(maps.Keys(record.Weights[h])) {
			parts = append(parts, fmt.Sprintf("%s %.3f", m, record.Weights[h][m]))
		}
		fmt.Fprintf(w, "weights at horizon %s: %s\n", h, strings.Join(parts, ", "))
	}
	fmt.Fprintln(w)
	return nil
}

// servedText says whether a model is served, and what the gate saw.
func servedText(s service.HorizonSkill) string {
	text := "no"
	if s.Served {
		text = "yes"
	}
	if v := s.Verdict; v != nil && v.N > 0 {
		text += fmt.Sprintf(": %.4f to %.4f", v.Low, v.High)
	}
	return text
}
