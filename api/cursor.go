package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// A cursor is opaque to clients: base64url of "<8 hex digits of the query's hash>~<position>". The hash rejects cursors
// of other queries; it is not a signature, because a forged position reads nothing that a query could not.

func encodeCursor(query []string, position string) *string {
	text := base64.RawURLEncoding.EncodeToString([]byte(queryHash(query) + "~" + position))
	return &text
}

// decodeCursor returns the cursor's position, "" for no cursor. Errors are KindInvalid with Field "cursor".
func decodeCursor(query []string, cursor *string) (position string, err error) {
	if cursor == nil {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(*cursor)
	hash, position, ok := strings.Cut(string(raw), "~")
	if err != nil || !ok || position == "" || len(*cursor) > 512 {
		return "", badCursor()
	}
	if hash != queryHash(query) {
		return "", etf.Invalid("cursor", "this cursor belongs to another query", "use a cursor only with the query that returned it, or omit it to start over")
	}
	return position, nil
}

func badCursor() error {
	return etf.Invalid("cursor", "this is not a cursor", "use the next_cursor of the previous page, or omit it to start over")
}

func queryHash(query []string) string {
	sum := sha256.Sum256([]byte(strings.Join(query, "\x00")))
	return hex.EncodeToString(sum[:4])
}

func symbolCursor(query []string, cursor *string) (etf.Symbol, error) {
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return "", err
	}
	symbol, err := etf.ParseSymbol(position)
	if err != nil {
		return "", badCursor()
	}
	return symbol, nil
}

func sessionCursor(query []string, cursor *string) (etf.Session, error) {
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return 0, err
	}
	session, err := etf.ParseSession(position)
	if err != nil {
		return 0, badCursor()
	}
	return session, nil
}

// timePosition encodes a position in a list ordered by instant and ID; timeCursor decodes it.
func timePosition(at etf.Cursor) string {
	return strconv.FormatInt(at.At.UnixMicro(), 10) + " " + at.ID
}

func timeCursor(query []string, cursor *string) (etf.Cursor, error) {
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return etf.Cursor{}, err
	}
	digits, id, ok := strings.Cut(position, " ")
	micros, err := strconv.ParseInt(digits, 10, 64)
	at := time.UnixMicro(micros).UTC()
	// IDs are compared with ASCII columns: other text is refused here, where the error can say why.
	if err != nil || !ok || !cursorID.MatchString(id) || at.Year() < 1970 || at.Year() > 9999 {
		return etf.Cursor{}, badCursor()
	}
	return etf.Cursor{At: at, ID: id}, nil
}

var cursorID = regexp.MustCompile(`^[!-~]{1,200}$`)
