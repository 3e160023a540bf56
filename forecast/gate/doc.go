// Package gate decides which model is served: the benchmark, unless the record of another shows that it is better.
//
// A model passes at a horizon if the confidence sequence of the difference between its pinball loss and the benchmark's (package
// scoreboard) lies below 0. The sequence may be looked at every day: with probability 1-Level no model whose expected loss has been no
// lower than the benchmark's, on average so far, ever passes, whatever the dependence between models and horizons, because each of n
// comparisons has Level/n (Bonferroni).
//
// For horizons above 1, only every h-th origin counts, so that each increment is known before the next forecast is made. Betting on all
// origins would not be valid: the forecasts between are made before the outcome of the one before is known, and the mean of the h
// interleaved products, which Henzi and Ziegel proposed (2022, Biometrika 109(3):647), is no supermartingale for h > 1, as their correction
// says (Biometrika 109(4):1181).
//
// Everything is a pure function of the record.
package gate
