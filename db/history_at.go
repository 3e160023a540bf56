package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// HistoryAt returns what History returned while the data version was current. KindInvalid with Field "data_version" if the ETF has
// no version with that number, KindNotFound for an unknown symbol.
func (s *Store) HistoryAt(ctx context.Context, symbol etf.Symbol, version int64, to etf.Session, limit int) (etf.History, error) {
	v, err := s.versionRow(ctx, symbol, version)
	if err != nil {
		return etf.History{}, err
	}
	h := etf.History{DataVersion: etf.DataVersion{Number: v.Number, Writer: v.Writer}, AsOf: v.KnownFrom, Bars: []etf.StoredBar{}}
	what := "reading the history of " + string(symbol)
	rows := int32(min(limit, math.MaxInt32))
	// Bars first: see BarsPageAt.
	current, err := s.q.ListHistoryAt(ctx, sqlcgen.ListHistoryAtParams{EtfID: v.ID, ToSession: column.Session(to), Version: version, Limit: rows})
	if err != nil {
		return etf.History{}, translate(err, what)
	}
	revisions, err := s.q.ListHistoryRevisionsAt(ctx, sqlcgen.ListHistoryRevisionsAtParams{EtfID: v.ID, ToSession: column.Session(to), Version: version, Limit: rows})
	if err != nil {
		return etf.History{}, translate(err, what)
	}
	for len(h.Bars) < limit && len(current)+len(revisions) > 0 {
		var r sqlcgen.ListHistoryAtRow
		if len(revisions) == 0 || len(current) > 0 && current[0].Session > revisions[0].Session {
			r, current = current[0], current[1:]
		} else {
			if len(current) > 0 && current[0].Session == revisions[0].Session {
				current = current[1:] // it was superseded between the two statements
			}
			r, revisions = sqlcgen.ListHistoryAtRow(revisions[0]), revisions[1:]
		}
		h.Bars = append(h.Bars, etf.StoredBar{
			Bar:   etf.Bar{Session: etf.Session(r.Session), Close: etf.Price(r.Close), Volume: etf.VolumeUnknown},
			Basis: etf.Basis(r.Basis),
		})
	}
	slices.Reverse(h.Bars)
	if n := len(h.Bars); n == 0 || h.Bars[n-1].Session != to {
		bars, err := s.BarsPageAt(ctx, symbol, version, etf.Window{From: to, To: to}, 0, 1)
		if err != nil {
			return etf.History{}, err
		}
		h.Held = len(bars) > 0 && bars[0].Held
	}
	actions, err := s.q.ListActionsAt(ctx, sqlcgen.ListActionsAtParams{EtfID: v.ID, Version: version})
	if err != nil {
		return etf.History{}, translate(err, "reading the actions of "+string(symbol))
	}
	for _, r := range actions {
		if etf.ActionKind(r.Kind) == etf.Split && etf.ActionStatus(r.Status) == etf.Accepted {
			h.Splits = append(h.Splits, etf.Action{Kind: etf.Split, Ex: etf.Session(r.Ex), Numerator: r.Numerator, Denominator: r.Denominator})
		}
	}
	return h, nil
}

// versionRow returns the row of an ETF's data version.
func (s *Store) versionRow(ctx context.Context, symbol etf.Symbol, version int64) (sqlcgen.GetVersionRowRow, error) {
	v, err := named(ctx, s.q, string(symbol), func(ctx context.Context, symbol string) (sqlcgen.GetVersionRowRow, error) {
		return s.q.GetVersionRow(ctx, sqlcgen.GetVersionRowParams{Symbol: symbol, Number: version})
	})
	if !errors.Is(err, sql.ErrNoRows) {
		return v, translate(err, "looking up a data version of "+string(symbol))
	}
	if _, err := s.idOf(ctx, symbol); err != nil {
		return v, err
	}
	return v, etf.Invalid("data_version", fmt.Sprintf("%s has no data version %d", symbol, version), fmt.Sprintf("`etfcast etf versions %s` lists its versions", symbol))
}
