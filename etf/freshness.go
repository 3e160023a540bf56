package etf

import "time"

// FreshnessState says whether an ETF has what it should have for a session.
type FreshnessState string

// The states of an ETF at a session, in the order in which they are checked.
const (
	FreshnessOK      FreshnessState = "ok"      // stored and forecast
	FreshnessWaiting FreshnessState = "waiting" // something is missing and not due yet
	FreshnessStale   FreshnessState = "stale"   // something is missing although it is due
)

// Deadline is one of the things that are due after each session.
type Deadline string

// The deadlines of a session.
const (
	DeadlineStored   Deadline = "stored"   // its prices
	DeadlineForecast Deadline = "forecast" // a forecast from it
)

// Freshness is how an ETF stands at one session, whatever runs there were. Times are zero for what has not happened.
type Freshness struct {
	Symbol     Symbol         `json:"symbol"`
	Exchange   Exchange       `json:"exchange"`
	Session    Session        `json:"session"`
	ClosedAt   time.Time      `json:"closed_at"`
	DueAt      time.Time      `json:"due_at"`
	StoredAt   time.Time      `json:"stored_at,omitzero"`   // when its first price was stored
	ForecastAt time.Time      `json:"forecast_at,omitzero"` // when the benchmark's first forecast from it was issued
	State      FreshnessState `json:"state"`
	// Late is by how much it was, or is so far, after DueAt that both were there; zero if they were in time.
	Late time.Duration `json:"-"`
}
