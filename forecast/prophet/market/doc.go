// Package market is the Prophet model that the daily run fits alongside the benchmark: to the closes of one ETF on the
// trading sessions of its exchange, with every market option turned on (prophet.Market). It implements forecast.Model and
// owns how such a fit is stored; the numerics belong to package prophet.
//
// It adds no options except the number of rows fitted; all others are prophet.Options.
package market
