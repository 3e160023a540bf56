package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

func prophetRegressorsCommand(a *app) *cobra.Command {
	var model string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "regressors --model MODEL",
		Short: "Show the coefficients of a fitted model's regressors",
		Long: `Show the coefficients of a fitted model's regressors, as the original's
regressor_coefficients: the effect of one unit of the regressor, on y if its mode is
additive, as a fraction of the trend above its floor if it is multiplicative (with
scaling minmax the floor is the smallest y). At its center a regressor has no effect.
The bounds differ from the coefficient only if the posterior was sampled
(mcmc_samples); they cover the options' interval_width.`,
		Example: `  etfcast prophet regressors --model model.json
  etfcast prophet regressors --model model.json --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files := a.inOut(cmd)
			defer files.discard()
			fitted, err := files.model("model", model)
			if err != nil {
				return err
			}
			list := fitted.RegressorCoefficients()
			if len(list) == 0 {
				return usageError{inFile(model, etf.Invalid("regressors", "the model has none", "fit it with regressors in its options"))}
			}
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(list)
			}
			tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "regressor\tmode\tcenter\tcoef_lower\tcoef\tcoef_upper")
			for _, r := range list {
				fmt.Fprintf(tw, "%s\t%s\t%.6g\t%.6g\t%.6g\t%.6g\n", r.Regressor, r.Mode, r.Center, r.Lower, r.Coef, r.Upper)
			}
			return tw.Flush()
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file, written by etfcast prophet fit or by the original's model_to_json")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list with the original's names")
	return cmd
}
