// Package gate decides which model is served: the benchmark, unless the record of another shows that it is better.
//
// A model passes at a horizon if the confidence sequence of the difference between its pinball loss and the benchmark's (package
// scoreboard) lies below 0. The sequence may be looked at every day: with probability 1-Level no model that is not better than the
// benchmark ever passes, whatever the dependence between models and horizons, because each of n comparisons has Level/n (Bonferroni). For
// horizons above 1, only origins that don't overlap are compared: a test by betting is wrong for lagged forecasts (Henzi and
// Ziegel 2022, Biometrika 109(3):647; Arnold, Henzi and Ziegel 2023). Everything is a pure function of the record.
package gate
