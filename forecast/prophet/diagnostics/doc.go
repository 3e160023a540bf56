// Package diagnostics measures how well a model forecasts: it refits the model on the history up to each of several
// cutoffs, forecasts what came after, and aggregates the errors by how far ahead they are.
//
// CrossValidation returns one row for each forecast, PerformanceMetrics a curve of each metric over the horizon. Cutoffs
// and rolling windows are those of the original's diagnostics (Prophet 1.5.0), and so are the numbers: given the same
// forecasts, the metrics are equal up to rounding.
//
// Surprising behaviour of the original that is kept here:
//
//   - The built-in seasonalities are the fitted model's, even where a shorter history would not have got them: the model
//     is what is evaluated, and which seasonalities it has depends on the dates alone.
//   - A row missing from the history is not forecast: horizons have different numbers of rows.
//
// Where this package differs:
//
//   - A refit scales as the model does; the original's always scales by the largest absolute value. prophet.Options.Compat
//     keeps that, unless Options.KeepScaling is set: a model of logistic growth scaled by minmax without a floor then gets
//     the lowest y of the whole history as its floor.
//   - A refit standardises each regressor by the rows up to its cutoff, as Fit does. The original's refits get the
//     regressors as standardised by the whole history, and standardise them again. Where they vary before the cutoff, that
//     gives the same model, except that "auto" does not see that the values are 0 and 1. Where they are constant before
//     the cutoff, the original scales them a second time by the mean and deviation of the whole history, rows after the
//     cutoff included, and its forecast can be far off.
//   - Rows of one horizon keep their order. The original's sort may shuffle them, differently on different processors,
//     and mdape depends on the order where a window includes part of a horizon.
//   - Metrics.Notices says which metrics were left out.
//   - If no metric is left, the result is a table without columns; the original's is None.
//   - coverage without a window (a negative one) is 1 or 0; the original's is True or False.
//   - Rows without y or yhat are refused; the original's tables never have them.
//
// The package does no I/O except on the readers and writers it is given. It draws no plots (package chart does), and
// does not choose between models.
package diagnostics
