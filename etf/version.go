package etf

import (
	"math"
	"time"
)

// AsOf is a point in an ETF's history of beliefs: what was known at its data version. The zero value means now.
type AsOf struct {
	Version   int64     // 0 with a KnownFrom of zero: before the first version, when nothing was known
	KnownFrom time.Time // of that version
	Given     bool      // false: what is believed now
	At        time.Time // the instant that was asked for; zero if a version was
}

// NewestVersion is greater than every data version's number, but less than the SupersededBy of what is current in the store.
const NewestVersion = math.MaxInt64 - 1

// The kinds of cause of a data version.
const (
	CauseFetch    = "fetch"    // a response was stored
	CauseDecision = "decision" // a person decided on a finding
	CauseAction   = "action"   // a person decided on a corporate action
	CauseRestated = "restated" // a response with the whole history replaced what was stored
	CauseListing  = "listing"  // with a response, the bars before the ETF's listing were taken out
	CauseMarket   = "market"   // a held bar was released because the whole market moved
)

// VersionChange is one data version and what it changed.
type VersionChange struct {
	Number    int64     `json:"number"`
	KnownFrom time.Time `json:"known_from"`
	Cause     string    `json:"cause"`            // CauseFetch, ...
	CauseID   string    `json:"cause_id"`         // of the fetch, finding or statement about an action
	Source    string    `json:"source,omitempty"` // of the fetch
	Run       RunID     `json:"run,omitempty"`    // that made the fetch
	New       int       `json:"bars_new"`
	Revised   int       `json:"bars_revised"`  // with other numbers, or in another state
	Released  int       `json:"bars_released"` // of those: no longer quarantined or held
	Parked    int       `json:"bars_parked"`   // of those: quarantined or held now
	Removed   int       `json:"bars_removed"`  // by a series that its source restated
	Actions   int       `json:"actions"`       // states of statements about corporate actions
	NAVs      int       `json:"navs"`
}

// BarBelief is a bar that was believed for a session, with the reason why it came to be.
type BarBelief struct {
	StoredBar
	SupersededBy int64  `json:"superseded_by,omitempty"` // the first version with another belief; 0 while it is current
	Cause        string `json:"cause"`
	CauseID      string `json:"cause_id"`
}

// StoredNAV is a stored NAV with its provenance.
type StoredNAV struct {
	NAV
	Source       string    `json:"source"`
	Fetch        string    `json:"fetch"`
	DataVersion  int64     `json:"data_version"`
	SupersededBy int64     `json:"superseded_by,omitempty"`
	KnownFrom    time.Time `json:"known_from"`
	KnownTo      time.Time `json:"known_to,omitzero"`
}
