// Package service is what a person can ask for, whoever carries the request: registering ETFs, starting, joining and
// cancelling runs, schedules, findings and the decisions on them, prices and forecasts, and whether everything that is
// needed is there. The HTTP API and the command line are thin over Service.
//
// It asks the store and Temporal through the ports in ports.go, and refuses to own HTTP, SQL, the workflows and any market
// data: it writes the registry of ETFs and nothing else, and no request both writes and starts a workflow.
package service
