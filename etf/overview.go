package etf

import "time"

// ETFState is what is stored about an ETF that says how it stands now: its newest closes, what came of the newest sessions, what
// waits for a person, and the newest forecast.
type ETFState struct {
	ETF
	// Since is when daily runs began to update it: its registration, or its latest return from retirement.
	Since time.Time
	// Basis is that of its series; empty without bars.
	Basis Basis
	// Arrivals are the sessions from StateQuery.Since on that have a bar or a forecast, ascending.
	Arrivals []Arrival

	// The rest is there if StateQuery.Full says so.

	// Closes are the believed closes among its newest sessions, ascending, at most MaxCloses.
	Closes []KnownClose
	// Quarantined and Held say of the newest bar whether it is.
	NewestQuarantined, NewestHeld bool
	Confirmed                     Confirmation
	// Splits are the accepted ones since the first of the closes.
	Splits []Action
	// Waiting counts the findings that wait for a decision, Warnings the undecided ones that need none, and Proposed the
	// statements about corporate actions that are proposed.
	Waiting, Warnings, Proposed int
	// Forecasts are the newest by each of the models of StateQuery.Served, in their order, without those that have none.
	Forecasts []ServedForecast
}

// MaxCloses is how many closes a ETFState has at most.
const MaxCloses = 30

// KnownClose is a close with the instant at which its bar became known.
type KnownClose struct {
	Session   Session
	Close     Price
	KnownFrom time.Time
}

// Arrival says when what is due after a session came; zero for what has not come.
type Arrival struct {
	Session  Session
	Stored   time.Time // its first bar, whatever was thought of it
	Forecast time.Time // the first forecast from it by StateQuery.Model
}

// ServedForecast is a forecast at a few of its horizons.
type ServedForecast struct {
	ID     string
	Model  string
	Origin Session
	Points []ForecastPoint // only the first and the last quantile are set
}

// OverviewHorizons are the horizons that an overview shows.
var OverviewHorizons = [2]int{1, MaxHorizon}

// StateQuery selects standings. Symbols selects among the ETFs of Exchange ("" = all); nil selects all of them.
type StateQuery struct {
	Exchange Exchange
	Symbols  []Symbol
	Except   map[Symbol]bool       // are left out
	Model    string                // whose forecasts arrive
	Served   map[Exchange][]string // the models of Forecasts, each once
	Since    map[Exchange]Session  // the first session of Arrivals; an exchange that is not there has none
	Until    Session               // the last session of Arrivals; zero = no end
	Full     bool
}

// MissedDeadline is a deadline that passed without what was due.
type MissedDeadline struct {
	Symbol   Symbol
	Exchange Exchange
	Session  Session
	Kind     Deadline
	DueAt    time.Time
	SeenAt   time.Time // when it was seen to be missed
	MetAt    time.Time // when what was due came; zero while it has not
	// Arrival says what has come for the session so far. It is read, not recorded.
	Arrival Arrival
}

// EventMark is an event's number and the ETF that it names, if it names one.
type EventMark struct {
	ID     int64
	Symbol Symbol
}
