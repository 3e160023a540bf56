// Package activities holds the side effects of the pipeline, one file each: fetching, judging, persisting,
// forecasting, and keeping the record of runs. It owns the ports it needs (ports.go), the one place where error
// kinds become Temporal application errors (errors.go), and what runs around every activity (interceptor.go): activities
// return plain errors and don't heartbeat.
//
// It refuses to own orchestration (package workflows) and any adapter: it imports no driver, no source and no SQL.
package activities
