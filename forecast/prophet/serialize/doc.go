// Package serialize reads and writes the original's own file of a fitted model: the JSON of
// prophet.serialize.model_to_json, version 1.3.0 of github.com/facebook/prophet, and files of older versions back to
// 0.6.1. A model fitted here predicts in Python, and one fitted in Python predicts here.
//
// Digits. Parameters, scales and scaled changepoints are written by both sides with all their digits and come back
// bit by bit, so a forecast is that of the model that was saved. The history is another matter: pandas writes the
// columns of a frame with 10 decimals, and times to the millisecond. What can be computed again from dates and scales
// is not taken from such a file: scaled time, scaled y, scaled cap, and the floor where it is not a column of the
// caller's. y itself, cap and floor of logistic growth, and standardised regressors remain rounded to 10 decimals: the
// digits are not in the file. This package writes all of them; pandas reads them back to about 1e-11 relative, its
// quick parser's precision.
//
// What the original has no name for (Market, Optimizer, Seed, Report, the seasonalities as they were added) is under
// one more key, "etfcast", which Python does not look at. It is lost where Python writes the model again; a model
// without the key has the optimizer Auto, the original's way of fitting, or the one that fit() was told.
//
// Models that Python can't predict. With Market.LogScale, SessionTime or SessionHolidays the forecast of the same
// parameters in Python would be wrong (a logarithm; a trend that runs at weekends; a holiday that never comes). The
// attribute growth of such a file says so in words and is no growth the original knows: the file loads and is open to
// inspection, and predict ends with an exception instead of wrong numbers.
//
// The package refuses to own files: it turns bytes into models and back. It never panics on what it is given, and
// nothing that is not a finite number gets into a model.
package serialize
