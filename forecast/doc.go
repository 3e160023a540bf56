// Package forecast holds what every forecasting model shares: the series a model is fitted to, the interface a
// model implements, the target session of each horizon, the identity of a forecast, and the check every
// forecast passes before it leaves the package. Each model has its own package below this one (drift, ...).
//
// Everything here is pure: on machines of one architecture, the same series, parameters and seed always give the
// same forecast. The package does not decide which prices are fitted or how they are adjusted (package quality),
// where forecasts are stored and chained (db) or when a model is run (workflows), and it uses no clock, file or network.
package forecast
