package db

import (
	"context"
	"errors"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// openEnd is the known_to of current rows.
var openEnd = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// cause is the reason for a data version: the ID of a fetch, or of a finding or an action that was decided on.
type cause struct{ kind, id string }

// The kinds of cause.
const (
	causeFetch    = etf.CauseFetch
	causeDecision = etf.CauseDecision
	causeAction   = etf.CauseAction
	causeRestated = etf.CauseRestated
	causeListing  = etf.CauseListing
	causeMarket   = etf.CauseMarket // of a held bar that the market's moves explain; the ID is that of the run
)

// openVersion is the superseded_by of current rows.
const openVersion = etf.NewestVersion + 1

// series is the summary of an ETF's bars in its row of etfs, as a transaction has read it.
type series struct {
	id                uint32
	basis             string
	version           etf.DataVersion
	knownFrom         time.Time
	bars, quarantined int
	first, last       etf.Session
}

// next returns the version this transaction would create and its known_from: now, or just after that of the last version
// if the clock has not advanced (or has gone back).
func (e series) next(now time.Time) (etf.DataVersion, time.Time) {
	if !now.After(e.knownFrom) {
		now = e.knownFrom.Add(time.Microsecond)
	}
	return etf.DataVersion{Number: e.version.Number + 1, Writer: newWriter()}, now
}

// errLost means that a compare-and-set found another version; it counts as a collision.
var errLost = errors.New("the data version has changed")

// advance sets the ETF's data version to that of to, or returns errLost if that of old is no longer current.
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
