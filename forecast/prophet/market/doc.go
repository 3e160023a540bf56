// Package market is the Prophet model that the daily run fits beside the benchmark: to the closes of one ETF on the trading
// sessions of its exchange, with everything turned on that makes Prophet right for prices (prophet.Market). It implements
// forecast.Model and owns how such a fit is stored; the numerics are package prophet's.
//
// It refuses to know options of its own: what a fit is told, beyond how many rows it sees, are prophet.Options.
package market
