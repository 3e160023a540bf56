package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/config"
	"github.com/etfcast/etfcast/forecast/prophet/csvfile"
	"github.com/etfcast/etfcast/forecast/prophet/serialize"
)

func prophetCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prophet",
		Short: "Fit Prophet to any CSV and forecast with it; needs no server",
		Long: `Prophet for any CSV with the columns ds and y, without a database, Temporal or Python.

The options of a model are a JSON file whose keys are the names of the original's arguments;
docs/prophet.md lists them. A model file is the original's own JSON: a model fitted here
predicts in Python, and one fitted in Python predicts here.

"-" is standard input or standard output. Every other output appears under its name only
when the command has succeeded. The flags of these commands are not settings: the
environment and the settings file do not change them.`,
		Example: `  etfcast prophet fit --in history.csv --model-out model.json
  etfcast prophet predict --model model.json --periods 30 --out forecast.csv
  etfcast prophet cv --in history.csv --horizon 30d --metrics-out metrics.csv
  etfcast prophet plot --model model.json --out figures
  etfcast prophet regressors --model model.json`,
		// Replaces the root's, which would read --config as the settings file.
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFlagGroups(cmd, args); err != nil {
				return err
			}
			if f := cmd.InheritedFlags().Lookup("config"); f != nil && f.Changed {
				return usageError{etf.Invalid("config", "a model file already contains the model's options", "give --config to `etfcast prophet fit` or `cv`")}
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(flagError)
	// The inherited flags are the pipeline's: these commands read no settings and write no log.
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
		help(cmd, args)
	})
	cmd.AddCommand(prophetFitCommand(a), prophetPredictCommand(a), prophetCVCommand(a), prophetPlotCommand(a), prophetRegressorsCommand(a))
	return cmd
}

// flagError says what a flag's value must be.
func flagError(cmd *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	}
	what, remedy := "a valid value", "write it as in its description"
	switch bad.GetFlag().Value.Type() {
	case "uint64":
		what, remedy = "a seed", "use a whole number from 0 to 18446744073709551615"
	case "int":
		what, remedy = "a whole number in range", "use one such as 30"
	case "float64":
		what, remedy = "a number", "use one such as 0.1"
	case "bool":
		what, remedy = "true or false", "leave the value out"
	case "stringSlice":
		what, remedy = "a list", "separate its values with commas, without quotes"
	}
	return usageError{etf.Invalid(bad.GetFlag().Name, fmt.Sprintf("%q is not %s", bad.GetValue(), what), fmt.Sprintf("%s; see `%s --help`", remedy, cmd.CommandPath()))}
}

// noArgs refuses arguments: inputs are named by flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is one argument too many; name files with flags, see `%s --help`", args[0], cmd.CommandPath())}
	}
	return nil
}

// modelSource is where a model to be fitted comes from.
type modelSource struct {
	in, config, holidays string
	seed                 uint64
	options              prophet.Options
	lines                []int // of the rows of holidays, which come after those of the options
}

func (m *modelSource) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&m.in, "in", "", `CSV with the columns ds and y, and cap, floor, regressors and conditions where the model has them`)
	flags.StringVar(&m.config, "config", "", "JSON file with the model's options; see docs/prophet.md")
	flags.StringVar(&m.holidays, "holidays", "", "CSV with the columns holiday and ds, and optionally lower_window, upper_window and prior_scale; added to the options' holidays")
	flags.Uint64Var(&m.seed, "seed", 0, "seed of the random numbers (default: the options' seed, or 0)")
}

// read returns the model and its history.
func (m *modelSource) read(cmd *cobra.Command, files *inOut) (*prophet.Model, *prophet.Frame, error) {
	if m.in == standardStream && (m.config == standardStream || m.holidays == standardStream) || m.config == standardStream && m.holidays == standardStream {
		return nil, nil, usageError{etf.Invalid("in, config and holidays", "standard input can be read only once", "name files for the others")}
	}
	o := prophet.Defaults()
	if m.config != "" {
		raw, err := files.read("config", m.config, maxConfig)
		if err != nil {
			return nil, nil, err
		}
		if o, err = config.Unmarshal(raw); err != nil {
			return nil, nil, inFile(m.config, err)
		}
	}
	if m.holidays != "" {
		err := files.scan("holidays", m.holidays, func(r io.Reader) error {
			more, lines, err := csvfile.ReadHolidayLines(r)
			o.Holidays, m.lines = append(o.Holidays, more...), lines
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	if cmd.Flags().Changed("seed") {
		o.Seed = m.seed
	}
	m.options = o
	model, err := prophet.New(o)
	if err != nil {
		return nil, nil, m.inOptions(err)
	}
	history, err := files.frame("in", m.in, csvfile.ColumnsOf(o, true))
	return model, history, err
}

// The largest configuration and model in megabytes: many times what is useful, and less than a machine has.
const (
	maxConfig = 16
	maxModel  = 256
)

// inOptions says which file an error about the options is about, and for a row of --holidays which line.
func (m *modelSource) inOptions(err error) error {
	var bad *etf.Error
	if errors.As(err, &bad) {
		var row int
		var key string
		if n, _ := fmt.Sscanf(bad.Field, "holidays[%d].%s", &row, &key); n == 2 {
			if at := row - (len(m.options.Holidays) - len(m.lines)); at >= 0 && at < len(m.lines) {
				return inFile(m.holidays, etf.WithField(err, fmt.Sprintf("%s, line %d", key, m.lines[at])))
			}
		}
	}
	if m.config == "" {
		return err
	}
	return inFile(m.config, err)
}

// inInput says which file an error of a fit is about: the options' file if it names one of their keys, unless a column
// that the model reads has that name.
func (m *modelSource) inInput(err error) error {
	var bad *etf.Error
	if errors.As(err, &bad) && m.config != "" {
		name := bad.Field
		if at := strings.IndexAny(name, "[."); at >= 0 {
			name = name[:at]
		}
		isKey := slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == name })
		if isKey && !slices.Contains(csvfile.ColumnsOf(m.options, true).Needed, name) {
			return inFile(m.config, err)
		}
	}
	return inFile(m.in, err)
}

// inFile says which file an error is about.
func inFile(path string, err error) error { return fmt.Errorf("%s: %w", displayName(path), err) }

// frame reads a CSV and keeps the columns that are needed.
func (f *inOut) frame(flag, path string, want csvfile.Columns) (*prophet.Frame, error) {
	var frame *prophet.Frame
	err := f.scan(flag, path, func(r io.Reader) (err error) {
		frame, err = csvfile.ReadFrame(r, want)
		return err
	})
	if err != nil {
		return nil, err
	}
	for name := range frame.Columns {
		if !slices.Contains(want.Needed, name) {
			delete(frame.Columns, name)
		}
	}
	return frame, nil
}

// model reads a model file.
func (f *inOut) model(flag, path string) (*prophet.Fitted, error) {
	raw, err := f.read(flag, path, maxModel)
	if err != nil {
		return nil, err
	}
	fitted, err := serialize.Unmarshal(raw)
	if err != nil {
		err = inFile(path, err)
		if etf.KindOf(err) == etf.KindCorrupt { // here it is the user's input
			err = usageError{err}
		}
		return nil, err
	}
	return fitted, nil
}

// futureRows say which rows are forecast.
type futureRows struct {
	periods int
	freq    string
	in      string
}

func (r *futureRows) addFlags(cmd *cobra.Command, periods int, usage string) {
	flags := cmd.Flags()
	flags.IntVar(&r.periods, "periods", periods, usage)
	flags.StringVar(&r.freq, "freq", "", "distance between these rows: D, B (Monday to Friday), W-FRI, SMS, MS, QS-FEB, WOM-3FRI, h and others as in pandas, with an optional multiple (2W, 1h30min),\nsession:XNYS or session:XKRX, or infer (default: the sessions of the model's exchange if it has one, else D)")
	flags.StringVar(&r.in, "in", "", "CSV with the rows to forecast: ds, and cap, floor, regressors and conditions where the model has them")
}

// columns are the columns that the model reads from a CSV besides ds.
func columns(f *prophet.Fitted) csvfile.Columns {
	want := csvfile.ColumnsOf(f.Options(), false)
	if f.State().LogisticFloor {
		want.Needed = append(want.Needed, "floor")
	}
	return want
}

// ahead returns the future rows, with those of the history before them if requested.
func (r *futureRows) ahead(f *prophet.Fitted, history bool) (*prophet.Frame, error) {
	name := r.freq
	if name == "" && f.Options().Market.Exchange == "" {
		name = "D"
	}
	if name == "infer" {
		name = ""
	}
	freq, err := prophet.ParseFreq(name)
	if err != nil {
		return nil, etf.WithField(err, "freq")
	}
	if r.periods < 0 {
		least := 1
		if history {
			least = 0
		}
		return nil, usageError{etf.Invalid("periods", fmt.Sprintf("%d periods", r.periods), fmt.Sprintf("ask for %d or more", least))}
	}
	frame, err := f.MakeFuture(r.periods, freq, history)
	var bad *etf.Error
	if errors.As(err, &bad) && bad.Field == "session" {
		return nil, usageError{etf.Invalid("periods", fmt.Sprintf("%d periods reach beyond the trading calendar: %s", r.periods, bad.Remedy), "ask for fewer, or for another --freq")}
	}
	if err != nil {
		return nil, err
	}
	return frame, nil
}

// inForecast says which file an error of a forecast is about. If the rows to forecast come from a file, results that
// are not finite are blamed on it.
func (r *futureRows) inForecast(err error, model string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case r.in == "":
		return inFile(model, err)
	case etf.KindOf(err) == etf.KindInternal:
		return usageError{inFile(r.in, err)}
	}
	return inFile(r.in, err)
}
