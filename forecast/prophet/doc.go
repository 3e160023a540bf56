// Package prophet is the Prophet forecasting model in Go: a piecewise trend, seasonalities, holidays and extra
// regressors, fitted by maximum a posteriori or by sampling the posterior, after Taylor and Letham, "Forecasting at
// Scale", The American Statistician 72 (2018). It gives the results of version 1.5.0 of the original program
// (github.com/facebook/prophet) without Stan or Python.
//
// A Model holds checked Options (New); Fit fits it to a history and returns a Fitted; Predict and PredictiveSamples
// forecast. Everything is deterministic: on machines of one architecture, the same options, history and seed give the
// same bits. A Model and a Fitted never change, so the errors that the original raises for adding a seasonality to a
// fitted model or fitting twice can't occur here.
//
// Differences from the original are either requested by name (Market) or documented where they are made:
//
//   - Optimizer. The default, MAP, finds the maximum of the posterior; LBFGS and Newton follow the original's algorithms,
//     which often stop short of it.
//   - A forecast is of the model that was fitted: multiplicative terms multiply the trend above its floor. The original
//     multiplies the floor too when it forecasts (Options.Compat).
//   - With a single vector of parameters the predictive distribution of a row of the history is normal, so its interval is
//     made of exact quantiles; the original draws random numbers.
//   - Random numbers come from this package's own generator and a seed.
//
// Subpackages that use this one: csvfile (histories and forecasts as CSV), config (options as JSON), serialize (the
// original's JSON of a fitted model), diagnostics (cross-validation and metrics), chart (plots), market (the model of the
// daily run). This one uses stan, the optimisers and the sampler. The package does not deal with formats, files, clocks
// or networks; public holidays come from package calendar/holidays, trading sessions from package calendar.
package prophet
