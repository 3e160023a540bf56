package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/chart"
	"github.com/etfcast/etfcast/forecast/prophet/diagnostics"
)

func prophetPlotCommand(a *app) *cobra.Command {
	var rows futureRows
	var model, out, format, cv, metric, from string
	var window float64
	cmd := &cobra.Command{
		Use:   "plot --model MODEL --out FOLDER",
		Short: "Draw the forecast, its components and changepoints, and the errors of a cross-validation",
		Long: `Draw figures into a folder, which is created if it does not exist: forecast (the history,
the forecast and its interval), changepoints (the same with the trend and where it changes),
components, and with --cv a metric of a cross-validation over the horizon (cv_mape).`,
		Example: `  etfcast prophet plot --model model.json --out figures
  etfcast prophet plot --model model.json --periods 365 --format png --cv cv.csv --metric rmse --out figures`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := func(flag string) bool { return cmd.Flags().Changed(flag) }
			formats, err := parseFormats(format)
			if err != nil {
				return usageError{err}
			}
			if given("in") && (given("periods") || given("freq")) {
				return usageError{etf.Invalid("periods", "--in already names the rows to forecast", "leave out --in, or --periods and --freq")}
			}
			for _, flag := range []string{"metric", "rolling-window"} {
				if !given("cv") && given(flag) {
					return usageError{etf.Invalid(flag, "there is no cross-validation to draw", "give --cv FILE, written by `etfcast prophet cv --out`")}
				}
			}
			if given("cv") {
				if err := checkMetrics([]string{metric}); err != nil {
					return usageError{etf.WithField(err, "metric")}
				}
				if err := checkWindow(window); err != nil {
					return usageError{err}
				}
			}
			var since prophet.Stamp
			if given("from") {
				if since, err = prophet.ParseStamp(from); err != nil {
					return usageError{etf.WithField(err, "from")}
				}
			}
			files := a.inOut(cmd)
			fitted, err := files.model("model", model)
			if err != nil {
				return err
			}
			frame, err := rows.toDraw(files, fitted, given)
			if err != nil {
				return err
			}
			var table *diagnostics.Table
			if given("cv") {
				err := files.scan("cv", cv, func(r io.Reader) (err error) {
					table, err = diagnostics.ReadCSV(r)
					return err
				})
				if err != nil {
					return err
				}
			}
			removeFolder, err := makeFolder(out)
			if err != nil {
				return err
			}
			if err := a.drawAll(cmd.Context(), files, drawing{fitted, rows, model, frame, since, given("from"), table, cv, metric, window, formats, out}); err != nil {
				removeFolder()
				return err
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&model, "model", "", "model file, written by etfcast prophet fit or by the original's model_to_json")
	rows.addFlags(cmd, 30, "rows to forecast after the history, at the history's own distance unless --freq is given;\n0 draws only the history, as happens without --in if the model needs more columns than ds")
	flags.StringVar(&out, "out", "", "folder the figures are written to")
	flags.StringVar(&from, "from", "", "first date in the figures of the forecast, for a forecast of weeks after a history of years")
	flags.StringVar(&format, "format", "svg", "svg, png or both")
	flags.StringVar(&cv, "cv", "", "CSV written by etfcast prophet cv --out, or by the original's cross_validation")
	flags.StringVar(&metric, "metric", "mape", "metric of --cv to draw")
	flags.Float64Var(&window, "rolling-window", 0.1, "fraction of the forecasts that each point of the metric's line is the mean of, 0 to 1; 0 takes each horizon separately, -1 each forecast")
	return cmd
}

func parseFormats(name string) ([]chart.Format, error) {
	if name == "both" {
		return []chart.Format{chart.SVG, chart.PNG}, nil
	}
	f, err := chart.ParseFormat(name)
	if err != nil {
		return nil, etf.Invalid("format", fmt.Sprintf("%q is not a format", name), "use svg, png or both")
	}
	return []chart.Format{f}, nil
}

// toDraw returns the rows of the history and the future rows.
func (r *futureRows) toDraw(files *inOut, f *prophet.Fitted, given func(string) bool) (*prophet.Frame, error) {
	if given("in") {
		ahead, err := files.frame("in", r.in, columns(f))
		if err != nil || ahead.Len() == 0 {
			return ahead, err
		}
		return joined(f.HistoryFrame(), ahead), nil
	}
	if !given("periods") && len(columns(f).Needed) > 0 {
		return nil, nil // the history
	}
	if !given("periods") && !given("freq") {
		// No frequency was asked for: continue as the history does.
		if frame, err := f.MakeFuture(r.periods, prophet.Freq{}, true); err == nil {
			return frame, nil
		}
	}
	return r.toPredict(files, f, false, true)
}

// joined returns the rows of the history before a file's first row, followed by the file's rows. Columns are the file's.
func joined(history, ahead *prophet.Frame) *prophet.Frame {
	first := ahead.DS[0]
	for _, s := range ahead.DS {
		first = min(first, s)
	}
	before := history.Where(func(s prophet.Stamp) bool { return s < first })
	both := func(a, b []float64) []float64 {
		if a == nil || b == nil {
			return nil
		}
		return append(a, b...)
	}
	out := &prophet.Frame{DS: append(before.DS, ahead.DS...), Cap: both(before.Cap, ahead.Cap), Floor: both(before.Floor, ahead.Floor), Columns: map[string][]float64{}}
	for name, x := range ahead.Columns {
		if y := both(before.Columns[name], x); y != nil {
			out.Columns[name] = y
		}
	}
	return out
}

// makeFolder creates the folder of the figures and returns a function that removes it.
func makeFolder(path string) (remove func(), err error) {
	if path == "" || path == standardStream {
		return nil, usageError{etf.Invalid("out", "no folder is named", "give --out FOLDER")}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return nil, usageError{etf.Invalid("out", path+" is a file", "name a folder")}
	case err == nil:
		return func() {}, nil
	}
	if err := os.Mkdir(path, 0o777); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usageError{etf.Invalid("out", fmt.Sprintf("the folder of %s does not exist", path), "create it, or name another folder")}
		}
		return nil, usageError{&etf.Error{Kind: etf.KindInvalid, Field: "out", Message: path + " can't be made", Remedy: "name another folder", Err: err}}
	}
	return func() { _ = os.Remove(path) }, nil // only if it is empty
}

// drawing is what is drawn, and where.
type drawing struct {
	fitted  *prophet.Fitted
	rows    futureRows
	model   string         // the file's name
	frame   *prophet.Frame // nil: the history
	since   prophet.Stamp  // if recent, the first row of forecast and changepoints
	recent  bool
	table   *diagnostics.Table
	cv      string // the file's name
	metric  string
	window  float64
	formats []chart.Format
	folder  string
}

func (a *app) drawAll(ctx context.Context, files *inOut, d drawing) error {
	defer files.discard() // before its folder is removed
	type figure struct {
		name string
		draw func(io.Writer, chart.Format) error
	}
	forecast, err := d.fitted.Predict(ctx, d.frame, prophet.PredictOptions{})
	if err != nil {
		return d.rows.inForecast(err, d.model)
	}
	panels, err := chart.PanelsOf(ctx, d.fitted, forecast, chart.PanelOptions{})
	if err != nil {
		return err
	}
	overTime := func(changepoints bool) func(io.Writer, chart.Format) error {
		data := chart.ForecastOf(d.fitted, forecast, changepoints)
		if d.recent {
			data = data.Since(d.since)
		}
		return func(w io.Writer, f chart.Format) error { return chart.Forecast(w, data, f, chart.Size{}) }
	}
	if last := forecast.DS[len(forecast.DS)-1]; d.recent && d.since >= last {
		return usageError{etf.Invalid("from", fmt.Sprintf("%s leaves fewer than 2 rows: the forecast ends on %s", d.since, last), "name an earlier date")}
	}
	figures := []figure{
		{"forecast", overTime(false)},
		{"changepoints", overTime(true)},
		{"components", func(w io.Writer, f chart.Format) error { return chart.Components(w, panels, f, chart.Size{}) }},
	}
	if d.table != nil {
		data, err := d.metricData(a)
		if err != nil {
			return err
		}
		figures = append(figures, figure{"cv_" + d.metric, func(w io.Writer, f chart.Format) error {
			return chart.CrossValidationMetric(w, data, f, chart.Size{})
		}})
	}
	for _, g := range figures {
		for _, f := range d.formats {
			// Drawn before anything is written, so that a figure that can't be drawn leaves no others.
			var b bytes.Buffer
			if err := g.draw(&b, f); err != nil {
				return fmt.Errorf("drawing %s: %w", g.name, err)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := files.write("out", filepath.Join(d.folder, g.name+"."+string(f)), bytesOf(b.Bytes())); err != nil {
				return err
			}
		}
	}
	return files.commit()
}

// metricData returns the metric of each forecast, and its mean (or median) over the horizon.
func (d *drawing) metricData(a *app) (chart.MetricData, error) {
	var out chart.MetricData
	each, err := diagnostics.PerformanceMetrics(d.table, []string{d.metric}, -1, false)
	if err != nil {
		return out, inFile(d.cv, err)
	}
	rolling, err := diagnostics.PerformanceMetrics(d.table, []string{d.metric}, d.window, false)
	if err != nil {
		return out, inFile(d.cv, err)
	}
	for _, notice := range rolling.Notices {
		a.note(notice)
	}
	if each.Column(d.metric) == nil {
		return out, etf.Invalid("metric", d.metric+" can't be computed from these forecasts", "choose another metric")
	}
	return chart.MetricData{Name: d.metric, Horizon: each.Horizon, Value: each.Column(d.metric), RollingHorizon: rolling.Horizon, Rolling: rolling.Column(d.metric)}, nil
}
