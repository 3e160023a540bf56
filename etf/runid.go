package etf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// RunID identifies a run by what was requested, so that the same request finds the existing run:
// "daily:XNYS:2025-09-26". A set of symbols adds its hash ("daily:XNYS:2025-09-26:3b1f0a9c2d4e"), and a re-run the
// number of the attempt ("...:rerun-2"). That of a backfill is "backfill:<id>". It is safe in a URL path. The ID of the workflow that
// performs the run is the same text with "/" instead of ":".
type RunID string

// RunKey is a parsed RunID.
type RunKey struct {
	Workflow string // "daily" or "backfill"
	Backfill string // the ID of a backfill, which has none of the rest; empty for a daily run
	Exchange Exchange
	Session  Session
	Subset   string // the hash of the set of symbols, 12 hex digits; empty for a run over the whole exchange
	Attempt  int    // 1 unless it is a re-run
}

// DailyRun is the Workflow of a daily run, the first part of its ID.
const DailyRun = "daily"

const (
	rerunPrefix = "rerun-"
	subsetBytes = 6
	maxRunID    = 100 // bytes; the longest valid ID has 54
)

// DailyRunID returns the ID of a daily run of a session. No symbols means every ETF of the exchange; order and duplicates
// don't matter. An attempt below 2 is the first.
func DailyRunID(exchange Exchange, session Session, symbols []Symbol, attempt int) RunID {
	return RunKey{Workflow: DailyRun, Exchange: exchange, Session: session, Subset: SubsetHash(symbols), Attempt: attempt}.ID()
}

// ID formats the key as a RunID.
func (k RunKey) ID() RunID {
	if k.Workflow == BackfillRun {
		return BackfillRunID(k.Backfill)
	}
	id := k.Workflow + ":" + string(k.Exchange) + ":" + k.Session.String()
	if k.Subset != "" {
		id += ":" + k.Subset
	}
	if k.Attempt > 1 {
		id += ":" + rerunPrefix + strconv.Itoa(k.Attempt)
	}
	return RunID(id)
}

// ParseRunID checks a run ID written by a person or a client. Errors are of KindInvalid with Field "id".
func ParseRunID(text string) (RunID, error) {
	id := RunID(text)
	if _, err := id.Key(); err != nil {
		return "", err
	}
	return id, nil
}

// Key parses the ID. Errors are of KindInvalid with Field "id".
func (id RunID) Key() (RunKey, error) {
	bad := func(message string) (RunKey, error) {
		return RunKey{}, Invalid("id", message, "use an ID like daily:XNYS:2025-09-26 or daily:XNYS:2025-09-26:rerun-2")
	}
	text := string(id)
	if len(text) > maxRunID {
		return bad(fmt.Sprintf("the run ID is longer than %d bytes", maxRunID))
	}
	parts := strings.Split(text, ":")
	if parts[0] == BackfillRun {
		if len(parts) != 2 || !backfillID.MatchString(parts[1]) {
			return bad(fmt.Sprintf("%q is not the run ID of a backfill, which ends in 32 hex digits", text))
		}
		return RunKey{Workflow: BackfillRun, Backfill: parts[1], Attempt: 1}, nil
	}
	if len(parts) < 3 || len(parts) > 5 || parts[0] != DailyRun {
		return bad(fmt.Sprintf("%q is not a run ID", text))
	}
	key := RunKey{Workflow: parts[0], Attempt: 1}
	var err error
	if key.Exchange, err = ParseExchange(parts[1]); err != nil || string(key.Exchange) != parts[1] {
		return bad(fmt.Sprintf("the exchange in run ID %q is unknown", text))
	}
	if key.Session, err = ParseSession(parts[2]); err != nil {
		return bad(fmt.Sprintf("the session in run ID %q is not a date", text))
	}
	rest := parts[3:]
	if len(rest) > 0 && isSubsetHash(rest[0]) {
		key.Subset, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		n, ok := readAttempt(rest[0])
		if !ok || len(rest) > 1 {
			return bad(fmt.Sprintf("run ID %q ends in neither the hash of a set of symbols nor a re-run", text))
		}
		key.Attempt = n
	}
	return key, nil
}

// WorkflowID returns the ID of the workflow that performs the run.
func (id RunID) WorkflowID() string { return strings.ReplaceAll(string(id), ":", "/") }

// Base returns the ID of the first attempt, which all attempts of the same request share.
func (id RunID) Base() RunID {
	base, _ := id.split()
	return base
}

// Attempt returns which attempt of its request the run is, 1 for the first.
func (id RunID) Attempt() int {
	_, attempt := id.split()
	return attempt
}

func (id RunID) split() (base RunID, attempt int) {
	if i := strings.LastIndexByte(string(id), ':'); i >= 0 {
		if n, ok := readAttempt(string(id[i+1:])); ok {
			return id[:i], n
		}
	}
	return id, 1
}

// readAttempt parses "rerun-2". A number below 2 or with leading zeros is not ok, so that every attempt has one form.
func readAttempt(text string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(text, rerunPrefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 2 && strconv.Itoa(n) == digits
}

// SubsetHash identifies a set of symbols: the first 12 hex digits of the SHA-256 of the sorted, distinct symbols joined
// by ",". It is empty for no symbols.
func SubsetHash(symbols []Symbol) string {
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
	return hex.EncodeToString(sum[:subsetBytes])
}

func isSubsetHash(s string) bool {
	return len(s) == 2*subsetBytes && strings.Trim(s, "0123456789abcdef") == ""
}

// SortedSymbols returns the distinct symbols in ascending order; nil for none. It does not modify its argument.
func SortedSymbols(symbols []Symbol) []Symbol {
	if len(symbols) == 0 {
		return nil
	}
	sorted := slices.Clone(symbols)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
