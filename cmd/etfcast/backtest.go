package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/backtest"
	backtestreport "github.com/etfcast/etfcast/forecast/backtest/report"
	"github.com/etfcast/etfcast/forecast/catalogue"
)

// errLeak is returned by a backtest in which a leak is suspected. The report has been written.
var errLeak = errors.New("a leak is suspected")

// backtestFlags are the flags that say what a backtest measures.
type backtestFlags struct {
	options  etf.BacktestOptions
	from, to string
	given    func(flag string) bool // on the command line
}

// add declares the flags.
func (b *backtestFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	b.given = f.Changed
	f.StringSliceVar(&b.options.Models, "models", backtest.DefaultModels(), "models to measure, beside the benchmark "+catalogue.Benchmark)
	f.IntSliceVar(&b.options.Horizons, "horizons", backtest.DefaultHorizons(), "horizons to measure, in sessions")
	f.StringVar(&b.from, "from", "", "first origin (YYYY-MM-DD)")
	f.StringVar(&b.to, "to", "", "last origin (YYYY-MM-DD)")
	f.IntVar(&b.options.OriginsEvery, "origins-every", backtest.DefaultOriginsEvery, "sessions from one origin to the next")
	f.IntVar(&b.options.RefitEvery, "refit-every", backtest.DefaultRefitEvery, "sessions from one estimation of a model's parameters to the next; between, it is carried on")
	f.BoolVar(&b.options.Calibrate, "calibrate", false, "measure calibrated intervals")
	f.StringVar(&b.options.ExpectSignal, "expect-signal", "", "why a model may be much better than the benchmark: no leak is suspected then")
}

// complete returns the options that the flags say.
func (b *backtestFlags) complete() (o etf.BacktestOptions, err error) {
	o = b.options
	o.Models = slices.Clone(o.Models)
	for i, name := range o.Models {
		o.Models[i] = strings.TrimSpace(name)
	}
	o.ExpectSignal = strings.TrimSpace(o.ExpectSignal)
	switch { // an empty value is most often a variable that was not set
	case len(o.Models) == 0:
		return o, etf.Invalid("models", "no model is named", "name models, for example drift,ets, or leave the option out")
	case b.given("expect-signal") && o.ExpectSignal == "":
		return o, etf.Invalid("expect-signal", "there is no reason", `say why a model may be much better, for example "simulated AR(1) returns"`)
	}
	for _, day := range []struct {
		name, text string
		to         *etf.Session
	}{{"from", b.from, &o.From}, {"to", b.to, &o.To}} {
		if day.text == "" {
			continue
		}
		if *day.to, err = etf.ParseSession(day.text); err != nil {
			return o, etf.WithField(err, day.name)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"origins-every", o.OriginsEvery}, {"refit-every", o.RefitEvery}} {
		if n.value < 1 {
			return o, etf.Invalid(n.name, fmt.Sprintf("%d is no number of sessions", n.value), "give 1 or more")
		}
	}
	return backtest.Complete(o)
}

// backtestFiles is what the command's own flags say.
type backtestFiles struct {
	what     backtestFlags
	in       []string
	exchange string
	report   string
	accept   bool
	as       format
}

func backtestCommand(a *app) *cobra.Command {
	var c backtestFiles
	cmd := &cobra.Command{
		Use:   "backtest --in FILE...",
		Short: "Measure models on past prices: of files, which needs no server, or of stored ETFs",
		Long: `Measure models on past prices in files, without a database or Temporal.

At each origin, from the 750th row on, a model sees the closes up to it and nothing else; its forecasts
are compared with the closes that came. The files are of every kind that "etfcast check" reads, each
of one ETF, which has the file's name. With --exchange they follow its calendar; without, each file's
own dates are its calendar, and the rules about dates, flat bars and volumes are off.

Honest forecasts of closes have a relative MAE of 0.98 to 1.02 at a horizon of one session. Below 0.95 a leak is
suspected: the results say where to look, and the exit code is 5. --expect-signal REASON says that there is
a reason, as in simulated prices. "etfcast backtest start" measures ETFs that are stored.`,
		Example: `  etfcast backtest --in SPY.csv --models drift,prophet
  etfcast backtest --in SPY.csv,QQQ.csv --exchange XNYS --calibrate --report out
  etfcast backtest --in prices/*.csv --horizons 1,5 --from 2020-01-01 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("in") {
				if len(args) > 0 {
					return usageError{fmt.Errorf("unknown command %q; files are named by --in; see `%s --help`", args[0], cmd.CommandPath())}
				}
				return usageError{etf.Invalid("in", "no file is named", "give --in FILE")}
			}
			return nil
		},
		PersistentPreRunE: checkFlagGroups, // reads no settings
		RunE: func(cmd *cobra.Command, args []string) error {
			c.in = append(c.in, args...)
			return c.run(a, cmd)
		},
	}
	cmd.Flags().StringSliceVar(&c.in, "in", nil, `files with prices, each of one ETF; "-" is standard input`)
	cmd.Flags().StringVar(&c.exchange, "exchange", "", "exchange of all files: "+etf.ExchangeList()+" (default: each file's own dates are its calendar)")
	cmd.Flags().StringVar(&c.report, "report", "", "folder to write index.html and results.json to; it is made if it is not there")
	cmd.Flags().BoolVar(&c.accept, "accept-errors", false, "measure files with errors nevertheless, without the rows that would be quarantined; the results name them")
	c.what.add(cmd)
	c.as.addFlags(cmd, "one object", "one row for each ETF, model and horizon")
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true }) // the pipeline's
		help(cmd, args)
	})
	cmd.AddCommand(storedBacktestCommands(a, help)...)
	return cmd
}

func (c *backtestFiles) run(a *app, cmd *cobra.Command) error {
	o, err := c.what.complete()
	if err != nil {
		return usageError{err}
	}
	inputs, err := c.read(cmd)
	if err != nil {
		return err
	}
	if c.report != "" {
		if err := os.MkdirAll(c.report, 0o755); err != nil { //nolint:gosec // a report is no secret
			return usageError{&etf.Error{Kind: etf.KindInvalid, Field: "report", Message: "the folder " + c.report + " can't be made", Remedy: "name another folder", Err: err}}
		}
	}
	parts, err := measureFiles(cmd.Context(), a, inputs, o)
	if err != nil {
		return err
	}
	b, err := backtest.Assemble(parts, o)
	if err != nil {
		return err
	}
	b.CodeVersion = version
	if c.report != "" {
		if err := writeReport(c.report, b); err != nil {
			return err
		}
	}
	return showBacktest(a, b, c.as, c.report)
}

// read reads and checks the files.
func (c *backtestFiles) read(cmd *cobra.Command) ([]backtest.Input, error) {
	o := filecheck.Options{Now: time.Now()}
	if c.exchange != "" {
		var err error
		if o.Exchange, err = etf.ParseExchange(c.exchange); err != nil {
			return nil, err
		}
	}
	if streams := slices.DeleteFunc(slices.Clone(c.in), func(p string) bool { return fileName(p) != standardStream }); len(streams) > 1 {
		return nil, usageError{etf.Invalid("in", "standard input is named twice", "name a file for one of them")}
	}
	by := map[etf.Symbol]string{}
	for _, path := range c.in {
		symbol := symbolOf(path)
		if other, twice := by[symbol]; twice {
			return nil, usageError{etf.Invalid("in", fmt.Sprintf("%s and %s would both be called %s", fileName(other), fileName(path), symbol), "give each file a name of its own")}
		}
		by[symbol] = path
	}
	inputs := make([]backtest.Input, 0, len(c.in))
	var faulty []error
	for _, path := range c.in {
		f, err := readPrices(cmd, path)
		if err != nil {
			return nil, usageError{err}
		}
		r, err := filecheck.Check(f, o)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", fileName(f.Name), err)}
		}
		errs := slices.DeleteFunc(slices.Clone(r.Lines), func(l filecheck.Line) bool { return l.Severity != etf.SeverityError })
		if len(errs) > 0 && !c.accept {
			faulty = append(faulty, unacceptable(fileName(f.Name), errs))
			continue
		}
		in := backtest.Input{Symbol: symbolOf(path), Exchange: o.Exchange, Source: filepath.Base(fileName(f.Name)), Basis: r.Basis, Splits: r.InForce}
		if o.Exchange == "" {
			in.Calendar = backtest.Dates(r.Dates)
		} else if in.Calendar, err = calendar.For(o.Exchange); err != nil {
			return nil, err
		}
		for i, b := range r.Bars {
			if r.Verdicts[i] == etf.VerdictKeep {
				in.Bars = append(in.Bars, b)
			}
		}
		slices.SortStableFunc(in.Bars, func(x, y etf.Bar) int { return cmp.Compare(x.Session, y.Session) })
		for _, l := range errs {
			in.Accepted = append(in.Accepted, lineText(l))
		}
		inputs = append(inputs, in)
	}
	if len(faulty) > 0 {
		return nil, usageError{errors.Join(faulty...)}
	}
	return inputs, nil
}

// symbolOf is the name of a file's ETF.
func symbolOf(path string) etf.Symbol {
	name := filepath.Base(fileName(path))
	if name == standardStream {
		name = "STDIN"
	}
	if ext := filepath.Ext(name); len(ext) < len(name) {
		name = strings.TrimSuffix(name, ext)
	}
	if s, err := etf.ParseSymbol(strings.ToUpper(name)); err == nil {
		return s
	}
	return etf.Symbol(name)
}

// mostLines is how many errors of a file a message names.
const mostLines = 3

// unacceptable is the error about a file with errors.
func unacceptable(name string, lines []filecheck.Line) error {
	var texts []string
	for _, l := range lines[:min(len(lines), mostLines)] {
		texts = append(texts, lineText(l))
	}
	text := strings.Join(texts, "; ")
	if more := len(lines) - len(texts); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return etf.Invalid(name, "its prices don't pass the check: "+text,
		"`etfcast check` shows all; correct the file, or give --accept-errors to measure it without the rows that would be quarantined")
}

// lineText says what rule found an error in which rows.
func lineText(l filecheck.Line) string {
	switch {
	case l.From.IsZero():
		return fmt.Sprintf("%s: %s", l.Rule, etf.OneLine(l.Evidence))
	case l.From == l.To:
		return fmt.Sprintf("%s on %s: %s", l.Rule, l.From, etf.OneLine(l.Evidence))
	}
	return fmt.Sprintf("%s on %d rows from %s to %s: %s", l.Rule, l.Sessions, l.From, l.To, etf.OneLine(l.Evidence))
}

// measureFiles measures every model on every file, as many at a time as there are processors.
func measureFiles(ctx context.Context, a *app, inputs []backtest.Input, o etf.BacktestOptions) ([]backtest.Part, error) {
	models, err := backtest.Models(o)
	if err != nil {
		return nil, err
	}
	parts := make([]backtest.Part, len(inputs)*len(models))
	progress := newBacktestProgress(a, len(parts))
	defer progress.end()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range parts {
		in, m := inputs[i/len(models)], models[i%len(models)]
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var err error
			parts[i], err = backtest.Measure(ctx, in, []forecast.Model{m}, o, func(done, total int) { progress.set(i, done, total) })
			return err
		})
	}
	return parts, group.Wait()
}

// backtestProgress is the progress of several measurements in one bar on a terminal.
type backtestProgress struct {
	mu    sync.Mutex
	bar   *progressbar.ProgressBar // nil without a terminal
	done  []float64
	shown int
}

const progressSteps = 1000

func newBacktestProgress(a *app, n int) *backtestProgress {
	p := &backtestProgress{done: make([]float64, n)}
	if isTerminal(a.stderr) {
		p.bar = progressbar.NewOptions(progressSteps, progressbar.OptionSetWriter(unwrap(a.stderr)), progressbar.OptionSetDescription("backtest"),
			progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	return p
}

func (p *backtestProgress) set(i, done, total int) {
	if p.bar == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[i] = float64(done) / float64(max(total, 1))
	sum := 0.0
	for _, d := range p.done {
		sum += d
	}
	if at := int(sum / float64(len(p.done)) * progressSteps); at > p.shown {
		p.shown = at
		_ = p.bar.Set(at) // a bar that can't be drawn is no error of the backtest
	}
}

func (p *backtestProgress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// writeReport writes the page and the results into a folder.
func writeReport(folder string, b etf.Backtest) error {
	write := func(name string, to func(io.Writer) error) error {
		f, err := os.Create(filepath.Join(folder, name))
		if err == nil {
			err = errors.Join(to(f), f.Close())
		}
		if err != nil {
			return fmt.Errorf("--report: %w", err)
		}
		return nil
	}
	if err := write("index.html", func(w io.Writer) error { return backtestreport.Write(w, b, "en") }); err != nil {
		return err
	}
	return write("results.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(b) })
}
