// Command smoke runs the whole pipeline once, headless, using only the binary and its HTTP API, and checks the
// responses. The last line it prints is JSON:
//
//	{"etfs":..,"bars":..,"quarantined":..,"forecasts":{"drift":..},"runs_completed":..,"seconds_to_ready":..,"seconds_total":..}
//
// Every ETF must have a forecast by each model that the server lists (/v1/models), with its fit.
//
// `make smoke` starts it under devstack. Without -prices it uses simulated ETFs on both exchanges; with it, every CSV
// file in the folder becomes an ETF on -exchange, run for the last session in the file.
package main
