package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// Workflow IDs are business keys: the same request has the same ID, so it finds the run that is already there.

// DailyID returns the workflow ID of a daily run: "daily/XNYS/2025-09-26"; with symbols, a hash of the sorted set
// is added (".../3b1f0a9c2d4e"); from the second attempt on, ".../rerun-2". Order and repeats of symbols don't
// matter; none means every ETF of the exchange.
func DailyID(exchange etf.Exchange, session etf.Session, symbols []etf.Symbol, attempt int) string {
	id := "daily/" + string(exchange) + "/" + session.String()
	if subset := SubsetHash(symbols); subset != "" {
		id += "/" + subset
	}
	if attempt > 1 {
		id += rerunPrefix + strconv.Itoa(attempt)
	}
	return id
}

const rerunPrefix = "/rerun-"

// SubsetHash names a set of symbols: the first 12 hex digits of the SHA-256 of the sorted, distinct symbols joined
// by ",". It is empty for no symbols.
func SubsetHash(symbols []etf.Symbol) string {
	if len(symbols) == 0 {
		return ""
	}
	var text strings.Builder
	for i, s := range SortedSymbols(symbols) {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(string(s))
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:6])
}

// SortedSymbols returns the distinct symbols in ascending order; nil for none. Its argument is left alone.
func SortedSymbols(symbols []etf.Symbol) []etf.Symbol {
	if len(symbols) == 0 {
		return nil
	}
	sorted := slices.Clone(symbols)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// UpdateID returns the workflow ID of one ETF's update: "update/SPY/2025-09-26".
func UpdateID(symbol etf.Symbol, session etf.Session) string {
	return "update/" + string(symbol) + "/" + session.String()
}

// TickID returns the workflow ID a schedule gives its Tick before it appends the time: "tick/XNYS".
func TickID(exchange etf.Exchange) string { return "tick/" + string(exchange) }

// FindingID returns the workflow ID under which a finding waits for its decision: "finding/<id>".
func FindingID(finding string) string { return "finding/" + finding }

// ScheduleID returns the ID of an exchange's schedule: "daily-XNYS".
func ScheduleID(exchange etf.Exchange) string { return "daily-" + string(exchange) }

// RunID returns the ID of a run in the API, the command line and the table of runs: the workflow ID with ":" for
// "/", safe in a URL path.
func RunID(workflowID string) string { return strings.ReplaceAll(workflowID, "/", ":") }

// RunKey is a run's ID taken apart.
type RunKey struct {
	Workflow   string // "daily"
	Exchange   etf.Exchange
	Session    etf.Session
	Subset     string // 12 hex digits; empty for a run over the whole exchange
	Attempt    int    // 1 unless it is a re-run
	WorkflowID string
}

// Base returns the run ID of the first attempt, which all re-runs of the same request begin with.
func (k RunKey) Base() string {
	base, _, _ := strings.Cut(RunID(k.WorkflowID), ":rerun-")
	return base
}

// ParseRunID takes a run ID apart. Anything DailyID could not have made is KindInvalid with Field "id".
func ParseRunID(run string) (RunKey, error) {
	bad := func(message string) (RunKey, error) {
		return RunKey{}, etf.Invalid("id", message, "run IDs look like daily:XNYS:2025-09-26 or daily:XNYS:2025-09-26:rerun-2")
	}
	if len(run) > 100 {
		return bad("the run ID is longer than 100 characters")
	}
	parts := strings.Split(run, ":")
	if len(parts) < 3 || len(parts) > 5 || parts[0] != "daily" {
		return bad(fmt.Sprintf("%q is not a run ID", run))
	}
	key := RunKey{Workflow: parts[0], Attempt: 1, WorkflowID: strings.ReplaceAll(run, ":", "/")}
	var err error
	if key.Exchange, err = etf.ParseExchange(parts[1]); err != nil {
		return bad(fmt.Sprintf("the exchange in run ID %q is unknown", run))
	}
	if key.Session, err = etf.ParseSession(parts[2]); err != nil {
		return bad(fmt.Sprintf("the session in run ID %q is not a date", run))
	}
	rest := parts[3:]
	if len(rest) > 0 && isSubsetHash(rest[0]) {
		key.Subset, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		digits, ok := strings.CutPrefix(rest[0], rerunPrefix[1:])
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 2 || strconv.Itoa(n) != digits || len(rest) > 1 {
			return bad(fmt.Sprintf("the ending of run ID %q is neither a set of symbols nor a re-run", run))
		}
		key.Attempt = n
	}
	return key, nil
}

func isSubsetHash(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
