package etf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// ActionKind is a kind of corporate action.
type ActionKind string

// The kinds of corporate action.
const (
	Split           ActionKind = "split"            // Numerator new shares for Denominator old ones
	Dividend        ActionKind = "dividend"         // ordinary: Amount per share
	SpecialDividend ActionKind = "special_dividend" // Amount per share
	CapitalGain     ActionKind = "capital_gain"     // Amount per share
	SpinOff         ActionKind = "spin_off"         // Amount is the value spun off per share
)

// ActionKinds lists the kinds in the order they are shown.
func ActionKinds() []ActionKind {
	return []ActionKind{Split, Dividend, SpecialDividend, CapitalGain, SpinOff}
}

// Action is a corporate action taking effect before the open of session Ex. The other three dates are zero where they are
// not stated.
type Action struct {
	Kind        ActionKind `json:"kind"`
	Ex          Session    `json:"ex"`
	Amount      Price      `json:"amount,omitempty"`
	Numerator   int64      `json:"numerator,omitempty"`
	Denominator int64      `json:"denominator,omitempty"`
	Record      Session    `json:"record,omitzero"`
	Pay         Session    `json:"pay,omitzero"`
	Announced   Session    `json:"announced,omitzero"`
}

// ActionStatus says whether a corporate action has been decided on. Only accepted ones adjust prices.
type ActionStatus string

// The statuses of a corporate action. One that a source states is accepted at once if the prices agree with it; one that
// they don't, and one that a rule infers from prices, is proposed, for a person to decide. A statement that its source
// corrects or withdraws is cancelled.
const (
	Proposed  ActionStatus = "proposed"
	Accepted  ActionStatus = "accepted"
	Rejected  ActionStatus = "rejected"
	Cancelled ActionStatus = "cancelled"
)

// The sources of a statement that is not a provider's.
const (
	SourceDetection = "detection" // a rule infers it from prices
	SourcePerson    = "person"    // a person states it
)

// StatedAction is one statement about a corporate action in one of its states: who states it, what was decided and why, and
// the data versions in which the state holds. Two sources that state the same action make two statements.
type StatedAction struct {
	ID     string `json:"id"` // 32 hex digits: symbol, kind, ex, terms and source
	Symbol Symbol `json:"symbol"`
	Action
	Source   string       `json:"source"` // a source's name, SourceDetection or SourcePerson
	Status   ActionStatus `json:"status"`
	By       string       `json:"decided_by"`
	Why      string       `json:"why,omitempty"`
	Evidence string       `json:"evidence,omitempty"`
	Fetch    string       `json:"fetch,omitempty"`    // the fetch that stated it, if it was one
	Finding  string       `json:"finding,omitempty"`  // the finding that proposes it, if it was one
	Replaces string       `json:"replaces,omitempty"` // the statement that it corrects
	// DataVersion is the first version in which this state holds, SupersededBy the first in which it does not; 0 while it is
	// current.
	DataVersion  int64     `json:"data_version"`
	SupersededBy int64     `json:"superseded_by,omitempty"`
	KnownFrom    time.Time `json:"known_from"`
	KnownTo      time.Time `json:"known_to,omitzero"`
}

// NAV is a fund's net asset value per share and its shares outstanding at the end of a session, as a source states them.
// One of the two may be missing: NAV is then 0, Shares VolumeUnknown.
type NAV struct {
	Session Session `json:"session"`
	NAV     Price   `json:"nav,omitempty"`
	Shares  Volume  `json:"shares,omitempty"`
}

// Terms formats what a kind of action is about: the ratio of a split as it is written ("4:1"), or the amount.
func (a Action) Terms() string {
	if a.Kind == Split {
		return fmt.Sprintf("%d:%d", a.Numerator, a.Denominator)
	}
	return a.Amount.String()
}

// ActionID returns the ID of a source's statement about an action as 32 hex digits. Migration 00009 makes the same.
func ActionID(symbol Symbol, a Action, source string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"action", string(symbol), string(a.Kind), a.Ex.String(), a.Terms(), source}, "|")))
	return hex.EncodeToString(sum[:16])
}

// ActionDecision is a person's decision on a statement about a corporate action, or a statement that a person adds.
type ActionDecision struct {
	Action string       `json:"action"` // ID of the statement
	Symbol Symbol       `json:"symbol"`
	Status ActionStatus `json:"status"` // Accepted, Rejected or Cancelled
	By     string       `json:"by"`
	Why    string       `json:"why"`
	// Key makes a repeat of the decision change nothing. It is unique among the decisions on the statement.
	Key string `json:"key"`
	// Add is the action that the person states, if the statement may not exist yet.
	Add *Action `json:"add,omitempty"`
}

// ActionDecided is the result of a decision on a corporate action.
type ActionDecided struct {
	Action StatedAction `json:"action"`
	Freed  int          `json:"freed,omitempty"` // bars released from quarantine
	// Newest is the newest stored session, if its bar is usable: its forecasts have to be made again. Zero otherwise.
	Newest Session `json:"newest,omitzero"`
	// Settled are findings that the decision leaves nothing to decide on, at most a hundred.
	Settled []string `json:"settled,omitempty"`
}

// ActionFilter selects current statements about corporate actions. Zero fields select every one.
type ActionFilter struct {
	Status   ActionStatus
	From, To Session // of the ex-date, inclusive
}
