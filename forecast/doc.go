// Package forecast holds what every forecasting model shares: the series a model is fitted to, the interface a
// model implements, the target sessions of the horizons, the identity of a forecast, and the check every
// forecast passes before it leaves the package. Each model has a folder of its own (drift, ...).
//
// Everything here is pure: the same series, parameters and seed give the same forecast on every machine of one
// architecture. It refuses to own: which prices are fitted and how they are adjusted (package quality), where
// forecasts are kept and chained (db), when a model is run (workflows), and any clock, file or network.
package forecast
