// Package service has everything a user can ask for: registering ETFs, starting, inspecting and cancelling runs,
// schedules, findings and the decisions on them, prices and forecasts, and whether everything the program needs is
// available. The HTTP API and the command line are thin layers over Service.
//
// It uses the store and Temporal through the ports in ports.go; HTTP, SQL and the workflows belong to other packages. It
// writes only the registry of ETFs, never market data, and no request both writes and starts a workflow.
package service
