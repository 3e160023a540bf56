package db

import (
	"context"
	"errors"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// openEnd is the known_to of what is believed now.
var openEnd = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// cause is what made a data version: a fetch or a finding that was decided, by ID.
type cause struct{ kind, id string }

// The kinds of cause.
const (
	causeFetch    = "fetch"
	causeDecision = "decision"
)

// series is the row of etfs that sums an ETF's bars up, as a transaction has read it.
type series struct {
	id                uint32
	basis             string
	version           etf.DataVersion
	knownFrom         time.Time
	bars, quarantined int
	first, last       etf.Session
}

// next returns the version this transaction would make, with the instant its beliefs begin: now, or just after the
// last version's where the clock has not moved on (or has gone back).
func (e series) next(now time.Time) (etf.DataVersion, time.Time) {
	if !now.After(e.knownFrom) {
		now = e.knownFrom.Add(time.Microsecond)
	}
	return etf.DataVersion{Number: e.version.Number + 1, Writer: newWriter()}, now
}

// errLost is a compare-and-set that found another version; it reads as a collision.
var errLost = errors.New("the data version has moved on")

// advance makes to the ETF's data version, unless old's is no longer current.
func advance(ctx context.Context, q *sqlcgen.Queries, old, to series, by cause) error {
	n, err := q.AdvanceETF(ctx, sqlcgen.AdvanceETFParams{
		ID: old.id, OldVersion: old.version.Number, OldWriter: old.version.Writer,
		DataVersion: to.version.Number, Writer: to.version.Writer, KnownFrom: to.knownFrom, Basis: to.basis,
		Bars: int32(to.bars), Quarantined: int32(to.quarantined),
		FirstSession: column.Session(to.first), LastSession: column.Session(to.last),
	})
	if err != nil {
		return err
	}
	if n != 1 {
		return errLost
	}
	return q.InsertDataVersion(ctx, sqlcgen.InsertDataVersionParams{
		EtfID: old.id, Number: to.version.Number, Writer: to.version.Writer, KnownFrom: to.knownFrom,
		Cause: by.kind, CauseID: by.id,
	})
}
