package etf

import "time"

// Schedule is the state of the schedule that starts an exchange's daily runs.
type Schedule struct {
	ID       string      `json:"id"`
	Exchange Exchange    `json:"exchange"`
	Fires    string      `json:"fires"` // for people to read
	TimeZone string      `json:"time_zone"`
	Paused   bool        `json:"paused"`
	Note     string      `json:"note"`
	Next     []time.Time `json:"next_at"` // UTC, ascending; empty while paused
	Recent   []Firing    `json:"recent"`  // newest last
	// CatchUpSeconds is how far back firings are made up for that were missed while Temporal was down.
	CatchUpSeconds int64 `json:"catch_up_seconds"`
}

// Firing is one time a schedule fired.
type Firing struct {
	ScheduledAt time.Time `json:"scheduled_at"`
	StartedAt   time.Time `json:"started_at"`
	WorkflowID  string    `json:"workflow_id"`
}
