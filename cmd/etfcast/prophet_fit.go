package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/serialize"
)

func prophetFitCommand(a *app) *cobra.Command {
	var source modelSource
	var out string
	var workers int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fit --in HISTORY --model-out MODEL",
		Short: "Fit a model to a history and write it to a file",
		Long: `Fit a model to a history and write it to a file, the original's JSON.

A report on the fit is printed to standard error, or with --json to standard output: how
it went, what the model consists of, including what was chosen automatically and why, and
warnings.`,
		Example: `  etfcast prophet fit --in history.csv --model-out model.json
  etfcast prophet fit --in history.csv --config prophet.json --seed 7 --json --model-out model.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON && out == standardStream {
				return usageError{etf.Invalid("json", "--model-out - already writes to standard output", "name a file for the model, or leave --json out")}
			}
			if workers < 1 {
				return usageError{etf.Invalid("workers", fmt.Sprintf("%d is below 1", workers), "use 1 or more")}
			}
			files := a.inOut(cmd)
			defer files.discard()
			model, history, err := source.read(cmd, files)
			if err != nil {
				return err
			}
			var fitted *prophet.Fitted
			err = files.write("model-out", out, func(w io.Writer) error {
				raw, err := serialize.Marshal(fitted)
				if err != nil {
					return err
				}
				return bytesOf(append(raw, '\n'))(w)
			})
			if err != nil {
				return err
			}
			if asJSON {
				err := files.write("json", standardStream, func(w io.Writer) error {
					return json.NewEncoder(w).Encode(fitReport{fitted.Report(), fitted.Summary()})
				})
				if err != nil {
					return err
				}
			}
			progress, done := a.progress("sampling")
			fitted, err = model.Fit(cmd.Context(), history, prophet.FitOptions{Workers: workers, Progress: progress})
			done()
			if err != nil {
				return source.inInput(err)
			}
			if err := files.commit(); err != nil {
				return err
			}
			if !asJSON {
				a.printFit(fitted.Report(), fitted.Summary())
			}
			return nil
		},
	}
	source.addFlags(cmd)
	cmd.Flags().StringVar(&out, "model-out", "", "file the model is written to")
	cmd.Flags().IntVar(&workers, "workers", runtime.GOMAXPROCS(0), "chains sampled at once where mcmc_samples is above 0; the result does not depend on it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report on the fit as JSON to standard output")
	return cmd
}

// fitReport is what --json prints.
type fitReport struct {
	prophet.Report
	Model prophet.Summary `json:"model"`
}

func (a *app) printFit(r prophet.Report, s prophet.Summary) {
	report := newPairs(a.stderr)
	row := report.line
	row("status", "%s", r.Status)
	row("optimizer", "%s", r.Optimizer)
	row("iterations", "%d", r.Iterations)
	row("log posterior", "%.4f", r.LogPosterior)
	row("rows", "%d", r.Rows)
	if r.MaxRHat > 0 {
		row("largest R-hat", "%.4f", r.MaxRHat)
		row("smallest effective sample size", "%.0f", r.MinESS)
		row("divergences", "%d", r.Divergences)
	}
	row("growth", "%s", s.Growth)
	row("scaling", "%s, y divided by %.6g", s.Scaling, s.YScale)
	row("changepoints", "%s", changepointText(s.Changepoints))
	for _, season := range s.Seasonalities {
		row(season.Name, "%s", seasonText(season))
	}
	for _, h := range s.Holidays {
		row("holiday "+h.Name, "%s, prior scale %.6g, %s", h.Mode, h.PriorScale, counted(h.Days, "day"))
	}
	for _, g := range s.Regressors {
		standardised := "not standardised"
		if g.Standardised {
			standardised = fmt.Sprintf("standardised by mean %.6g and standard deviation %.6g", g.Mu, g.Std)
		}
		row("regressor "+g.Name, "%s, prior scale %.6g, %s", g.Mode, g.PriorScale, standardised)
	}
	for _, warning := range s.Warnings {
		row("warning", "%s", warning)
	}
	_ = report.flush()
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func changepointText(c prophet.ChangepointSummary) string {
	switch {
	case c.Number == 0 && c.Given:
		return "none, by option"
	case c.Number == 0:
		return "none: n_changepoints is 0, or there are too few rows"
	}
	text := fmt.Sprintf("%d from %s to %s, ", c.Number, c.First, c.Last)
	if c.Given {
		text += "given"
	} else {
		text += fmt.Sprintf("in the first %.6g of the rows", c.Range)
	}
	return text + fmt.Sprintf(", prior scale %.6g; the rate changes at %d", c.PriorScale, c.Changes)
}

func seasonText(s prophet.SeasonalitySummary) string {
	if !s.On {
		return fmt.Sprintf("off (%s)", s.Why)
	}
	text := fmt.Sprintf("period %.6g days, order %d, %s, prior scale %.6g", s.Period, s.FourierOrder, s.Mode, s.PriorScale)
	if s.ConditionName != "" {
		text += ", where " + s.ConditionName
	}
	return fmt.Sprintf("%s (%s)", text, s.Why)
}

// progress returns functions that show a progress bar and end it; show is nil unless standard error is a terminal.
func (a *app) progress(title string) (show func(done, total int), end func()) {
	if !isTerminal(a.stderr) {
		return nil, func() {}
	}
	bar := a.progressBar(title)
	show = func(done, total int) {
		bar.ChangeMax(max(total, 1))
		_ = bar.Set(done)
	}
	return show, func() { _ = bar.Clear() }
}
