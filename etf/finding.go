package etf

import (
	"strings"
	"time"
)

// Severity is how serious a finding is.
type Severity string

// The severities. SeverityInfo is worth knowing; a warning should be looked at; an error keeps the rows it names out
// of forecasts until a person decides.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// Decision is what was decided on a finding, by a person unless it says otherwise.
type Decision string

// The decisions. Undecided findings of severity error keep their rows quarantined.
const (
	Undecided Decision = ""
	Accept    Decision = "accept"  // the rows are right: use them
	Reject    Decision = "reject"  // the rows are wrong: keep them out
	Replace   Decision = "replace" // the rows are wrong: use the values given instead
	Refetch   Decision = "refetch" // fetch the rows again from the ETF's sources
	Retract   Decision = "retract" // rows in use are wrong: keep them out from now on
	// Superseded is the pipeline's own: later rows have taken the place of those named, so nothing is left to decide.
	Superseded Decision = "superseded"
)

// The entries in a finding's list of decisions that take the decision in force back, so that the finding waits again.
const (
	Undo     Decision = "undo"     // a person takes it back
	Reopened Decision = "reopened" // the pipeline does: the rows are back with the same numbers
)

// Decisions lists what a person can decide on a finding, in the order in which it is shown.
func Decisions() []Decision { return []Decision{Accept, Reject, Replace, Refetch, Retract} }

// Finding is what one rule reports about some sessions of one response.
type Finding struct {
	ID       string    `json:"id"` // deterministic: the same rule on the same numbers of the same sessions is the same finding
	Symbol   Symbol    `json:"symbol"`
	Fetch    string    `json:"fetch"`
	Rule     string    `json:"rule"` // a stable name, such as "ohlc_order"
	Severity Severity  `json:"severity"`
	Sessions []Session `json:"sessions"`
	Evidence string    `json:"evidence"` // numbers, file and line, what was expected; at most 1,000 bytes
	Decision Decision  `json:"decision"`
	By       string    `json:"decided_by,omitempty"`
	Why      string    `json:"decided_why,omitempty"`
	FoundAt  time.Time `json:"found_at"`
	// Proposal is the corporate action that would explain what the rule found; nil if there is none.
	Proposal *Action `json:"proposal,omitempty"`
}

// Ruling is a person's decision on a finding, to be recorded.
type Ruling struct {
	Finding  string // ID
	Decision Decision
	By       string // who decides
	Why      string
	// Key is the idempotency key of the request; empty for none. A repeat with the same key gets the same answer.
	Key string
	// Values are the bars to use instead of those the finding names (Replace).
	Values []Bar
	// Sessions restricts Retract to some of the sessions the finding names; empty = all of them.
	Sessions []Session
	Run      RunID // the run that fetches again (Refetch)
}

// DecisionRecord is one entry in a finding's list of decisions.
type DecisionRecord struct {
	Number   int       `json:"number"` // from 1
	InForce  bool      `json:"in_force"`
	Decision Decision  `json:"decision"`
	By       string    `json:"by"`
	Why      string    `json:"why"`
	Key      string    `json:"key,omitempty"`
	Values   []Bar     `json:"values,omitempty"`
	Sessions []Session `json:"sessions,omitempty"`
	Run      RunID     `json:"run,omitempty"`
	At       time.Time `json:"at"`
	// DataVersion is the ETF's after the decision, RowsChanged how many bars it changed.
	DataVersion int64 `json:"data_version"`
	RowsChanged int   `json:"rows_changed"`
}

// FoundRow is what a finding names for one session: the numbers of the response, nil if it had no row for the session.
type FoundRow struct {
	Session Session `json:"session"`
	Row     *Bar    `json:"row"`
	// Second is the second source's row; nil if none was asked or it has none.
	Second *SecondRow `json:"second,omitempty"`
}

// SecondRow is a row of a second source.
type SecondRow struct {
	Bar
	Source string `json:"source"`
	Basis  Basis  `json:"basis"`
}

// FindingRecord is everything stored about a finding.
type FindingRecord struct {
	Finding
	Rows      []FoundRow       `json:"rows"`      // ascending
	Decisions []DecisionRecord `json:"decisions"` // oldest first
}

// Reported is what became of a finding that a judgement reports: it is stored, or an earlier finding names its rows with
// the same numbers.
type Reported struct {
	Finding Finding // as stored
	New     bool
}

// IsFindingID reports whether a text has the form of a finding's ID: 32 hex digits.
func IsFindingID(id string) bool {
	return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == ""
}
