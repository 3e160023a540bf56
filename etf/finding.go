package etf

import "time"

// Severity is how serious a finding is.
type Severity string

// The severities. SeverityInfo is worth knowing; a warning should be looked at; an error keeps the rows it names out
// of forecasts until a person decides.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// Decision is a person's decision on a finding.
type Decision string

// The decisions. Undecided findings of severity error keep their rows quarantined.
const (
	Undecided Decision = ""
	Accept    Decision = "accept"  // the rows are right: use them
	Reject    Decision = "reject"  // the rows are wrong: keep them out
	Replace   Decision = "replace" // the rows are wrong: use the values given instead
	Refetch   Decision = "refetch" // fetch the rows again from the ETF's sources
	Retract   Decision = "retract" // rows in use are wrong: keep them out from now on
)

// Finding is what one rule reports about some sessions of one response.
type Finding struct {
	ID       string    `json:"id"` // deterministic: the same rule on the same rows of the same fetch is the same finding
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
}
