package db

import (
	"context"
	"math"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// VersionCause returns an ETF's data version and what caused it. KindInvalid with Field "data_version" if there is none with that
// number, KindNotFound for an unknown symbol.
func (s *Store) VersionCause(ctx context.Context, symbol etf.Symbol, version int64) (etf.VersionCause, error) {
	v, err := s.versionRow(ctx, symbol, version)
	return etf.VersionCause{
		DataVersion: etf.DataVersion{Number: v.Number, Writer: v.Writer}, KnownFrom: v.KnownFrom, Cause: v.Cause, CauseID: v.CauseID,
	}, err
}

// Decisions returns the newest data versions up to the given one, at most limit, that a decision or the release of a held bar caused,
// newest first. Their Writer is empty.
func (s *Store) Decisions(ctx context.Context, symbol etf.Symbol, version int64, limit int) ([]etf.VersionCause, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	rows, err := s.q.ListDecidedVersions(ctx, sqlcgen.ListDecidedVersionsParams{EtfID: id, Version: version, Limit: int32(min(limit, math.MaxInt32))})
	if err != nil {
		return nil, translate(err, "listing the decisions about "+string(symbol))
	}
	list := make([]etf.VersionCause, len(rows))
	for i, r := range rows {
		list[i] = etf.VersionCause{DataVersion: etf.DataVersion{Number: r.Number}, KnownFrom: r.KnownFrom, Cause: r.Cause, CauseID: r.CauseID}
	}
	return list, nil
}

// BarFetchesAt returns the fetches from which the bars of the window come that were believed at the data version, ascending by their
// earliest bar. Neither end of the window may be zero.
func (s *Store) BarFetchesAt(ctx context.Context, symbol etf.Symbol, version int64, window etf.Window) ([]etf.FetchUse, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	what := "listing the fetches behind the bars of " + string(symbol)
	used, err := s.q.ListBarFetchesAt(ctx, sqlcgen.ListBarFetchesAtParams{
		EtfID: id, FromSession: column.Session(window.From), ToSession: column.Session(window.To), Version: version,
	})
	if err != nil || len(used) == 0 {
		return nil, translate(err, what)
	}
	ids, at := make([]string, len(used)), make(map[string]int, len(used))
	list := make([]etf.FetchUse, len(used))
	for i, u := range used {
		ids[i], at[u.FetchID] = u.FetchID, i
		list[i] = etf.FetchUse{Fetch: etf.Fetch{ID: u.FetchID, Symbol: symbol}, Bars: int(u.Bars), First: etf.Session(u.FirstSession), Last: etf.Session(u.LastSession)}
	}
	records, err := s.q.ListFetchRecords(ctx, ids)
	if err != nil {
		return nil, translate(err, what)
	}
	for _, r := range records {
		list[at[r.ID]].Fetch = fetchRecord(r, symbol)
	}
	bodies, err := s.q.ListStoredBodies(ctx, ids)
	if err != nil {
		return nil, translate(err, what)
	}
	for _, id := range bodies {
		list[at[id]].Stored = true
	}
	return list, nil
}

func fetchRecord(r sqlcgen.ListFetchRecordsRow, symbol etf.Symbol) etf.Fetch {
	return etf.Fetch{
		ID: r.ID, Symbol: symbol, Source: r.Source, Window: etf.Window{From: etf.Session(r.WindowFrom), To: etf.Session(r.WindowTo)},
		Request: r.Request, MediaType: r.MediaType, Hash: r.RawHash, Basis: etf.Basis(r.Basis), Rows: int(r.RowCount),
		FetchedAt: r.FetchedAt, Run: etf.RunID(r.RunID),
	}
}
