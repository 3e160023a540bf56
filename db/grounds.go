package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// Rows are judged in one transaction and stored in another, and a person may decide on something in between. A fetch remembers on which
// grounds its rows were judged (etf.Grounds), and is stored only while they are the same: see docs/adr/0036-grounds.md. Whatever rows are
// judged by either makes a data version, is a version of the calendar, or calls changeGrounds.

// changeGrounds makes verdicts outdated that were made before, and returns the new etf.Grounds.Change. The caller has locked the ETF.
func (s *Store) changeGrounds(ctx context.Context, q *writing, id uint32) (change string, err error) {
	change = newWriter()
	return change, q.ChangeGrounds(ctx, sqlcgen.ChangeGroundsParams{EtfID: id, Writer: change, ChangedAt: s.now()})
}

func groundsToJudge(r sqlcgen.GetFetchRow) etf.Grounds {
	return etf.Grounds{Version: etf.DataVersion{Number: r.DataVersion, Writer: r.DataVersionWriter}, Change: r.ChangeWriter, Calendar: int(r.CalendarVersion)}
}

func groundsToPersist(r sqlcgen.GetFetchToPersistRow) etf.Grounds {
	return etf.Grounds{Version: etf.DataVersion{Number: r.DataVersion, Writer: r.DataVersionWriter}, Change: r.ChangeWriter, Calendar: int(r.CalendarVersion)}
}

// groundsHash fits into fetches.result_writer, which has the result of Persist later.
func groundsHash(g etf.Grounds) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("grounds|%d|%s|%s|%d", g.Version.Number, g.Version.Writer, g.Change, g.Calendar)))
	return hex.EncodeToString(sum[:16])
}

// outdated is the error for rows that were judged on other grounds.
func outdated(fetch string) error {
	return &etf.Error{Kind: etf.KindConflict, Field: "grounds", Err: etf.ErrOutdated,
		Message: fmt.Sprintf("bars, decisions, the registry or the calendar have changed since the rows of fetch %s were judged", fetch),
		Remedy:  "judge them again"}
}
