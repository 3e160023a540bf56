package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// ForecastHeads returns forecasts of the models, of whole origins, in no order: all of those with the origin `through`, and of those
// with earlier origins the newest n at least, or all there are. Numbers are not read, so nothing is verified. KindNotFound for an
// unknown symbol.
func (s *Store) ForecastHeads(ctx context.Context, symbol etf.Symbol, models []string, through etf.Session, n int) ([]etf.ForecastHead, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	list, err := s.forecastHeads(ctx, id, models, min(through, lastSession), n)
	for i := range list {
		list[i].Symbol = symbol
	}
	return list, translate(err, "listing the forecasts of "+string(symbol))
}

func (s *Store) forecastHeads(ctx context.Context, id uint32, models []string, through etf.Session, n int) ([]etf.ForecastHead, error) {
	// A model that has n of them sets the origin from which all are read: what the others have before it is on a later page.
	from := firstDate
	for _, model := range models {
		origin, err := s.q.GetOriginBefore(ctx, sqlcgen.GetOriginBeforeParams{EtfID: id, Model: model, Before: column.Session(through), Offset: int32(n - 1)})
		switch {
		case err == nil:
			from = max(from, etf.Session(origin))
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	var list []etf.ForecastHead
	at, ids := map[string]int{}, []string{}
	for _, model := range models {
		rows, err := s.q.ListForecastHeads(ctx, sqlcgen.ListForecastHeadsParams{EtfID: id, Model: model, FromOrigin: column.Session(from), ToOrigin: column.Session(through)})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			at[r.ID], ids = len(list), append(ids, r.ID)
			list = append(list, etf.ForecastHead{
				ID: r.ID, Model: r.Model, Origin: etf.Session(r.Origin), IssuedAt: r.IssuedAt, AsOf: r.AsOf, Run: etf.RunID(r.RunID),
				CodeVersion: r.CodeVersion, DataVersion: r.DataVersion, Chain: r.Chain,
			})
		}
	}
	for part := range slices.Chunk(ids, 1000) {
		horizons, err := s.q.ListHorizonsOfForecasts(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, h := range horizons {
			f := &list[at[h.ForecastID]]
			f.Horizons = append(f.Horizons, int(h.Horizon))
		}
		marks, err := s.q.ListForecastMarks(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, m := range marks {
			list[at[m.ForecastID]].Held = list[at[m.ForecastID]].Held || m.Mark == markHeld
		}
	}
	return list, nil
}

// ETFFetches returns up to limit fetches of the ETF after the given position, newest first, and the position of the next page: zero
// after the last. KindNotFound for an unknown symbol.
func (s *Store) ETFFetches(ctx context.Context, symbol etf.Symbol, after etf.Cursor, limit int) (page []etf.StoredFetch, next etf.Cursor, err error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, next, err
	}
	what := "listing the fetches of " + string(symbol)
	places, err := s.q.ListETFFetches(ctx, sqlcgen.ListETFFetchesParams{EtfID: id, BeforeAt: startOf(after), BeforeID: after.ID, Limit: int32(limit + 1)})
	if err != nil || len(places) == 0 {
		return nil, next, translate(err, what)
	}
	if len(places) > limit {
		places = places[:limit]
		last := places[limit-1]
		next = etf.Cursor{At: last.FetchedAt, ID: last.FetchID}
	}
	page = make([]etf.StoredFetch, len(places))
	at, ids := map[string]int{}, make([]string, len(places))
	for i, p := range places {
		at[p.FetchID], ids[i] = i, p.FetchID
	}
	records, err := s.q.ListFetchRecords(ctx, ids)
	if err != nil {
		return nil, next, translate(err, what)
	}
	for _, r := range records {
		page[at[r.ID]].Fetch = fetchRecord(r, symbol)
	}
	outcomes, err := s.q.ListFetchOutcomes(ctx, ids)
	if err != nil {
		return nil, next, translate(err, what)
	}
	for _, r := range outcomes {
		f := &page[at[r.ID]]
		f.PersistedAt, f.New, f.Unchanged, f.Revised, f.Quarantined = r.PersistedAt.Time, int(r.RowsNew), int(r.RowsUnchanged), int(r.RowsRevised), int(r.RowsQuarantined)
	}
	bodies, err := s.q.ListStoredBodies(ctx, ids)
	if err != nil {
		return nil, next, translate(err, what)
	}
	for _, id := range bodies {
		page[at[id]].Stored = true
	}
	return page, next, nil
}

// RunsOfETF returns what each of the runs did for the ETF, under the symbol that it had then, in no order; runs that did nothing for it are not among them.
func (s *Store) RunsOfETF(ctx context.Context, e etf.ETF, runs []etf.RunID) (map[etf.RunID]etf.RunETF, error) {
	list := map[etf.RunID]etf.RunETF{}
	if len(runs) == 0 {
		return list, nil
	}
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = string(r)
	}
	symbols, until := []string{string(e.Symbol)}, map[string]etf.Session{string(e.Symbol): lastSession}
	for _, f := range e.Former {
		if until[string(f.Symbol)] < f.Last {
			symbols, until[string(f.Symbol)] = append(symbols, string(f.Symbol)), f.Last
		}
	}
	rows, err := s.q.ListRunsOfSymbol(ctx, sqlcgen.ListRunsOfSymbolParams{Runs: ids, Symbols: symbols})
	if err != nil {
		return nil, translate(err, "listing the runs of "+string(e.Symbol))
	}
	for _, r := range rows {
		if session := etf.Session(r.Session); session <= until[r.Symbol] && (r.Symbol != string(e.Symbol) || session >= e.Listed) {
			list[etf.RunID(r.RunID)] = domainRunETF(r)
		}
	}
	return list, nil
}

// mostETFs is how many ETFs one statement names.
const mostETFs = 500

// OriginScores returns the scores of every ETF of an exchange at one origin, by one model and at one horizon, that count: ascending by
// symbol and forecast, the newest versions that are not withdrawn.
func (s *Store) OriginScores(ctx context.Context, exchange etf.Exchange, model string, horizon int, origin etf.Session) ([]etf.Score, error) {
	what := "reading the scores of one origin"
	var list []etf.Score
	after := ""
	for {
		etfs, err := s.q.ListETFsOfExchange(ctx, sqlcgen.ListETFsOfExchangeParams{Exchange: string(exchange), Symbol: after, Limit: mostETFs})
		if err != nil {
			return nil, translate(err, what)
		}
		if len(etfs) == 0 {
			return list, nil
		}
		after = etfs[len(etfs)-1].Symbol
		ids := make([]uint32, len(etfs))
		for i, e := range etfs {
			ids[i] = e.ID
		}
		rows, err := s.q.ListScoresAt(ctx, sqlcgen.ListScoresAtParams{Etfs: ids, Model: model, Horizon: uint16(horizon), Origin: column.Session(origin)})
		if err != nil {
			return nil, translate(err, what)
		}
		byETF := map[uint32][]sqlcgen.Score{}
		for _, r := range rows {
			byETF[r.EtfID] = append(byETF[r.EtfID], r)
		}
		for _, e := range etfs {
			list = append(list, slices.DeleteFunc(newestScores(byETF[e.ID], etf.Symbol(e.Symbol), exchange), func(s etf.Score) bool { return s.Withdrawn })...)
		}
	}
}
