// Package tiingo reads daily bars, dividends and splits of US ETFs from Tiingo's end-of-day endpoint. It needs a key, which is free.
//
// Rows are as traded, and each states the split and the dividend that take effect with it, so one response is complete. Tiingo
// sends refusals as plain text with status 200; this package tells them from data. The rules in full are in docs/sources-tiingo.md.
package tiingo
