package etf

import "time"

// Execution is what the workflow engine knows of one workflow. The record of runs knows less of one that is under way
// and nothing of one that was terminated.
type Execution struct {
	Status     RunStatus
	Symbols    []Symbol // as asked for when it was started; nil when that was not recorded
	StartedAt  time.Time
	FinishedAt time.Time // zero while it runs
	Failure    string    // why it failed; empty unless Status is failed
	Pending    []PendingActivity
}

// PendingActivity is an activity that a workflow waits for.
type PendingActivity struct {
	Type    string
	Attempt int // 1-based
	// Failure is the last attempt's error message and FailureType its type; empty before the first failure.
	Failure, FailureType string
}
