package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
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
when the command has succeeded. Flags of these commands are no settings: the environment
and the settings file do not change them.`,
		Example: `  etfcast prophet fit --in history.csv --model-out model.json
  etfcast prophet predict --model model.json --periods 30 --out forecast.csv
  etfcast prophet cv --in history.csv --horizon 30d --metrics-out metrics.csv
  etfcast prophet plot --model model.json --out figures`,
		// Takes the place of the root's, which would read --config as the settings file.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if f := cmd.InheritedFlags().Lookup("config"); f != nil && f.Changed {
				return usageError{etf.Invalid("config", "a fitted model has its options in its file", "give --config to `etfcast prophet fit` or `cv`")}
			}
			return nil
		},
	}
	cmd.AddCommand(prophetFitCommand(a), prophetPredictCommand(a), prophetCVCommand(a), prophetPlotCommand(a))
	return cmd
}

// noArgs refuses arguments: inputs are named by flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is one argument too many: files are named by flags; see `%s --help`", args[0], cmd.CommandPath())}
	}
	return nil
}

// modelSource is where a model to be fitted comes from.
type modelSource struct {
	in, config, holidays string
	seed                 uint64
}

func (m *modelSource) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&m.in, "in", "", `CSV with the columns ds and y, and cap, floor, regressors and conditions where the model has them`)
	flags.StringVar(&m.config, "config", "", "JSON file with the model's options; see docs/prophet.md")
	flags.StringVar(&m.holidays, "holidays", "", "CSV with the columns holiday and ds, and lower_window, upper_window and prior_scale where wanted; added to the options'")
	flags.Uint64Var(&m.seed, "seed", 0, "seed of what is drawn (default: the options', which is 0)")
}

// read returns the model and its history.
func (m *modelSource) read(cmd *cobra.Command, files *inOut) (*prophet.Model, *prophet.Frame, error) {
	if m.in == standardStream && (m.config == standardStream || m.holidays == standardStream) || m.config == standardStream && m.holidays == standardStream {
		return nil, nil, usageError{etf.Invalid("in, config and holidays", "standard input can be read once", "name files for the others")}
	}
	o := prophet.Defaults()
	if m.config != "" {
		raw, err := files.read("config", m.config)
		if err != nil {
			return nil, nil, err
		}
		if o, err = prophet.ParseConfig(raw); err != nil {
			return nil, nil, inFile(m.config, err)
		}
	}
	if m.holidays != "" {
		err := files.scan("holidays", m.holidays, func(r io.Reader) error {
			more, err := prophet.ReadHolidaysCSV(r)
			o.Holidays = append(o.Holidays, more...)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	if cmd.Flags().Changed("seed") {
		o.Seed = m.seed
	}
	model, err := prophet.New(o)
	if err != nil {
		if m.config != "" {
			err = inFile(m.config, err)
		}
		return nil, nil, err
	}
	history, err := files.frame("in", m.in, o.CSVColumns(true))
	return model, history, err
}

// inFile says which file an error is about.
func inFile(path string, err error) error { return fmt.Errorf("%s: %w", displayName(path), err) }

// frame reads a CSV and keeps the columns that are needed.
func (f *inOut) frame(flag, path string, want prophet.CSVColumns) (*prophet.Frame, error) {
	var frame *prophet.Frame
	err := f.scan(flag, path, func(r io.Reader) (err error) {
		frame, err = prophet.ReadCSV(r, want)
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
	raw, err := f.read(flag, path)
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
	flags.StringVar(&r.freq, "freq", "", "distance of these rows: D, B (Monday to Friday), W, MS, h and others of pandas', with a multiple if wanted (2W),\nsession:XNYS or session:XKRX, or infer (default: the sessions of the model's exchange if it has one, else D)")
	flags.StringVar(&r.in, "in", "", "CSV with the rows to forecast: ds, and cap, floor, regressors and conditions where the model has them")
}

// columns are what the model takes from a CSV besides ds.
func columns(f *prophet.Fitted) prophet.CSVColumns {
	want := f.Options().CSVColumns(false)
	if f.State().LogisticFloor {
		want.Needed = append(want.Needed, "floor")
	}
	return want
}

// ahead returns the rows of periods to come, with those of the history before them if wanted.
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
		return nil, renamed(err, "freq")
	}
	frame, err := f.MakeFuture(r.periods, freq, history)
	if err != nil {
		return nil, err
	}
	return frame, nil
}

// renamed gives an error the name of the flag whose value it is about.
func renamed(err error, flag string) error {
	var e *etf.Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Field = flag
	return &out
}
