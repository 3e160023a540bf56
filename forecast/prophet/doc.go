// Package prophet is the Prophet forecasting model, natively: a piecewise trend, seasonalities, holidays and extra
// regressors, fitted by maximum a posteriori or by sampling the posterior, after Taylor and Letham, "Forecasting at
// Scale", The American Statistician 72 (2018). It gives what version 1.3.0 of the original program gives
// (github.com/facebook/prophet), without Stan and without Python.
//
// A Model is what is asked for (New checks the Options); Fit makes a Fitted of it and a history; Predict and
// PredictiveSamples forecast. Everything is deterministic: the same options, history and seed give the same bits on
// every machine of one architecture. A Model and a Fitted never change, so that what the original refuses with an
// error (adding a seasonality to a fitted model, fitting twice) can't be written here.
//
// What differs from the original is asked for by name (Market) or is stated where it is done:
//
//   - Optimizer. The default, MAP, finds the maximum of the posterior; LBFGS and Newton follow the original's recipe,
//     which often stops short of it.
//   - Intervals of rows of the history are exact quantiles where the original draws random numbers (one vector of
//     parameters: the distribution there is normal).
//   - Random numbers are this package's own, from a seed.
//
// Subpackages that stand on this one: csvfile (histories and forecasts as CSV), config (options as JSON), serialize (the
// original's JSON of a fitted model), diagnostics (cross-validation and metrics), chart (plots), market (the model of the
// daily run). Below it is stan, the optimisers and the sampler. The package refuses to own formats, files, clocks and
// networks; public holidays come from package calendar/holidays, trading sessions from package calendar.
package prophet
