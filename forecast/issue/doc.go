// Package issue turns a stored history into a forecast: it adjusts the prices, builds the series, fits a model and predicts the
// target sessions. The daily run issues forecasts with it, and `etfcast reproduce` makes them again.
//
// It reads no clock and stores nothing.
package issue
