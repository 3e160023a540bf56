package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// heldWithin bounds the held bars that one response is checked against: each is decided on by the session after it.
const heldWithin = 60

// held reads the held bars within the staged range, at most the newest heldWithin, ascending.
func (s *Store) held(ctx context.Context, fetch sqlcgen.GetFetchRow, staged []etf.Bar) ([]etf.StoredBar, error) {
	if fetch.Bars == 0 || len(staged) == 0 {
		return nil, nil
	}
	first, last := staged[0].Session, staged[0].Session
	for _, b := range staged {
		first, last = min(first, b.Session), max(last, b.Session)
	}
	rows, err := s.q.ListHeldBars(ctx, sqlcgen.ListHeldBarsParams{
		EtfID: fetch.Fetch.EtfID, FromSession: column.Session(first), ToSession: column.Session(last), Limit: heldWithin,
	})
	list := make([]etf.StoredBar, len(rows))
	for i, r := range rows {
		list[i] = storedBar(r)
	}
	return ascending(list), err
}

// isHeld reports whether the ETF's bar of the session is held.
func isHeld(ctx context.Context, q *sqlcgen.Queries, id uint32, session etf.Session) (bool, error) {
	state, err := q.GetBarState(ctx, sqlcgen.GetBarStateParams{EtfID: id, Session: column.Session(session)})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return state == column.Held, err
}

// SessionBars returns the bars of a session of every ETF of the exchange, ascending by symbol, without the quarantined ones.
func (s *Store) SessionBars(ctx context.Context, exchange etf.Exchange, session etf.Session) ([]etf.SessionBar, error) {
	const page = 500
	var list []etf.SessionBar
	for after := ""; ; {
		etfs, err := s.q.ListETFsOfExchange(ctx, sqlcgen.ListETFsOfExchangeParams{Exchange: string(exchange), Symbol: after, Limit: page})
		if err != nil {
			return nil, translate(err, "listing the ETFs of "+string(exchange))
		}
		if len(etfs) > 0 {
			bars, err := s.sessionBars(ctx, etfs, session)
			if err != nil {
				return nil, translate(err, "reading the bars of "+session.String())
			}
			list = append(list, bars...)
		}
		if len(etfs) < page {
			return list, nil
		}
		after = etfs[len(etfs)-1].Symbol
	}
}

func (s *Store) sessionBars(ctx context.Context, etfs []sqlcgen.Etf, session etf.Session) ([]etf.SessionBar, error) {
	ids := make([]uint32, len(etfs))
	symbols := make(map[uint32]etf.Symbol, len(etfs))
	for i, e := range etfs {
		ids[i], symbols[e.ID] = e.ID, etf.Symbol(e.Symbol)
	}
	rows, err := s.q.ListBarsOfSession(ctx, sqlcgen.ListBarsOfSessionParams{Etfs: ids, Session: column.Session(session)})
	if err != nil {
		return nil, err
	}
	list := make([]etf.SessionBar, len(rows))
	for i, r := range rows {
		list[i] = etf.SessionBar{Symbol: symbols[r.Bar.EtfID], StoredBar: storedBar(r.Bar)}
		if r.Cause == causeMarket {
			list[i].Released = etf.RunID(r.CauseID)
		}
		if !list[i].Held {
			continue
		}
		list[i].HeldBy, err = s.q.ListRulesThatHold(ctx, sqlcgen.ListRulesThatHoldParams{
			EtfID: r.Bar.EtfID, Session: column.Session(session), Rules: quality.HoldingRules(),
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b etf.SessionBar) int {
		if a.Symbol < b.Symbol {
			return -1
		}
		return 1
	})
	return list, nil
}

// ReleaseHeld believes the ETF's held bar of the session from now on, in a new data version caused by the run. A bar that is
// not held any more is left as it is (released is false).
func (s *Store) ReleaseHeld(ctx context.Context, symbol etf.Symbol, session etf.Session, run etf.RunID) (released bool, err error) {
	what := "releasing the bar of " + string(symbol) + " on " + session.String()
	err = s.transaction(ctx, what, func(q *writing, _ *sql.Tx) error {
		released = false
		row, err := named(ctx, q.Queries, string(symbol), q.LockETFToRelease)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownSymbol(symbol)
		}
		if err != nil {
			return err
		}
		q.concerns(row.Exchange, string(symbol), run)
		if held, err := isHeld(ctx, q.Queries, row.ID, session); err != nil || !held {
			return err
		}
		old := series{
			id: row.ID, basis: row.Basis, version: etf.DataVersion{Number: row.DataVersion, Writer: row.DataVersionWriter},
			knownFrom: row.KnownFrom, bars: int(row.Bars), quarantined: int(row.Quarantined),
			first: etf.Session(row.FirstSession), last: etf.Session(row.LastSession),
		}
		to := old
		to.version, to.knownFrom = old.next(s.now())
		sessions := []column.Session{column.Session(session)}
		if _, err := q.ArchiveBars(ctx, sqlcgen.ArchiveBarsParams{
			EtfID: old.id, KnownTo: to.knownFrom, SupersededBy: to.version.Number, Sessions: sessions,
		}); err != nil {
			return err
		}
		if _, err := q.ReleaseBars(ctx, sqlcgen.ReleaseBarsParams{
			EtfID: old.id, DataVersion: to.version.Number, KnownFrom: to.knownFrom, Sessions: sessions,
		}); err != nil {
			return err
		}
		released = true
		q.released(session)
		if err := advance(ctx, q.Queries, old, to, cause{causeMarket, etf.Clip(string(run), maxCauseID)}); err != nil {
			return err
		}
		return s.settleReleased(ctx, q, old.id, session, to.version.Number, run)
	})
	return released, err
}

// settleReleased accepts the undecided findings that held the session's bar, and nothing else: the market has decided on them.
func (s *Store) settleReleased(ctx context.Context, q *writing, id uint32, session etf.Session, version int64, run etf.RunID) error {
	cases, err := casesOn(ctx, q.Queries, id, []etf.Session{session})
	if err != nil {
		return err
	}
	settled := map[string]bool{}
	for _, c := range cases[session] {
		if c.Rule != quality.HeldClose || c.Decision != etf.Undecided || settled[c.Finding] {
			continue
		}
		settled[c.Finding] = true
		if err := s.enter(ctx, q, c.Finding, etf.DecisionRecord{
			Decision: etf.Accept, By: settledBy, Why: "the moves of the session's other ETFs explain this one", Run: run, DataVersion: version, RowsChanged: 1,
		}); err != nil {
			return err
		}
	}
	return nil
}

// maxCauseID is the width of data_versions.cause_id.
const maxCauseID = 64

// Confirmations returns how far the fetches of each of the ETFs confirm its newest bars. ETFs that are unknown or have no bars
// are not among them. For one whose fetches were all stored before confirmations were recorded, it is what its newest data
// version says.
func (s *Store) Confirmations(ctx context.Context, symbols []etf.Symbol) (map[etf.Symbol]etf.Confirmation, error) {
	list := map[etf.Symbol]etf.Confirmation{}
	if len(symbols) == 0 {
		return list, nil
	}
	names := make([]string, len(symbols))
	for i, symbol := range symbols {
		names[i] = string(symbol)
	}
	rows, err := s.q.ListConfirmations(ctx, names)
	if err != nil {
		return nil, translate(err, "reading when bars were confirmed")
	}
	for _, r := range rows {
		if c := confirmation(r); !c.Session.IsZero() {
			list[etf.Symbol(r.Symbol)] = c
		}
	}
	return list, nil
}

func confirmation(r sqlcgen.ListConfirmationsRow) etf.Confirmation {
	c := etf.Confirmation{Exchange: etf.Exchange(r.Exchange), Session: etf.Session(r.Session), At: r.FetchedAt.Time}
	if c.Session.IsZero() {
		c.Session, c.At = etf.Session(r.LastSession), r.KnownFrom
	}
	return c
}
