// Package report draws a backtest as one HTML page that needs nothing else: tables, fan charts, PIT histograms, coverage by volatility
// and by year, cumulative differences from the benchmark.
package report
