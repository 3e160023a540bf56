package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/csvfile"
)

func prophetPredictCommand(a *app) *cobra.Command {
	var rows futureRows
	var model, out string
	var noHistory bool
	var seed uint64
	var levelTexts []string
	cmd := &cobra.Command{
		Use:   "predict --model MODEL (--periods N | --in ROWS) --out FORECAST",
		Short: "Forecast with a fitted model",
		Long: `Forecast with a fitted model and write a CSV with the original's columns.

With --periods the rows are those of the history and N after it, as from the original's
make_future_dataframe; --no-history leaves out those of the history. With --in they are
those of a file, which a model with cap, floor, regressors or conditions needs.`,
		Example: `  etfcast prophet predict --model model.json --periods 365 --out forecast.csv
  etfcast prophet predict --model model.json --periods 21 --freq session:XNYS --no-history --out -
  etfcast prophet predict --model model.json --in future.csv --out forecast.csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := func(flag string) bool { return cmd.Flags().Changed(flag) }
			if given("periods") == given("in") {
				return usageError{etf.Invalid("periods", "exactly one of --periods and --in is needed", "give --periods 30 for 30 rows after the history, or --in FILE for the rows of a file")}
			}
			for _, flag := range []string{"freq", "no-history"} {
				if given("in") && given(flag) {
					return usageError{etf.Invalid(flag, "it determines the rows, but --in names them", "leave it out, or use --periods")}
				}
			}
			levels, err := parseLevels(levelTexts, given("levels"))
			if err != nil {
				return usageError{err}
			}
			files := a.inOut(cmd)
			defer files.discard()
			fitted, err := files.model("model", model)
			if err != nil {
				return err
			}
			if s := fitted.State(); s.Options.Compat && s.FloorMatters() {
				a.note("the model has compat: its forecast multiplies the floor by the multiplicative terms, which its fit did not. To forecast what was fitted, fit it again without compat")
			}
			if len(levels) > 0 && fitted.Options().UncertaintySamples == 0 {
				return usageError{inFile(model, etf.Invalid("levels", "the model has no intervals, so no quantiles", "fit it with uncertainty_samples above 0"))}
			}
			frame, err := rows.toPredict(files, fitted, given("in"), !noHistory)
			if err != nil {
				return err
			}
			var forecast *prophet.Forecast
			if err := files.write("out", out, func(w io.Writer) error { return csvfile.WriteForecast(w, forecast, levels) }); err != nil {
				return err
			}
			po := prophet.PredictOptions{Levels: levels}
			if given("seed") {
				po.Seed = &seed
			}
			if forecast, err = fitted.Predict(cmd.Context(), frame, po); err != nil {
				return rows.inForecast(err, model)
			}
			return files.commit()
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file, written by etfcast prophet fit or by the original's model_to_json")
	rows.addFlags(cmd, 0, "rows to forecast after the history")
	cmd.Flags().BoolVar(&noHistory, "no-history", false, "leave out the rows of the history, which --periods includes")
	cmd.Flags().StringVar(&out, "out", "", "CSV the forecast is written to")
	cmd.Flags().StringSliceVar(&levelTexts, "levels", nil, "probabilities of further quantiles of y, ascending, separated by commas: columns such as yhat_q0.05")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed of the intervals (default: the model's)")
	return cmd
}

// parseLevels reads an ascending list of probabilities.
func parseLevels(texts []string, given bool) (levels []float64, err error) {
	const remedy = "use numbers between 0 and 1, ascending, such as 0.05,0.5,0.95"
	if given && len(texts) == 0 {
		return nil, etf.Invalid("levels", "no probability is named", remedy)
	}
	for i, text := range texts {
		p, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(p > 0 && p < 1) || i > 0 && p <= levels[i-1] {
			return nil, etf.Invalid(fmt.Sprintf("levels[%d]", i), fmt.Sprintf("%q is not a probability above the one before", text), remedy)
		}
		levels = append(levels, p)
	}
	return levels, nil
}

// toPredict returns the rows to forecast: those of a file, or the future rows.
func (r *futureRows) toPredict(files *inOut, f *prophet.Fitted, fromFile, history bool) (*prophet.Frame, error) {
	want := columns(f)
	if fromFile {
		return files.frame("in", r.in, want)
	}
	if len(want.Needed) > 0 {
		return nil, usageError{etf.Invalid("periods", fmt.Sprintf("the model needs the columns %s, which dates alone do not have", strings.Join(want.Needed, ", ")), "give the rows to forecast as a CSV with --in")}
	}
	return r.ahead(f, history)
}
