package etf

import (
	"errors"
	"time"
)

// Stored summarises what is stored for an ETF before an update.
type Stored struct {
	Bars  int
	First Session
	Last  Session
	// LastUsed is the last session whose bar is in use: earlier than Last if the newest bars are quarantined.
	LastUsed Session
	Basis    Basis // of the series, empty without bars
}

// Staged holds a fetch's rows in the response's order, and the stored data they are validated against.
type Staged struct {
	Fetch Fetch
	Bars  []Bar
	// Ordinals are the positions of the bars among the rows the source sent, ascending. Nil if no row was left out.
	Ordinals []int
	Actions  []Action
	Defects  []Defect
	// Covers, NAVs and DataAt are the response's.
	Covers []ActionKind
	NAVs   []NAV
	DataAt time.Time
	// Known holds the stored bars that are neither quarantined nor held, ascending: up to 60 before the first staged session, and those
	// within the staged range (at most the newest 60). If the whole history was fetched, it holds all of them.
	Known []StoredBar
	// Following holds the stored bars after the last staged session that are neither quarantined nor held, ascending, at most 60: what
	// shows whether new rows before stored ones fit them. It is empty for a whole history.
	Following []StoredBar
	// Parked holds quarantined stored bars between the staged sessions and the nearest of Known or Following, if those are more than a
	// week away: on each side the one next to the staged sessions and the one next to the bar in use, ascending.
	Parked []StoredBar
	// Held holds the stored bars that are held, ascending.
	Held []StoredBar
	// Second is what a second source says about the newest sessions; zero if none was asked.
	Second SecondOpinion
	// Splits are the ETF's stored, accepted splits.
	Splits []Action
	// Stated are the current statements about the ETF's corporate actions, of every kind, source and status.
	Stated []StatedAction
	// Sources are the ETF's sources in order of preference.
	Sources []SourceRef
	// Listed is the first session of the ETF; earlier rows under its symbol belong to another security. Zero if unknown.
	Listed Session
	// Delisted is its last session; later rows belong to another security. Zero if unknown.
	Delisted Session
	// IDsAs stands for the ETF in the IDs of its findings and actions, so that they stay the same when it is renamed.
	IDsAs Symbol
	// First is the first stored session; zero if there is none.
	First Session
	// Initial is true if the ETF has no stored bars.
	Initial bool
	// Grounds are those that all of this was read on, or later ones.
	Grounds Grounds
}

// Grounds say what an ETF's rows are judged by at a moment: two that are equal mean that nothing has changed in between.
type Grounds struct {
	// Version is the ETF's data version: its bars and the statements about its actions.
	Version DataVersion
	// Change is unique to the last change that made no data version: a decision on a finding, or a change of the ETF's entry or symbol.
	Change string
	// Calendar is the version of its exchange's calendar.
	Calendar int
}

// ErrOutdated is the cause of a KindConflict error if rows were judged on grounds that have changed: they have to be judged again.
var ErrOutdated = errors.New("the rows were judged before")

// SecondOpinion is what a second source says about the sessions that a fetch is checked for: evidence, never stored as bars.
type SecondOpinion struct {
	Fetch   string   `json:"fetch"` // ID of the second source's fetch
	Source  string   `json:"source"`
	Basis   Basis    `json:"basis"`
	Bars    []Bar    `json:"bars"`              // ascending, a few
	Actions []Action `json:"actions,omitempty"` // splits that it states
}

// Row returns the second source's row of a session, nil if it has none.
func (o SecondOpinion) Row(session Session) *SecondRow {
	for _, b := range o.Bars {
		if b.Session == session {
			return &SecondRow{Bar: b, Source: o.Source, Basis: o.Basis}
		}
	}
	return nil
}

// Verdict is what happens to a staged row.
type Verdict uint8

// The verdicts.
const (
	VerdictKeep       Verdict = iota // stored as a bar
	VerdictQuarantine                // stored, but kept out of forecasts until a person decides
	VerdictDrop                      // not stored: another row for the same session supersedes it
	_                                // the store's own: rejected by a person
	VerdictHold                      // stored, but not believed until the next session or a person decides (StoredBar.Held)
)

// Judgement is the result of validating a fetch.
type Judgement struct {
	Fetch    string
	Findings []Finding
	Verdicts []Verdict // one for each staged row, in the response's order
	// Grounds are those that the rows were judged on. Nil if that does not matter.
	Grounds *Grounds
}

// Replacement says what persisting a fetch takes out of the stored series, besides storing its rows. What is taken out stays
// among the revisions.
type Replacement struct {
	// Whole: the fetch is the whole history of the ETF, which replaces what is stored.
	Whole bool
	// Listed: the bars before this session belong to another security. Zero if there are none.
	Listed Session
	// OnlyNew stores only the rows of sessions without a bar; what is stored stays as it is. It does not go with Whole.
	OnlyNew bool
	// Outdated stores the rows also if the grounds of their verdicts have changed.
	Outdated bool
}

// IsZero reports whether nothing is taken out.
func (r Replacement) IsZero() bool { return !r.Whole && r.Listed.IsZero() }

// Persisted is the result of persisting a fetch.
type Persisted struct {
	New         int         `json:"new"`
	Unchanged   int         `json:"unchanged"`
	Revised     int         `json:"revised"`
	Quarantined int         `json:"quarantined"`
	Actions     int         `json:"actions"`        // newly stored
	NAVs        int         `json:"navs,omitempty"` // newly stored or changed
	DataVersion DataVersion `json:"data_version"`
	KnownFrom   time.Time   `json:"known_from"` // when DataVersion became current
	// Released are the sessions whose bars were held before and are believed now, ascending.
	Released []Session `json:"released,omitempty"`
	// Symbol says whose rows they are.
	Symbol Symbol `json:"-"`
}

// History is an ETF's series as of one data version.
type History struct {
	DataVersion DataVersion
	AsOf        time.Time // known_from of that version
	Bars        []StoredBar
	Splits      []Action // accepted
	// Held means that the last session asked for has a bar that is held; Bars end before it.
	Held bool
}

// Contents sums up what is stored.
type Contents struct {
	ETFs          int `json:"etfs"`
	Bars          int `json:"bars"` // quarantined ones included
	Quarantined   int `json:"quarantined"`
	Forecasts     int `json:"forecasts"`
	RunsCompleted int `json:"runs_completed"`
}

// SessionBar is an ETF's bar of one session.
type SessionBar struct {
	Symbol Symbol
	StoredBar
	// HeldBy are the rules that hold the bar; empty if it is not held.
	HeldBy []string
	// Released is the run that released the bar because the market explained it; empty if none did.
	Released RunID
}

// Confirmation says how far the fetches of an ETF confirm its newest bars.
type Confirmation struct {
	Exchange Exchange
	Session  Session   // the newest session that a stored fetch had
	At       time.Time // as of when it last had that session
}

// RunFilter selects runs. Zero fields select every run.
type RunFilter struct {
	Workflow string // DailyRun or BackfillRun; empty = all
	Exchange Exchange
	Statuses []RunStatus // any of these; empty = all
}

// FindingFilter selects findings. Zero fields select every finding.
type FindingFilter struct {
	Symbol    Symbol
	Exchange  Exchange
	Rule      string
	Severity  Severity
	Undecided bool // only those that await a decision
	Decided   bool // only those with a decision in force
	// Sessions selects the findings that name a session of the window; a zero end is open.
	Sessions Window
	// AsOf selects the findings of Symbol known then, with the decisions in force then.
	AsOf AsOf
}

// Cursor is the position of a page's last row in a list ordered by time and ID, both descending. The zero value is the
// position before the first row.
type Cursor struct {
	At time.Time
	ID string
}

// IsZero reports whether the cursor is before the first row.
func (c Cursor) IsZero() bool { return c == Cursor{} }
