package etf

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// BacktestRun is a backtest of stored ETFs, made by a workflow: what was asked, how far it is, how it ended.
type BacktestRun struct {
	ID string `json:"id"` // 32 hex digits
	BacktestRequest
	Status BacktestStatus `json:"status"`
	Error  string         `json:"error,omitempty"` // why it did not complete
	Counts BacktestCounts `json:"counts"`
	// LeakSuspected, Hash and CodeVersion are those of the result; zero before there is one. Hash is the SHA-256 of its JSON in hex.
	LeakSuspected bool      `json:"leak_suspected"`
	Hash          string    `json:"hash,omitempty"`
	CodeVersion   string    `json:"code_version,omitempty"`
	StartedAt     time.Time `json:"started_at"`
	FinishedAt    time.Time `json:"finished_at,omitzero"`
}

// BacktestStatus is the state of a backtest, in the words that runs use.
type BacktestStatus = RunStatus

// BacktestRequest is the question that a backtest of stored ETFs answers. The same question has the same ID.
type BacktestRequest struct {
	Exchange Exchange        `json:"exchange,omitempty"` // empty: Symbols of several exchanges
	Symbols  []Symbol        `json:"symbols,omitempty"`  // ascending; empty: every ETF of the exchange
	AsOf     time.Time       `json:"as_of"`              // what was believed at this instant is measured
	Options  BacktestOptions `json:"options"`
	Attempt  int             `json:"attempt"` // 1, or more when the same question is asked again
}

// BacktestCounts say how far a backtest is.
type BacktestCounts struct {
	ETFs     int `json:"etfs"` // of the backtest; zero until it has been planned
	Measured int `json:"measured"`
	Failed   int `json:"failed"`  // that can't be measured
	Origins  int `json:"origins"` // of the ETFs measured
}

// Done returns how many ETFs are finished.
func (c BacktestCounts) Done() int { return c.Measured + c.Failed }

// BacktestRunETF is what came of one ETF of a backtest.
type BacktestRunETF struct {
	Symbol      Symbol   `json:"symbol"`
	Exchange    Exchange `json:"exchange"`
	DataVersion int64    `json:"data_version"` // 0: nothing was stored at the instant
	Done        bool     `json:"done"`
	Origins     int      `json:"origins"`
	Error       string   `json:"error,omitempty"` // why it could not be measured
}

// BacktestPart is what one ETF gave, as it is stored.
type BacktestPart struct {
	Symbol      Symbol
	Origins     int
	Error       string // why there is none; Body is nil then
	CodeVersion string
	Body        []byte // JSON
}

// BacktestEnd is how a backtest ended.
type BacktestEnd struct {
	ID     string
	Status BacktestStatus
	Error  string
}

// BacktestFilter selects backtests; what is empty selects all.
type BacktestFilter struct {
	Exchange Exchange
	Statuses []BacktestStatus
}

// ID returns the ID of the backtest that answers the question.
func (r BacktestRequest) ID() string {
	r.Attempt = max(r.Attempt, 1)
	r.Symbols = SortedSymbols(r.Symbols)
	r.AsOf = r.AsOf.UTC()
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Errorf("etf: writing a backtest's request: %w", err)) // texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// BaseID returns the ID of the first attempt.
func (r BacktestRequest) BaseID() string {
	r.Attempt = 1
	return r.ID()
}

// String describes what is measured, for example "XNYS: all ETFs as of 2026-11-27T18:05:00Z".
func (r BacktestRequest) String() string {
	var b strings.Builder
	if r.Exchange != "" {
		b.WriteString(string(r.Exchange) + ": ")
	}
	b.WriteString(symbolsText(r.Symbols))
	b.WriteString(" as of " + r.AsOf.UTC().Format(time.RFC3339Nano))
	return b.String()
}

// symbolsText names the ETFs that somebody asks about: all if none is named, and up to four one by one.
func symbolsText(list []Symbol) string {
	switch n := len(list); {
	case n == 0:
		return "all ETFs"
	case n > 4:
		return string(list[0]) + " and " + strconv.Itoa(n-1) + " more"
	}
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}

var backtestID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ParseBacktestID checks the form of a backtest's ID.
func ParseBacktestID(text string) (string, error) {
	if !backtestID.MatchString(text) {
		return "", Invalid("id", fmt.Sprintf("%q is not the ID of a backtest", Clip(text, MaxQuoted)), "use an ID of 32 hex digits from `etfcast backtest list` or GET /v1/backtests")
	}
	return text, nil
}

// BacktestWorkflowID returns the workflow ID of a backtest: "backtest/<id>".
func BacktestWorkflowID(id string) string { return "backtest/" + id }
