// Package alphavantage reads the last 100 daily bars of a US ETF from Alpha Vantage's TIME_SERIES_DAILY, all that a free key
// gets. They are as traded, and state no splits or dividends.
//
// Every refusal comes with status 200, and as JSON even if CSV was asked for; this package tells them apart by their words. The rules
// in full are in docs/sources-alphavantage.md.
package alphavantage
