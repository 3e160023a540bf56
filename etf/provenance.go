package etf

import (
	"strings"
	"time"
)

// VersionCause is a data version of an ETF and what caused it.
type VersionCause struct {
	DataVersion
	KnownFrom time.Time `json:"known_from"`
	Cause     string    `json:"cause"`    // CauseFetch, ...
	CauseID   string    `json:"cause_id"` // of the fetch, finding, statement about an action, or run
}

// FetchUse is a fetch and the bars of it that were believed at some data version.
type FetchUse struct {
	Fetch
	// Stored says whether the response's body is still stored (`etfcast prune` removes bodies; records stay).
	Stored bool    `json:"stored"`
	Bars   int     `json:"bars"`
	First  Session `json:"first"` // session of the earliest of those bars
	Last   Session `json:"last"`
}

// Provenance says what the numbers of a forecast were made from, and by what.
type Provenance struct {
	Forecast Forecast `json:"forecast"` // without Retracted and Provisional
	Exchange Exchange `json:"exchange"`
	// The rest is empty for an entry of others.

	DataVersion VersionCause   `json:"data_version"`
	Used        Window         `json:"used"`      // sessions of the closes fitted
	Rows        int            `json:"rows"`      // of those closes
	Fetches     []FetchUse     `json:"fetches"`   // ascending by First
	Actions     []StatedAction `json:"actions"`   // the statements accepted at the data version, ascending by ex-date
	Decisions   []VersionCause `json:"decisions"` // decisions and releases up to the data version, newest first, at most MaxDecisions
}

// MaxDecisions is the most decisions that a Provenance lists.
const MaxDecisions = 100

// EntryRun begins the run of a forecast that others have entered.
const EntryRun = "entry:"

// Entered reports whether others have entered the forecast: the program does not know how it was made.
func (f Forecast) Entered() bool { return strings.HasPrefix(string(f.Run), EntryRun) }
