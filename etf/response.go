package etf

import "time"

// Query asks a source for one ETF's bars and actions over a window of sessions.
type Query struct {
	Symbol   Symbol
	Ref      string // what the source calls the ETF
	Exchange Exchange
	Currency Currency
	Window   Window // inclusive; a zero From asks for the whole history
	// AsOf is the instant of asking. No bar of a session that closes after it may be returned.
	AsOf time.Time
}

// Response is what a source said, translated but not judged. Bars are in ascending order of session where the
// source was in any consistent order, and in the source's own order otherwise; repeated and unknown sessions
// are left in: judging is package quality's work.
type Response struct {
	Bars     []Bar
	Actions  []Action // only those whose Ex lies in the window
	Basis    Basis
	Currency Currency // what the source says; empty where it does not
	Defects  []Defect // rows that could not be read
	Splits   []Action // splits undone to reach as_traded, wherever they lie; empty where none was needed
	// Request is the request made, secrets removed; Raw the answer's body as received, and MediaType its type.
	Request   string
	Raw       []byte
	MediaType string
}

// MaxDefectText bounds the text of a row that could not be read, in bytes.
const MaxDefectText = 200

// Defect is a row of an answer that could not be read. Session is zero when not even that could be told.
type Defect struct {
	Where   string  `json:"where"` // file and line, or JSON path
	Session Session `json:"session"`
	Text    string  `json:"text"` // the row, at most MaxDefectText bytes
	Reason  string  `json:"reason"`
	// NoPrice: the row could be read, and the source gave no price in it, or not all four. The session is missing
	// from the answer rather than wrong in it: nobody can decide about it, and a later answer may bring it.
	NoPrice bool `json:"no_price,omitempty"`
}

// Fetch is the record of one answer.
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
