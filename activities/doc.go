// Package activities holds the side effects of the pipeline, one file each: fetching, validating, persisting,
// forecasting, and keeping the record of runs. It owns the ports it needs (ports.go), the only place where error kinds
// become Temporal application errors (errors.go), and what runs around every activity (interceptor.go): activities
// return plain errors and don't heartbeat.
//
// Orchestration belongs to package workflows. Adapters are passed in: this package imports no driver, no source and no
// SQL.
package activities
