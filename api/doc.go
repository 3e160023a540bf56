// Package api serves prices, forecasts, runs and schedules over HTTP. Its handlers are thin layers over service.Service.
//
// openapi.yaml comes first; package gen is generated from it, and the handlers implement its interface. Errors are the
// kinds of package etf, translated into RFC 9457 problem documents in one place (problems.go).
//
// The package owns HTTP: parsing and validating requests, content negotiation, cursors, ETags, problems, and request
// metrics and logs. It refuses to own application logic, SQL or Temporal code.
package api
