// Command smoke runs the whole chain once, headless, through the binary and its HTTP API only, checks the
// answers, and prints one JSON line last:
//
//	{"etfs":..,"bars":..,"quarantined":..,"forecasts":{"drift":..},"runs_completed":..,"seconds_to_ready":..,"seconds_total":..}
//
// Every ETF must have a forecast by each model the server says it runs (/v1/models), with the fit it was made from.
//
// It is started under devstack by `make smoke`. Without -prices it uses simulated ETFs of both exchanges; with it every
// CSV file of the folder becomes an ETF of -exchange, run at the file's own last session.
package main
