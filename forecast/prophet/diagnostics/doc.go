// Package diagnostics measures how well a model forecasts: it refits the model on the history up to each of several
// cutoffs, forecasts what came after, and aggregates the errors by how far ahead they are.
//
// CrossValidation returns one row for each forecast, PerformanceMetrics a curve of each metric over the horizon. Cutoffs
// and rolling windows are those of the original's diagnostics (Prophet 1.3.0), and so are the numbers: given the same
// forecasts, the metrics are equal up to rounding.
//
// Surprising behaviour of the original that is kept here:
//
//   - A refit scales by the largest absolute value whatever Options.Scaling says. CrossValidation's Options.KeepScaling
//     keeps the model's own scaling, and so evaluates the model as it is.
//   - A refit with logistic growth takes the fitted model's floor as given, and a refit's regressors are the
//     standardised ones. Neither changes a forecast, with one exception: a model of logistic growth scaled by minmax
//     without a floor gets the lowest y of the whole history as its floor. KeepScaling avoids that too.
//   - The built-in seasonalities are the fitted model's, even where a shorter history would not have got them.
//   - A row missing from the history is not forecast: horizons have different numbers of rows.
//
// Where this package differs:
//
//   - Rows of one horizon keep their order. The original's sort may shuffle them, differently on different processors,
//     and mdape depends on the order where a window includes part of a horizon.
//   - A list of metrics is not changed. Metrics.Notices says what was left out of it.
//   - If no metric is left, the result is a table without columns; the original's is None.
//   - coverage without a window (a negative one) is 1 or 0; the original's is True or False.
//   - A regressor that is constant in a window but not in the whole history enters the refit unchanged; the original
//     scales it once more by the mean and deviation of the whole history. The prior decides its coefficient in both.
//   - Rows without y or yhat are refused; the original's tables never have them.
//
// The package does no I/O except on the readers and writers it is given. It draws no plots (package chart does), and
// does not choose between models.
package diagnostics
