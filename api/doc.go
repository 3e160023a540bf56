// Package api serves prices, forecasts and runs over HTTP, and owns the logic behind it: Service registers ETFs,
// starts, joins and cancels runs, and handles schedules. The handlers are thin over Service, and so is the command
// line.
//
// openapi.yaml comes first; package gen is made from it, and the handlers implement its interface. Errors are the
// kinds of package etf, turned into RFC 9457 problem documents in one place (problems.go).
//
// The package asks the store and Temporal through the ports in ports.go. It refuses to own SQL, workflows, the
// activities and any market data: it writes the registry of ETFs and nothing else, and no request both writes and
// starts a workflow.
package api
