package etf

import "time"

// Execution is what the workflow engine knows about one workflow. The record of runs knows less about a running workflow
// and nothing about a terminated one.
type Execution struct {
	Status     RunStatus
	Symbols    []Symbol // as requested at the start; nil if that was not recorded
	StartedAt  time.Time
	FinishedAt time.Time // zero while it runs
	Failure    string    // why it failed; empty unless Status is failed
	Pending    []PendingActivity
}

// PendingActivity is an activity that a workflow is waiting for.
type PendingActivity struct {
	Type    string
	Attempt int // 1-based
	// Failure is the last attempt's error message and FailureType its type; empty before the first failure.
	Failure, FailureType string
}
