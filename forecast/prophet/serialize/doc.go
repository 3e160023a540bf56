// Package serialize reads and writes the original's file format for a fitted model: the JSON of
// prophet.serialize.model_to_json, version 1.5.0 of github.com/facebook/prophet, and files of older versions back to
// 0.6.1. A model fitted here predicts in Python, and one fitted in Python predicts here.
//
// Digits. Both programs write parameters, scales and scaled changepoints with all their digits, which read back to the
// same bits, so the forecast is that of the saved model. The history is different: pandas writes the columns of a frame
// with 10 decimals, and times to the millisecond. What can be recomputed from dates and scales is not taken from such a
// file: scaled time, scaled y, scaled cap, and the floor unless it is one of the caller's columns. y itself, cap and
// floor of logistic growth, and standardised regressors remain rounded to 10 decimals: the digits are not in the file.
// This package writes all digits; pandas reads them back to a relative precision of about 1e-11, that of its fast
// parser.
//
// What the original has no name for (Market, Compat, Optimizer, Seed, Report, the seasonalities as they were added) is stored
// under one more key, "etfcast", which Python ignores. It is lost when Python writes the model again; a model without
// the key has the optimizer Auto, which fits as the original does, or the one that fit() was given, and Compat: it
// forecasts here what it forecasts in Python. So does a model written by etfcast 0.1.0.
//
// Models that Python can't predict with. With Market.LogScale, SessionTime, SessionHolidays or ResidualAR1, and without
// Compat where multiplicative terms meet a floor, Python's forecast from the same parameters would be wrong (a logarithm; a
// trend that runs at weekends; a holiday that never comes; a floor that grows with the seasons). The attribute growth of
// such a file says so in words and is not a growth the original knows: the file loads and can be inspected, and predict
// raises an exception instead of returning wrong numbers.
//
// A regressor with a predictor (the argument regressor_predictor, new since version 1.3.0): the original does not save the predictor,
// so that a loaded model needs the regressor's values like any other, in Python and here.
//
// The package owns no files: it turns bytes into models and back. It never panics on its input, and only finite numbers
// get into a model.
package serialize
