// Package diagnostics measures how well a model forecasts: it fits it again on the history up to each of several
// cutoffs, forecasts what came after, and aggregates the errors by how far ahead they are.
//
// CrossValidation gives one row for each forecast, PerformanceMetrics a curve of each metric over the horizon. Cutoffs
// and rolling windows are those of the original's diagnostics (Prophet 1.3.0), and so are the numbers: given the same
// forecasts the metrics are equal to rounding.
//
// What the original does that one might not expect, and that is done here too:
//
//   - A refit scales by the largest absolute value whatever Options.Scaling says. CrossValidation's Options.KeepScaling
//     keeps the model's own, and with it evaluates the model one has.
//   - A refit with logistic growth takes the floor the fitted model came to as given, and a refit's regressors are the
//     standardised ones. Neither changes a forecast, with one exception: a model of logistic growth scaled by minmax
//     without a floor has the lowest y of the whole history for a floor. KeepScaling mends that too.
//   - The built-in seasonalities are those of the fitted model, also where a shorter history would not have got them.
//   - A row missing from the history is no forecast: horizons have different numbers of rows.
//
// Where this package differs:
//
//   - Rows of one horizon keep their order. The original sorts by an algorithm that may shuffle them, not alike on every
//     processor, and mdape depends on the order where a window takes in a part of a horizon.
//   - A list of metrics is not changed. What is left out of it is said in Metrics.Notices.
//   - Where no metric is left the answer is a table without columns; the original's is None.
//   - coverage without a window (a negative one) is 1 or 0; the original's is True or False.
//   - A regressor that is constant in a window but not in the whole history goes into the refit as it is; the original
//     scales it by the mean and deviation of the whole history once more. The prior decides its coefficient in both.
//   - Rows without y or yhat are refused; the original's own tables never have them.
//
// The package does no I/O but on the readers and writers it is given. It draws no plots, which are package chart's, and
// chooses between no models.
package diagnostics
