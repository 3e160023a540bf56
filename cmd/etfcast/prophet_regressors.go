package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

func prophetRegressorsCommand(a *app) *cobra.Command {
	var model string
	var as format
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
			if !as.forPeople() {
				return a.encode(as, list)
			}
			t := newTable(a.stdout, "regressor", "mode", "center", "coef_lower", "coef", "coef_upper").
				numbers("center", "coef_lower", "coef", "coef_upper").spare("center", "mode")
			for _, r := range list {
				t.row(r.Regressor, r.Mode, significant(r.Center), significant(r.Lower), significant(r.Coef), significant(r.Upper))

			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file, written by etfcast prophet fit or by the original's model_to_json")
	as.addFlags(cmd, "a list with the original's names", "with the original's names")
	return cmd
}

// significant formats a coefficient with 6 significant digits.
func significant(x float64) string { return fmt.Sprintf("%.6g", x) }
