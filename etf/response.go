package etf

import "time"

// Query asks a source for one ETF's bars and actions over a window of sessions.
type Query struct {
	Symbol   Symbol
	Ref      string // what the source calls the ETF
	Exchange Exchange
	Currency Currency
	Window   Window // inclusive; a zero From asks for the whole history
	// AsOf is the time of the request. No bar of a session that closes after it may be returned.
	AsOf time.Time
}

// Response is a source's response, parsed but not validated. Bars are in ascending order of session if the source's
// order was consistent, otherwise in the source's own order; duplicate and unknown sessions are left in, because
// validation belongs to package quality.
type Response struct {
	Bars []Bar
	// Ordinals are the positions of the bars among the rows the source sent, ascending. Nil if no row was left out.
	Ordinals []int
	Actions  []Action // only those whose Ex lies in the window
	// Covers are the kinds of action that the response states completely for the sessions of its rows: one that it does not
	// state did not happen. Empty for a source that states none.
	Covers []ActionKind
	NAVs   []NAV // ascending; empty for a source that states none
	// DataAt is when the source's data were last changed, such as a file's modification time; zero if it does not say. A
	// session that closes later can't be final.
	DataAt   time.Time
	Basis    Basis
	Currency Currency // as stated by the source; empty if it states none
	Defects  []Defect // rows that could not be read
	Splits   []Action // splits undone to get as-traded prices, in the window or not; empty if none
	// Unfinished says why the source's data may not be complete yet, such as a file that is still being written, with the remedy;
	// empty if there is no sign of it. Whatever may be cut is not among the bars.
	Unfinished string
	// Request is the request as sent, without secrets; Raw is the body of the response as received, MediaType its type.
	Request   string
	Raw       []byte
	MediaType string
	// Shared are the bodies that other fetches share. If there are any, Raw is the Manifest that names them, and MediaType is
	// ManifestType.
	Shared []SharedBody
}

// What one response may hold. Sources refuse more as soon as they see it, with file and line; the pipeline refuses it from any source.
const (
	MaxResponseBytes   = 64 << 20
	MaxResponseRows    = 250_000 // a century has some 26,000 sessions; the rest is for repeated rows
	MaxResponseDefects = 10_000  // rows that can't be read
)

// MaxDefectText is how many bytes of an unreadable row are kept at most.
const MaxDefectText = 200

// Defect is a row of a response that could not be read. Session is zero if even that could not be read.
type Defect struct {
	Where   string  `json:"where"` // file and line, or JSON path
	Session Session `json:"session"`
	Text    string  `json:"text"` // the row, at most MaxDefectText bytes
	Reason  string  `json:"reason"`
	// NoPrice: the row could be read, but has no prices or not all four. The session is missing from the response rather
	// than wrong in it: there is nothing to decide, and a later response may have it.
	NoPrice bool `json:"no_price,omitempty"`
	// Unfinished: the row may be only half-written (Response.Unfinished).
	Unfinished bool `json:"unfinished,omitempty"`
	// Side: only a value beside the prices could not be read, such as the volume or a dividend, and is left out; the row is
	// among the bars. One such defect stands for all values of a column.
	Side bool `json:"side,omitempty"`
	// Action: that value states a corporate action.
	Action bool `json:"action,omitempty"`
}

// Fetch is the record of one response.
type Fetch struct {
	ID        string    `json:"id"` // 32 hex digits, unique
	Symbol    Symbol    `json:"symbol"`
	Source    string    `json:"source"`
	Window    Window    `json:"window"`
	Request   string    `json:"request"`
	MediaType string    `json:"media_type"`
	Hash      string    `json:"hash"` // SHA-256 of Raw, hex
	Basis     Basis     `json:"basis"`
	Rows      int       `json:"rows"`
	FetchedAt time.Time `json:"fetched_at"`
	Run       RunID     `json:"run"`
}
