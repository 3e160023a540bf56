package etf

import "time"

// Past is what is recorded about how an ETF's data came to be, except for the responses: everything that package rebuild needs
// to make the data again from them.
type Past struct {
	ETF      ETF           // its exchange; Preferences have what can change
	IDsAs    Symbol        // Staged.IDsAs
	Versions []PastVersion // ascending and without holes from 1
	// Fetches are those that caused a data version, that a bar came from, or that had a finding first, and those that these were
	// checked with, in no order.
	Fetches []PastFetch
	// Bars are all bars ever believed for any session, in no order; SupersededBy is 0 for current ones. Cause and CauseID are empty.
	Bars     []BarBelief
	Actions  []StatedAction // every state of every statement, in no order
	Findings []FindingRecord
	// Preferences are the ETF's sources, currency and listing date over time, ascending.
	Preferences []Preference
}

// PastVersion is a data version with its cause.
type PastVersion struct {
	DataVersion
	KnownFrom time.Time
	Cause     string // CauseFetch, ...
	CauseID   string
}

// PastFetch is a fetch that was judged, with the instants at which it was used.
type PastFetch struct {
	Fetch
	DataAt      time.Time // Response.DataAt
	JudgedAt    time.Time
	PersistedAt time.Time // zero if it never was
	// Second is what a second source said about it, its Fetch among Past.Fetches; zero if none was asked.
	Second SecondOpinion
	// Result is the data version that persisting it resulted in, which it may have found as it was.
	Result int64
	// CodeVersions are those that may have judged and persisted it: of the last forecast of the ETF before, the first after, and those
	// between, each once. Forecasts are chained, so these are harder to change than a note beside the fetch. Empty if none was issued.
	CodeVersions []string
}

// Preference is what was registered about an ETF from an instant on.
type Preference struct {
	From     time.Time
	Currency Currency
	Sources  []SourceRef // in order of preference
	Listed   Session     // zero if unknown
	Delisted Session     // zero if unknown
	Symbol   Symbol
}
