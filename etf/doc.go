// Package etf holds the nouns of the domain: symbols, exchanges, sessions, exact prices and volumes,
// bars, corporate actions, findings, forecasts, runs, and the kinds of error every adapter translates into.
//
// It imports the standard library only, does no I/O, reads no clock and knows nothing of Temporal, SQL or
// HTTP. Validating, storing and forecasting bars belong to packages quality, db and forecast.
package etf
