package db

import (
	"context"
	"database/sql"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// storeNAVs stores the NAVs that a fetch states and that are not stored with the same numbers, and returns how many. A value that
// a source leaves out does not contradict a stored one.
func (p *persisting) storeNAVs(ctx context.Context, tx *sql.Tx) (int, error) {
	s, err := decodeStatements(p.row.Actions)
	if err != nil || len(s.NAVs) == 0 {
		return 0, err
	}
	stated := s.NAVs
	first, last := stated[0].Session, stated[0].Session
	latest := map[etf.Session]etf.NAV{} // the last one of a session counts, as for rows
	for _, n := range stated {
		first, last = min(first, n.Session), max(last, n.Session)
		latest[n.Session] = n
	}
	rows, err := p.q.ListNAVsAt(ctx, sqlcgen.ListNAVsAtParams{
		EtfID: p.old.id, FromSession: column.Session(first), ToSession: column.Session(last),
		Version: etf.NewestVersion, Limit: int32(last-first) + 1,
	})
	if err != nil {
		return 0, err
	}
	stored := make(map[etf.Session]etf.NAV, len(rows))
	for _, r := range rows {
		stored[etf.Session(r.Session)] = etf.NAV{Session: etf.Session(r.Session), NAV: etf.Price(r.Nav), Shares: etf.Volume(r.Shares)}
	}
	into := inserter{ctx: ctx, tx: tx, into: `INSERT INTO navs (etf_id, session, data_version, nav, shares, source, fetch_id, known_from,
    known_to, superseded_by)`}
	changed := 0
	var superseded []etf.Session
	for _, n := range stated {
		if n != latest[n.Session] {
			continue
		}
		delete(latest, n.Session) // so that a repeat is stored once
		if n.NAV == 0 && !n.Shares.Known() {
			continue
		}
		if old, ok := stored[n.Session]; ok {
			if n.NAV == 0 {
				n.NAV = old.NAV
			}
			if !n.Shares.Known() {
				n.Shares = old.Shares
			}
			if n == old {
				continue
			}
			superseded = append(superseded, n.Session)
		}
		changed++
		into.row(p.to.id, column.Session(n.Session), p.to.version.Number, column.OptionalPrice(n.NAV), column.Volume(n.Shares), p.row.Source,
			p.fetch, p.to.knownFrom, openEnd, int64(openVersion))
	}
	const batch = 1000
	for len(superseded) > 0 {
		n := min(batch, len(superseded))
		if _, err := p.q.SupersedeNAVs(ctx, sqlcgen.SupersedeNAVsParams{
			SupersededBy: p.to.version.Number, KnownTo: p.to.knownFrom, EtfID: p.old.id, OpenVersion: openVersion, Sessions: columns(superseded[:n]),
		}); err != nil {
			return 0, err
		}
		superseded = superseded[n:]
	}
	return changed, into.done()
}
