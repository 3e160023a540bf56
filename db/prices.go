package db

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// lastSession means no upper bound.
var lastSession = etf.NewSession(9999, 12, 31)

// firstDate means no lower bound; DATE starts in the year 1000.
var firstDate = etf.NewSession(1000, 1, 1)

// History returns the series a forecast is fitted to: see activities.Forecasts. The bars and the version are consistent:
// it reads both again if a Persist comes in between. Only a bar's session, close and basis are filled in, and its volume
// is unknown; BarsPage returns the rest.
func (s *Store) History(ctx context.Context, symbol etf.Symbol, to etf.Session, limit int) (etf.History, error) {
	var h etf.History
	err := s.retry(ctx, "reading the history of "+string(symbol), func() error {
		head, err := named(ctx, s.q, string(symbol), s.q.GetETFVersion)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownSymbol(symbol)
		}
		if err != nil {
			return err
		}
		rows, err := s.history(ctx, head, to, min(limit, math.MaxInt32))
		if err != nil {
			return err
		}
		splits, err := s.q.ListSplitsWithVersion(ctx, sqlcgen.ListSplitsWithVersionParams{EtfID: head.ID, Current: openVersion})
		if err != nil {
			return err
		}
		held := false
		if len(rows) == 0 || etf.Session(rows[0].Session) != to {
			if held, err = isHeld(ctx, s.q, head.ID, to); err != nil {
				return err
			}
		}
		if len(splits) == 0 || splits[0].DataVersion != head.DataVersion || splits[0].DataVersionWriter != head.DataVersionWriter {
			return errLost
		}
		h = etf.History{
			DataVersion: etf.DataVersion{Number: head.DataVersion, Writer: head.DataVersionWriter},
			AsOf:        head.KnownFrom, Bars: historyOf(rows, etf.Basis(head.Basis)), Splits: domainSplits(splits), Held: held,
		}
		return nil
	})
	return h, err
}

func (s *Store) history(ctx context.Context, head sqlcgen.GetETFVersionRow, to etf.Session, limit int) ([]sqlcgen.ListHistoryRow, error) {
	if to >= etf.Session(head.LastSession) {
		return s.q.ListHistory(ctx, sqlcgen.ListHistoryParams{EtfID: head.ID, Limit: int32(limit)})
	}
	rows, err := s.q.ListHistoryUntil(ctx, sqlcgen.ListHistoryUntilParams{EtfID: head.ID, ToSession: column.Session(to), Limit: int32(limit)})
	list := make([]sqlcgen.ListHistoryRow, len(rows))
	for i, r := range rows {
		list[i] = sqlcgen.ListHistoryRow(r)
	}
	return list, err
}

// historyOf converts rows, newest first, into bars, oldest first.
func historyOf(rows []sqlcgen.ListHistoryRow, basis etf.Basis) []etf.StoredBar {
	list := make([]etf.StoredBar, len(rows))
	for i, r := range rows {
		list[len(rows)-1-i] = etf.StoredBar{
			Bar:   etf.Bar{Session: etf.Session(r.Session), Close: etf.Price(r.Close), Volume: etf.VolumeUnknown},
			Basis: basis, // the same for the whole series: Persist refuses another
		}
	}
	return list
}

// BarsPage returns up to limit current bars of the window after the given session (0 = from the first), ascending,
// including quarantined ones. A zero window.To means no upper bound. KindNotFound for an unknown symbol.
func (s *Store) BarsPage(ctx context.Context, symbol etf.Symbol, window etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	rows, err := s.q.ListBars(ctx, listBarsParams(id, window, after, limit))
	if err != nil {
		return nil, translate(err, "reading bars of "+string(symbol))
	}
	list := make([]etf.StoredBar, len(rows))
	for i, r := range rows {
		list[i] = storedBar(r)
	}
	return list, nil
}

// EachBar calls do for every current bar of the window, ascending, without keeping them all in memory; it stops at do's
// first error and returns it unchanged. It reads in pages, so that a slow reader holds no connection and no transaction.
func (s *Store) EachBar(ctx context.Context, symbol etf.Symbol, window etf.Window, do func(etf.StoredBar) error) error {
	const page = 2000
	after := etf.Session(0)
	for {
		bars, err := s.BarsPage(ctx, symbol, window, after, page)
		if err != nil {
			return err
		}
		for _, b := range bars {
			if err := do(b); err != nil {
				return err
			}
			after = b.Session
		}
		if len(bars) < page {
			return nil
		}
	}
}

func listBarsParams(id uint32, w etf.Window, after etf.Session, limit int) sqlcgen.ListBarsParams {
	if w.From.IsZero() {
		w.From = firstDate
	}
	if w.To.IsZero() {
		w.To = lastSession
	}
	if !after.IsZero() && after >= w.From {
		w.From = after + 1
	}
	return sqlcgen.ListBarsParams{
		EtfID: id, FromSession: column.Session(w.From), ToSession: column.Session(w.To), Limit: int32(min(limit, math.MaxInt32)),
	}
}

// BarRevisions returns every bar ever stored for one session, oldest first, ending with the current one (whose KnownTo is
// zero) if there is one. Empty if no bar was ever stored for the session.
func (s *Store) BarRevisions(ctx context.Context, symbol etf.Symbol, session etf.Session) ([]etf.StoredBar, error) {
	// The current bar is read first. If it is superseded in between, it is also among the revisions, and the check of the
	// version below leaves the second copy out.
	current, err := s.BarsPage(ctx, symbol, etf.Window{From: session, To: session}, 0, 1)
	if err != nil {
		return nil, err
	}
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	rows, err := s.q.ListRevisions(ctx, sqlcgen.ListRevisionsParams{EtfID: id, Session: column.Session(session)})
	if err != nil {
		return nil, translate(err, "reading revisions of "+string(symbol))
	}
	list := make([]etf.StoredBar, 0, len(rows)+1)
	for _, r := range rows {
		if len(current) == 0 || r.DataVersion < current[0].DataVersion {
			list = append(list, revisedBar(r))
		}
	}
	return append(list, current...), nil
}

func (s *Store) idOf(ctx context.Context, symbol etf.Symbol) (uint32, error) {
	head, err := s.headOf(ctx, symbol)
	return head.ID, err
}

// headOf returns the ETF's newest data version and the summary of its bars. KindNotFound for an unknown symbol.
func (s *Store) headOf(ctx context.Context, symbol etf.Symbol) (sqlcgen.GetETFVersionRow, error) {
	head, err := named(ctx, s.q, string(symbol), s.q.GetETFVersion)
	if errors.Is(err, sql.ErrNoRows) {
		return head, unknownSymbol(symbol)
	}
	return head, translate(err, "looking up "+string(symbol))
}
