package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"

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

A report on the fit is printed to standard error, or with --json to standard output.`,
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
				err := files.write("json", standardStream, func(w io.Writer) error { return json.NewEncoder(w).Encode(fitted.Report()) })
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
				a.printFit(fitted.Report())
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

func (a *app) printFit(r prophet.Report) {
	tw := tabwriter.NewWriter(a.stderr, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "status\t%s\n", r.Status)
	fmt.Fprintf(tw, "optimizer\t%s\n", r.Optimizer)
	fmt.Fprintf(tw, "iterations\t%d\n", r.Iterations)
	fmt.Fprintf(tw, "log posterior\t%.4f\n", r.LogPosterior)
	fmt.Fprintf(tw, "rows\t%d\n", r.Rows)
	if r.MaxRHat > 0 {
		fmt.Fprintf(tw, "largest R-hat\t%.4f\nsmallest effective sample size\t%.0f\ndivergences\t%d\n", r.MaxRHat, r.MinESS, r.Divergences)
	}
	tw.Flush()
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
