package etf

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// BackfillRun is the Workflow of a backfill, the first part of its RunID ("backfill:<id>").
const BackfillRun = "backfill"

// BackfillRequest says which history is wanted. The same request has the same ID.
type BackfillRequest struct {
	Exchange Exchange `json:"exchange"`
	Symbols  []Symbol `json:"symbols,omitempty"` // ascending; empty: every ETF of the exchange
	Window   Window   `json:"window"`            // of sessions, both ends given
	Source   string   `json:"source,omitempty"`  // empty: each ETF's sources in order
	// Refetch asks for the whole history, also of sessions that are stored, and takes it over where it differs.
	Refetch bool `json:"refetch,omitempty"`
	Attempt int  `json:"attempt"` // 1, or more when the same is asked for again
}

// Means reports whether a request for a whole exchange means that ETF of it.
func (r BackfillRequest) Means(e ETF) bool {
	return !e.Retired && (r.Source == "" || HasSource(e.Sources, r.Source))
}

// Backfill is a backfill: what was asked for, how far it is, how it ended.
type Backfill struct {
	ID string `json:"id"` // 32 hex digits
	BackfillRequest
	Status RunStatus `json:"status"`
	// Paused: it starts no further window until it is resumed; Status stays running.
	Paused bool           `json:"paused,omitempty"`
	Counts BackfillCounts `json:"counts"`
	// WaitsFor says what it waits for, such as a quota, and WaitsUntil how long; empty if for nothing.
	WaitsFor   string    `json:"waits_for,omitempty"`
	WaitsUntil time.Time `json:"waits_until,omitzero"`
	Error      string    `json:"error,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// BackfillCounts say how far a backfill is. Sessions are those of all its ETFs.
type BackfillCounts struct {
	ETFs            int `json:"etfs"`
	ETFsDone        int `json:"etfs_done"`
	ETFsFailed      int `json:"etfs_failed"` // among those done
	Sessions        int `json:"sessions"`    // that were missing when it was planned
	SessionsDone    int `json:"sessions_done"`
	RowsNew         int `json:"rows_new"`
	RowsUnchanged   int `json:"rows_unchanged"`
	RowsRevised     int `json:"rows_revised"`
	RowsQuarantined int `json:"rows_quarantined"`
	Requests        int `json:"requests"`
	StillMissing    int `json:"still_missing"` // sessions for which no source is left to ask
}

// Percent returns how much of the sessions is dealt with, 0 to 100; 100 if none was missing, and 0 before that is known.
func (c BackfillCounts) Percent() float64 {
	if c.Sessions == 0 {
		if c.ETFs == 0 || c.ETFs > c.ETFsDone {
			return 0
		}
		return 100
	}
	return 100 * float64(min(c.SessionsDone, c.Sessions)) / float64(c.Sessions)
}

// BackfillPace is how fast a backfill has been since it was started, its waits included.
type BackfillPace struct {
	Percent        float64       `json:"percent"`
	SessionsPerS   float64       `json:"sessions_per_s"`
	Left           time.Duration `json:"-"` // at that pace; 0 if it can't be told
	LeftS          int           `json:"left_s"`
	SessionsToCome int           `json:"sessions_to_come"`
}

// Pace returns the pace of a backfill at an instant; of one that has ended, at its end.
func (b Backfill) Pace(now time.Time) BackfillPace {
	if !b.FinishedAt.IsZero() {
		now = b.FinishedAt
	}
	return b.Counts.PaceAfter(now.Sub(b.StartedAt))
}

// PaceAfter returns the pace after that time.
func (c BackfillCounts) PaceAfter(elapsed time.Duration) BackfillPace {
	p := BackfillPace{Percent: c.Percent(), SessionsToCome: max(c.Sessions-c.SessionsDone, 0)}
	if seconds := elapsed.Seconds(); seconds > 0 {
		p.SessionsPerS = float64(c.SessionsDone) / seconds
	}
	if p.SessionsPerS > 0 {
		p.Left = time.Duration(float64(p.SessionsToCome) / p.SessionsPerS * float64(time.Second)).Truncate(time.Second)
		p.LeftS = int(p.Left / time.Second)
	}
	return p
}

// BackfillETF is what came of one ETF of a backfill.
type BackfillETF struct {
	Symbol       Symbol    `json:"symbol"`
	Status       RunStatus `json:"status"`
	Source       string    `json:"source,omitempty"`
	Sessions     int       `json:"sessions"`      // that were missing
	SessionsDone int       `json:"sessions_done"` // dealt with: stored, or asked of every source in vain
	// Rows and Requests say what its windows have stored, and how many there were.
	RowsNew         int    `json:"rows_new"`
	RowsUnchanged   int    `json:"rows_unchanged"`
	RowsRevised     int    `json:"rows_revised"`
	RowsQuarantined int    `json:"rows_quarantined"`
	Requests        int    `json:"requests"`
	StillMissing    int    `json:"still_missing"` // for which no source is left to ask
	Error           string `json:"error,omitempty"`
}

// BackfillWindow is one request of a backfill to a source, and what came of it. It is kept, so that a later backfill knows what has
// been asked in vain.
type BackfillWindow struct {
	Backfill string
	Symbol   Symbol
	Source   string
	Window   Window // both ends given
	Whole    bool   // the whole history was asked for
	Fetch    string // the stored response; empty if there is none
	// ErrorType and Error say why there is none, or why its rows are not stored; empty if it was answered.
	ErrorType, Error                                     string
	RowsNew, RowsUnchanged, RowsRevised, RowsQuarantined int
	AskedAt                                              time.Time
}

// settledDays is how many days after a session a source may still add its row: an answer without it is no reason not to ask again.
const settledDays = 7

// Settled returns the part of an answered window for which the answer is final: without the sessions of the week before it was asked for. It
// ends before it begins if none is.
func (w BackfillWindow) Settled() Window {
	return Window{From: w.Window.From, To: min(w.Window.To, SessionOf(w.AskedAt.UTC()).AddDays(-settledDays))}
}

// BackfillWait says what a backfill waits for; empty if for nothing.
type BackfillWait struct {
	For    string
	Until  time.Time
	Paused bool
}

// BackfillEnd is how a backfill ended.
type BackfillEnd struct {
	ID     string
	Status RunStatus
	Error  string
}

// BackfillFilter selects backfills; what is empty selects all.
type BackfillFilter struct {
	Exchange Exchange
	Statuses []RunStatus
}

// ID returns the ID of the backfill that the request asks for.
func (r BackfillRequest) ID() string {
	r.Attempt = max(r.Attempt, 1)
	r.Symbols = SortedSymbols(r.Symbols)
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Errorf("etf: writing a backfill's request: %w", err)) // texts and numbers
	}
	sum := sha256.Sum256(append([]byte("backfill\x00"), text...))
	return hex.EncodeToString(sum[:16])
}

// BaseID returns the ID of the first attempt.
func (r BackfillRequest) BaseID() string {
	r.Attempt = 1
	return r.ID()
}

// Again reports whether sessions are asked for once more that an earlier backfill has asked for in vain.
func (r BackfillRequest) Again() bool { return r.Attempt > 1 }

// String describes what is wanted, for example "XNYS: all ETFs from 2005-01-03 to 2025-09-26".
func (r BackfillRequest) String() string {
	var b strings.Builder
	b.WriteString(string(r.Exchange) + ": ")
	b.WriteString(symbolsText(r.Symbols))
	if r.Refetch {
		b.WriteString(", the whole history again")
	} else {
		b.WriteString(" from " + r.Window.From.String() + " to " + r.Window.To.String())
	}
	if r.Source != "" {
		b.WriteString(" from " + r.Source)
	}
	return b.String()
}

var backfillID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ParseBackfillID checks the form of a backfill's ID.
func ParseBackfillID(text string) (string, error) {
	if !backfillID.MatchString(text) {
		return "", Invalid("id", fmt.Sprintf("%q is not the ID of a backfill", Clip(text, MaxQuoted)), "use an ID of 32 hex digits from `etfcast backfill list` or GET /v1/backfills")
	}
	return text, nil
}

// BackfillRunID returns the RunID of a backfill: "backfill:<id>".
func BackfillRunID(id string) RunID { return RunID(BackfillRun + ":" + id) }

// BackfillWorkflowID returns the workflow ID of a backfill: "backfill/<id>".
func BackfillWorkflowID(id string) string { return BackfillRunID(id).WorkflowID() }

// Gap is a run of sessions without a stored bar.
type Gap struct {
	Symbol   Symbol   `json:"symbol"`
	Exchange Exchange `json:"exchange"`
	From     Session  `json:"from"`
	To       Session  `json:"to"`
	Sessions int      `json:"sessions"`
	// Place is "before" the first stored bar (and not before the listing date), "between" two, or "after" the last.
	Place string `json:"place"`
	// Asked says when a backfill last asked a source for it in vain, a week after it or later; zero while a source that can have it has not
	// answered.
	Asked time.Time `json:"asked,omitzero"`
	// Unreachable means that none of the ETF's sources can have them: their histories begin later, or their prices are only compared with the series.
	Unreachable bool `json:"unreachable,omitempty"`
}

// Open reports whether there is a source left to ask: one that can have it, and was not asked for it in vain.
func (g Gap) Open() bool { return g.Asked.IsZero() && !g.Unreachable }

// The places of a gap.
const (
	GapBefore  = "before"
	GapBetween = "between"
	GapAfter   = "after"
)
