package etf

import "time"

// Stored sums up what is stored of one ETF before an update.
type Stored struct {
	Bars  int
	First Session
	Last  Session
	Basis Basis // of the series, empty without bars
}

// Staged is a fetch's rows in the answer's order, and the stored context they are judged against.
type Staged struct {
	Fetch   Fetch
	Bars    []Bar
	Actions []Action
	Defects []Defect
	// Known holds up to 60 stored, not quarantined bars before the first staged session and all that overlap the
	// staged span (at most 60 of the newest), ascending.
	Known []StoredBar
	// Splits are the accepted splits stored of the ETF.
	Splits []Action
	// Initial is true when no bar of the ETF is stored.
	Initial bool
}

// Verdict is what becomes of a staged row.
type Verdict uint8

// The verdicts.
const (
	VerdictKeep       Verdict = iota // stored as a bar
	VerdictQuarantine                // stored, and left out of forecasts until a person decides
	VerdictDrop                      // not stored: a repeat of a session that a later row supersedes
)

// Judgement is what a fetch's rows were found to be.
type Judgement struct {
	Fetch    string
	Findings []Finding
	Verdicts []Verdict // one for each staged row, in the answer's order
}

// Persisted is what persisting a fetch did.
type Persisted struct {
	New         int         `json:"new"`
	Unchanged   int         `json:"unchanged"`
	Revised     int         `json:"revised"`
	Quarantined int         `json:"quarantined"`
	Actions     int         `json:"actions"` // newly stored
	DataVersion DataVersion `json:"data_version"`
	KnownFrom   time.Time   `json:"known_from"` // when this belief began; of the last change if nothing changed
}

// History is one ETF's series as it is known at one data version.
type History struct {
	DataVersion DataVersion
	AsOf        time.Time // known_from of that version
	Bars        []StoredBar
	Splits      []Action // accepted
}

// Contents sums up what is stored.
type Contents struct {
	ETFs          int `json:"etfs"`
	Bars          int `json:"bars"` // quarantined ones included
	Quarantined   int `json:"quarantined"`
	Forecasts     int `json:"forecasts"`
	RunsCompleted int `json:"runs_completed"`
}

// RunFilter selects runs. Zero fields select every run.
type RunFilter struct {
	Exchange Exchange
	Statuses []RunStatus // any of these; empty = all
}

// FindingFilter selects findings. Zero fields select every finding.
type FindingFilter struct {
	Symbol    Symbol
	Undecided bool // only those of severity error that wait for a decision
}

// Cursor is a position in a list that is ordered by an instant and an ID, both descending: that of the last row of a
// page. The zero value is before the first row.
type Cursor struct {
	At time.Time
	ID string
}

// IsZero reports whether the cursor is before the first row.
func (c Cursor) IsZero() bool { return c == Cursor{} }
