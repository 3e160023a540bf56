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

// crossValidation holds the flags of cv.
type crossValidation struct {
	source                   modelSource
	horizon, initial, period string
	cutoffs                  []string
	keepScaling              bool
	workers                  int
	out, metricsOut          string
	metrics                  []string
	window                   float64
	monthly                  bool
}

func prophetCVCommand(a *app) *cobra.Command {
	var c crossValidation
	cmd := &cobra.Command{
		Use:   "cv --in HISTORY --horizon LENGTH (--out FORECASTS | --metrics-out METRICS)",
		Short: "Cross-validate: measure how good past forecasts would have been",
		Long: `Cross-validate: fit the model to the history up to each of several cutoffs, forecast what
came after, and measure the errors by how far ahead they are.

Lengths of time are numbers with units: "30d", "36h", "2 weeks", "1 days 12:00:00".`,
		Example: `  etfcast prophet cv --in history.csv --horizon 30d --out cv.csv --metrics-out metrics.csv
  etfcast prophet cv --in history.csv --initial 730d --period 180d --horizon 365d --metrics-out -`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := func(flag string) bool { return cmd.Flags().Changed(flag) }
			o, err := c.options(given)
			if err != nil {
				return usageError{err}
			}
			if err := c.checkOutputs(given); err != nil {
				return usageError{err}
			}
			return c.run(cmd, a, o)
		},
	}
	c.addFlags(cmd)
	return cmd
}

func (c *crossValidation) addFlags(cmd *cobra.Command) {
	c.source.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&c.horizon, "horizon", "", "how far ahead to forecast after each cutoff")
	flags.StringVar(&c.initial, "initial", "", "minimum length of the history before the first cutoff (default: three horizons, or the longest seasonality's period if that is longer)")
	flags.StringVar(&c.period, "period", "", "time between cutoffs (default: half the horizon)")
	flags.StringSliceVar(&c.cutoffs, "cutoffs", nil, "the cutoffs themselves, as dates separated by commas")
	flags.StringVar(&c.out, "out", "", "CSV the forecasts are written to: ds, yhat, yhat_lower, yhat_upper, y, cutoff")
	flags.StringVar(&c.metricsOut, "metrics-out", "", "CSV the metrics are written to: horizon and a column for each metric")
	flags.StringSliceVar(&c.metrics, "metrics", nil, "metrics to compute, of "+strings.Join(diagnostics.MetricNames(), ", ")+" (default: all)")
	flags.Float64Var(&c.window, "rolling-window", 0.1, "fraction of the forecasts that each value of a metric is the mean of, 0 to 1; 0 takes each horizon separately, -1 each forecast")
	flags.BoolVar(&c.monthly, "monthly", false, "count the metrics' horizons in calendar months from the cutoff's month")
	flags.IntVar(&c.workers, "workers", runtime.GOMAXPROCS(0), "cutoffs processed at once; the results do not depend on it")
	flags.BoolVar(&c.keepScaling, "keep-scaling", false, "with the option compat, refit with the model's own scaling and not with absmax as the original does; without it this is always so")
}

// options reads the flags that configure the cross-validation.
func (c *crossValidation) options(given func(string) bool) (o diagnostics.Options, err error) {
	o = diagnostics.Options{Workers: c.workers, KeepScaling: c.keepScaling}
	if c.horizon == "" {
		return o, etf.Invalid("horizon", "no length of time is given", "give one such as --horizon 30d")
	}
	for _, d := range []struct {
		flag, text string
		value      *prophet.Stamp
	}{{"horizon", c.horizon, &o.Horizon}, {"initial", c.initial, &o.Initial}, {"period", c.period, &o.Period}} {
		if d.text == "" && !given(d.flag) {
			continue
		}
		if *d.value, err = diagnostics.ParseDuration(d.text); err != nil {
			return o, etf.WithField(err, d.flag)
		}
	}
	if o.Cutoffs, err = c.parseCutoffs(given); err != nil {
		return o, err
	}
	if c.workers < 1 {
		return o, etf.Invalid("workers", fmt.Sprintf("%d is below 1", c.workers), "use 1 or more")
	}
	return o, nil
}

// parseCutoffs reads the cutoffs; nil means that they are generated.
func (c *crossValidation) parseCutoffs(given func(string) bool) ([]prophet.Stamp, error) {
	if given("cutoffs") && len(c.cutoffs) == 0 {
		return nil, etf.Invalid("cutoffs", "no date is named", "name dates separated by commas, or leave it out")
	}
	var out []prophet.Stamp
	for i, text := range c.cutoffs {
		field := fmt.Sprintf("cutoffs[%d]", i)
		s, err := prophet.ParseStamp(strings.TrimSpace(text))
		if err != nil {
			return nil, etf.WithField(err, field)
		}
		if slices.Contains(out, s) {
			return nil, etf.Invalid(field, fmt.Sprintf("%s is named twice", s), "name each cutoff once")
		}
		out = append(out, s)
	}
	for _, flag := range []string{"initial", "period"} {
		if len(out) > 0 && given(flag) {
			return nil, etf.Invalid(flag, "it determines the cutoffs, but --cutoffs names them", "leave one of them out")
		}
	}
	return out, nil
}

// checkOutputs checks the flags that say what is written.
func (c *crossValidation) checkOutputs(given func(string) bool) error {
	if c.out == "" && c.metricsOut == "" {
		return etf.Invalid("out", "no file is named for the results", "give --out FILE for the forecasts, --metrics-out FILE for the metrics, or both")
	}
	for _, flag := range []string{"metrics", "rolling-window", "monthly"} {
		if c.metricsOut == "" && given(flag) {
			return etf.Invalid(flag, "it applies to the metrics, but no file is named for them", "give --metrics-out FILE, or leave it out")
		}
	}
	if given("metrics") && len(c.metrics) == 0 {
		return etf.Invalid("metrics", "no metric is named", "use some of "+strings.Join(diagnostics.MetricNames(), ", ")+", or leave it out")
	}
	if err := checkMetrics(c.metrics); err != nil {
		return err
	}
	return checkWindow(c.window)
}

// run reads, fits, cross-validates and writes.
func (c *crossValidation) run(cmd *cobra.Command, a *app, o diagnostics.Options) error {
	files := a.inOut(cmd)
	defer files.discard()
	model, history, err := c.source.read(cmd, files)
	if err != nil {
		return err
	}
	var table *diagnostics.Table
	var scores *diagnostics.Metrics
	if c.out != "" {
		if err := files.write("out", c.out, func(w io.Writer) error { return table.WriteCSV(w) }); err != nil {
			return err
		}
	}
	if c.metricsOut != "" {
		if err := files.write("metrics-out", c.metricsOut, func(w io.Writer) error { return scores.WriteCSV(w) }); err != nil {
			return err
		}
	}
	fitted, err := model.Fit(cmd.Context(), history, prophet.FitOptions{Workers: c.workers})
	if err != nil {
		return c.source.inInput(err)
	}
	progress, done := a.progress("cutoffs")
	o.Progress, o.Warn = progress, a.note
	table, err = diagnostics.CrossValidation(cmd.Context(), fitted, o)
	done()
	if err != nil {
		return err
	}
	if c.metricsOut != "" {
		if scores, err = diagnostics.PerformanceMetrics(table, c.metrics, c.window, c.monthly); err != nil {
			return err
		}
		for _, notice := range scores.Notices {
			a.note(notice)
		}
	}
	return files.commit()
}

// checkMetrics finds unknown metrics before any work is done.
func checkMetrics(names []string) error {
	row := []float64{1}
	_, err := diagnostics.PerformanceMetrics(&diagnostics.Table{DS: []prophet.Stamp{prophet.Day}, Cutoff: []prophet.Stamp{0}, Y: row, Yhat: row, YhatLower: row, YhatUpper: row}, names, 0, false)
	return err
}

// checkWindow refuses windows that the original treats as 0, 1 or -1.
func checkWindow(window float64) error {
	if window == -1 || window >= 0 && window <= 1 {
		return nil
	}
	return etf.Invalid("rolling-window", fmt.Sprintf("%v is not a fraction of the forecasts", window), "use 0 to 1, or -1 for each forecast separately")
}

// note prints a message that does not stop the command.
func (a *app) note(message string) { fmt.Fprintf(a.stderr, "etfcast: note: %s\n", message) }
