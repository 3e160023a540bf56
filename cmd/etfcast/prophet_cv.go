package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/diagnostics"
)

func prophetCVCommand(a *app) *cobra.Command {
	var source modelSource
	var horizon, initial, period, out, metricsOut string
	var cutoffs, metrics []string
	var workers int
	var window float64
	var keepScaling, monthly bool
	cmd := &cobra.Command{
		Use:   "cv --in HISTORY --horizon LENGTH (--out FORECASTS | --metrics-out METRICS)",
		Short: "Cross-validate: how good forecasts of the past would have been",
		Long: `Cross-validate: fit the model on the history up to each of several cutoffs, forecast what
came after, and measure the errors by how far ahead they are.

Lengths of time are numbers with units: "30d", "36h", "2 weeks", "1 days 12:00:00".`,
		Example: `  etfcast prophet cv --in history.csv --horizon 30d --out cv.csv --metrics-out metrics.csv
  etfcast prophet cv --in history.csv --initial 730d --period 180d --horizon 365d --metrics-out -`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := diagnostics.Options{Workers: workers, KeepScaling: keepScaling}
			if horizon == "" {
				return usageError{etf.Invalid("horizon", "no length of time is given", "give one such as --horizon 30d")}
			}
			for _, d := range []struct {
				flag, text string
				value      *prophet.Stamp
			}{{"horizon", horizon, &o.Horizon}, {"initial", initial, &o.Initial}, {"period", period, &o.Period}} {
				if d.text == "" && !cmd.Flags().Changed(d.flag) {
					continue
				}
				var err error
				if *d.value, err = diagnostics.ParseDuration(d.text); err != nil {
					return usageError{etf.WithField(err, d.flag)}
				}
			}
			if cmd.Flags().Changed("cutoffs") && len(cutoffs) == 0 {
				return usageError{etf.Invalid("cutoffs", "no date is named", "name dates separated by commas, or leave it out")}
			}
			for i, text := range cutoffs {
				s, err := prophet.ParseStamp(strings.TrimSpace(text))
				if err != nil {
					return usageError{etf.WithField(err, fmt.Sprintf("cutoffs[%d]", i))}
				}
				if slices.Contains(o.Cutoffs, s) {
					return usageError{etf.Invalid(fmt.Sprintf("cutoffs[%d]", i), fmt.Sprintf("%s is there twice", s), "name each cutoff once")}
				}
				o.Cutoffs = append(o.Cutoffs, s)
			}
			for _, flag := range []string{"initial", "period"} {
				if len(cutoffs) > 0 && cmd.Flags().Changed(flag) {
					return usageError{etf.Invalid(flag, "it says how cutoffs are chosen, and --cutoffs names them", "leave one of them out")}
				}
			}
			if workers < 1 {
				return usageError{etf.Invalid("workers", fmt.Sprintf("%d workers", workers), "use 1 or more")}
			}
			if out == "" && metricsOut == "" {
				return usageError{etf.Invalid("out", "no file is named for the results", "give --out FILE for the forecasts, --metrics-out FILE for the metrics, or both")}
			}
			for _, flag := range []string{"metrics", "rolling-window", "monthly"} {
				if metricsOut == "" && cmd.Flags().Changed(flag) {
					return usageError{etf.Invalid(flag, "it is about the metrics, and no file is named for them", "give --metrics-out FILE, or leave it out")}
				}
			}
			if cmd.Flags().Changed("metrics") && len(metrics) == 0 {
				return usageError{etf.Invalid("metrics", "no metric is named", "use some of "+strings.Join(diagnostics.MetricNames(), ", ")+", or leave it out")}
			}
			if err := checkMetrics(metrics); err != nil {
				return usageError{err}
			}
			if err := checkWindow(window); err != nil {
				return usageError{err}
			}
			files := a.inOut(cmd)
			defer files.discard()
			model, history, err := source.read(cmd, files)
			if err != nil {
				return err
			}
			var table *diagnostics.Table
			var scores *diagnostics.Metrics
			if out != "" {
				if err := files.write("out", out, func(w io.Writer) error { return table.WriteCSV(w) }); err != nil {
					return err
				}
			}
			if metricsOut != "" {
				if err := files.write("metrics-out", metricsOut, func(w io.Writer) error { return scores.WriteCSV(w) }); err != nil {
					return err
				}
			}
			fitted, err := model.Fit(cmd.Context(), history, prophet.FitOptions{Workers: workers})
			if err != nil {
				return source.inInput(err)
			}
			progress, done := a.progress("cutoffs")
			o.Progress = progress
			o.Warn = a.note
			table, err = diagnostics.CrossValidation(cmd.Context(), fitted, o)
			done()
			if err != nil {
				return err
			}
			if metricsOut != "" {
				if scores, err = diagnostics.PerformanceMetrics(table, metrics, window, monthly); err != nil {
					return err
				}
				for _, notice := range scores.Notices {
					a.note(notice)
				}
			}
			return files.commit()
		},
	}
	source.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&horizon, "horizon", "", "how far ahead is forecast after each cutoff")
	flags.StringVar(&initial, "initial", "", "least length of the history before the first cutoff (default: three horizons, or the longest period of a seasonality if that is longer)")
	flags.StringVar(&period, "period", "", "time between cutoffs (default: half the horizon)")
	flags.StringSliceVar(&cutoffs, "cutoffs", nil, "the cutoffs themselves: dates, separated by commas")
	flags.StringVar(&out, "out", "", "CSV the forecasts are written to: ds, yhat, yhat_lower, yhat_upper, y, cutoff")
	flags.StringVar(&metricsOut, "metrics-out", "", "CSV the metrics are written to: horizon and a column for each metric")
	flags.StringSliceVar(&metrics, "metrics", nil, "metrics wanted, of "+strings.Join(diagnostics.MetricNames(), ", ")+" (default: all)")
	flags.Float64Var(&window, "rolling-window", 0.1, "part of the forecasts a metric is the mean of, 0 to 1; 0 is each horizon by itself, -1 each forecast")
	flags.BoolVar(&monthly, "monthly", false, "horizons of the metrics in calendar months from the cutoff's")
	flags.IntVar(&workers, "workers", runtime.GOMAXPROCS(0), "cutoffs worked on at once; the results do not depend on it")
	flags.BoolVar(&keepScaling, "keep-scaling", false, "fit again with the model's own scaling; the original fits again with absmax whatever the model has")
	return cmd
}

// checkMetrics finds an unknown metric before the work is done.
func checkMetrics(names []string) error {
	row := []float64{1}
	_, err := diagnostics.PerformanceMetrics(&diagnostics.Table{DS: []prophet.Stamp{prophet.Day}, Cutoff: []prophet.Stamp{0}, Y: row, Yhat: row, YhatLower: row, YhatUpper: row}, names, 0, false)
	return err
}

// checkWindow refuses windows the original takes to be 0, 1 or -1.
func checkWindow(window float64) error {
	if window == -1 || window >= 0 && window <= 1 {
		return nil
	}
	return etf.Invalid("rolling-window", fmt.Sprintf("%v is no part of the forecasts", window), "use 0 to 1; or -1 for each forecast by itself")
}

// note tells what does not stop a command.
func (a *app) note(message string) { fmt.Fprintf(a.stderr, "etfcast: note: %s\n", message) }
