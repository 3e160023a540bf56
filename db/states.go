package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

const (
	// statesPage is how many ETFs one statement reads, statesAtOnce how many pages are read at once.
	statesPage   = 500
	statesAtOnce = 4
	// closesWithin is how many days before an ETF's newest bar its closes go back: 30 sessions and their holidays.
	closesWithin = 50
)

// ETFStates returns how the selected ETFs stand, ascending by symbol. It takes no snapshot: what is written while it reads may be
// there in part. Unknown symbols, and those of another exchange, are left out.
func (s *Store) ETFStates(ctx context.Context, q etf.StateQuery) ([]etf.ETFState, error) {
	rows, err := s.etfRows(ctx, q)
	if err != nil {
		return nil, translate(err, "listing ETFs")
	}
	if len(q.Except) > 0 {
		rows = slices.DeleteFunc(rows, func(r sqlcgen.Etf) bool { return q.Except[etf.Symbol(r.Symbol)] })
	}
	list := make([]etf.ETFState, len(rows))
	slots := make(chan struct{}, statesAtOnce)
	var wg sync.WaitGroup
	var failed error
	var once sync.Once
	for from := 0; from < len(rows); from += statesPage {
		to := min(from+statesPage, len(rows))
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			p := states{ctx: ctx, q: s.q, query: q, rows: rows[from:to], to: list[from:to]}
			if err := p.read(); err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	wg.Wait()
	return list, translate(failed, "reading how the ETFs stand")
}

// etfRows reads the registry's rows of the selected ETFs, ascending by symbol.
func (s *Store) etfRows(ctx context.Context, q etf.StateQuery) ([]sqlcgen.Etf, error) {
	var list []sqlcgen.Etf
	if q.Symbols != nil {
		for part := range slices.Chunk(pageOf(q.Symbols, "", len(q.Symbols)), statesPage) {
			rows, err := s.q.ListETFsBySymbol(ctx, part)
			if err != nil {
				return nil, err
			}
			list = append(list, rows...)
		}
		return slices.DeleteFunc(list, func(r sqlcgen.Etf) bool { return q.Exchange != "" && r.Exchange != string(q.Exchange) }), nil
	}
	const page = 5000
	for after := ""; ; {
		var rows []sqlcgen.Etf
		var err error
		if q.Exchange == "" {
			rows, err = s.q.ListETFs(ctx, sqlcgen.ListETFsParams{Symbol: after, Limit: page})
		} else {
			rows, err = s.q.ListETFsOfExchange(ctx, sqlcgen.ListETFsOfExchangeParams{Exchange: string(q.Exchange), Symbol: after, Limit: page})
		}
		if err != nil {
			return nil, err
		}
		list = append(list, rows...)
		if len(rows) < page {
			return list, nil
		}
		after = rows[len(rows)-1].Symbol
	}
}

// states reads a page of states.
type states struct {
	ctx   context.Context
	q     *sqlcgen.Queries
	query etf.StateQuery
	rows  []sqlcgen.Etf
	to    []etf.ETFState

	ids []uint32
	at  map[uint32]*etf.ETFState
	// arrived has the arrivals by ETF and session.
	arrived map[uint32]map[etf.Session]*etf.Arrival
}

func (p *states) read() error {
	registered, err := complete(p.ctx, p.q, p.rows)
	if err != nil {
		return err
	}
	p.at, p.arrived = map[uint32]*etf.ETFState{}, map[uint32]map[etf.Session]*etf.Arrival{}
	for i, e := range registered {
		p.to[i] = etf.ETFState{ETF: e, Since: e.CreatedAt, Basis: etf.Basis(p.rows[i].Basis)}
		p.ids = append(p.ids, p.rows[i].ID)
		p.at[p.rows[i].ID] = &p.to[i]
	}
	parts := []func() error{p.retirements, p.arrivals}
	if p.query.Full {
		parts = append(parts, p.closes, p.confirmations, p.findings, p.forecasts, p.actions)
	}
	for _, part := range parts {
		if err := part(); err != nil {
			return err
		}
	}
	for id, sessions := range p.arrived {
		for _, session := range slices.Sorted(maps.Keys(sessions)) {
			p.at[id].Arrivals = append(p.at[id].Arrivals, *sessions[session])
		}
	}
	return nil
}

// retirements sets since when the ETFs that were retired once are not any more.
func (p *states) retirements() error {
	rows, err := p.q.ListRetirements(p.ctx, p.ids)
	for i, r := range rows {
		if i > 0 && rows[i-1].EtfID == r.EtfID && rows[i-1].Retired && !r.Retired {
			p.at[r.EtfID].Since = r.ChangedAt
		}
	}
	return err
}

func (p *states) arrival(id uint32, session column.Session) *etf.Arrival {
	if p.arrived[id] == nil {
		p.arrived[id] = map[etf.Session]*etf.Arrival{}
	}
	a := p.arrived[id][etf.Session(session)]
	if a == nil {
		a = &etf.Arrival{Session: etf.Session(session)}
		p.arrived[id][a.Session] = a
	}
	return a
}

// arrivals reads, exchange by exchange, what came for the sessions of the query.
func (p *states) arrivals() error {
	until := p.query.Until
	if until.IsZero() {
		until = lastSession
	}
	for x, since := range p.query.Since {
		var ids []uint32
		for i, r := range p.rows {
			if r.Exchange == string(x) {
				ids = append(ids, p.ids[i])
			}
		}
		if len(ids) == 0 {
			continue
		}
		from, to := column.Session(since), column.Session(until)
		if !p.query.Full { // otherwise closes reads them
			bars, err := p.q.ListArrivedBars(p.ctx, sqlcgen.ListArrivedBarsParams{Etfs: ids, FromSession: from, ToSession: to})
			if err != nil {
				return err
			}
			for _, r := range bars {
				a := p.arrival(r.EtfID, r.Session)
				a.Stored = earlier(a.Stored, r.KnownFrom)
			}
		}
		revisions, err := p.q.ListArrivedRevisions(p.ctx, sqlcgen.ListArrivedRevisionsParams{Etfs: ids, FromSession: from, ToSession: to})
		if err != nil {
			return err
		}
		for _, r := range revisions {
			a := p.arrival(r.EtfID, r.Session)
			a.Stored = earlier(a.Stored, r.KnownFrom)
		}
		forecasts, err := p.q.ListArrivedForecasts(p.ctx, sqlcgen.ListArrivedForecastsParams{
			Etfs: ids, Model: p.query.Model, FromSession: from, ToSession: to,
		})
		if err != nil {
			return err
		}
		for _, r := range forecasts {
			a := p.arrival(r.EtfID, r.Origin)
			a.Forecast = earlier(a.Forecast, r.IssuedAt)
		}
	}
	return nil
}

// closes reads the newest bars, and those since the session of the query. ETFs that are read from the same session on are read
// together: nearly all, as a rule.
func (p *states) closes() error {
	type span struct{ from, arrivals, until column.Session } // arrivals is zero if none are asked for
	together := map[span][]uint32{}
	for i, r := range p.rows {
		if r.LastSession == 0 {
			continue
		}
		of := span{from: r.LastSession - closesWithin}
		if since, ok := p.query.Since[etf.Exchange(r.Exchange)]; ok {
			of.arrivals, of.until = column.Session(since), column.Session(cmp.Or(p.query.Until, lastSession))
			of.from = min(of.from, of.arrivals)
		}
		together[of] = append(together[of], p.ids[i])
	}
	for of, ids := range together {
		rows, err := p.q.ListRecentBars(p.ctx, sqlcgen.ListRecentBarsParams{Etfs: ids, FromSession: of.from})
		if err != nil {
			return err
		}
		for _, r := range rows {
			to := p.at[r.EtfID]
			if of.arrivals != 0 && r.Session >= of.arrivals && r.Session <= of.until {
				a := p.arrival(r.EtfID, r.Session)
				a.Stored = earlier(a.Stored, r.KnownFrom)
			}
			to.NewestQuarantined, to.NewestHeld = r.Quarantined == column.Quarantined, r.Quarantined == column.Held
			if r.Quarantined == column.Believed {
				to.Closes = append(to.Closes, etf.KnownClose{Session: etf.Session(r.Session), Close: etf.Price(r.Close), KnownFrom: r.KnownFrom})
			}
		}
	}
	for i, r := range p.rows {
		to := p.at[r.ID]
		if len(to.Closes) == 0 && r.Bars > r.Quarantined { // the newest are all kept out
			if err := p.olderCloses(p.ids[i], r.LastSession); err != nil {
				return err
			}
		}
		to.Closes = slices.Clone(to.Closes[max(0, len(to.Closes)-etf.MaxCloses):])
	}
	return nil
}

func (p *states) olderCloses(id uint32, last column.Session) error {
	rows, err := p.q.ListNewestGoodBars(p.ctx, sqlcgen.ListNewestGoodBarsParams{EtfID: id, ToSession: last, Limit: etf.MaxCloses})
	to := p.at[id]
	for _, r := range slices.Backward(rows) {
		to.Closes = append(to.Closes, etf.KnownClose{Session: etf.Session(r.Session), Close: etf.Price(r.Close)})
	}
	if err != nil || len(rows) == 0 {
		return err
	}
	newest, err := p.q.GetBarKnownFrom(p.ctx, sqlcgen.GetBarKnownFromParams{EtfID: id, Session: rows[0].Session})
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it has just been taken out
	}
	to.Closes[len(to.Closes)-1].KnownFrom = newest
	return err
}

func (p *states) confirmations() error {
	names := make([]string, len(p.rows))
	for i, r := range p.rows {
		names[i] = r.Symbol
	}
	rows, err := p.q.ListConfirmations(p.ctx, names)
	if err != nil {
		return err
	}
	found := map[string]sqlcgen.ListConfirmationsRow{}
	for _, r := range rows {
		found[r.Symbol] = r
	}
	for i, r := range p.rows {
		if c, ok := found[r.Symbol]; ok {
			p.to[i].Confirmed = confirmation(c)
		}
	}
	return nil
}

func (p *states) actions() error {
	from := lastSession
	for _, to := range p.to {
		if len(to.Closes) > 0 {
			from = min(from, to.Closes[0].Session)
		}
		for _, f := range to.Forecasts {
			from = min(from, f.Origin)
		}
	}
	rows, err := p.q.ListActionsThatMatter(p.ctx, sqlcgen.ListActionsThatMatterParams{Etfs: p.ids, Current: openVersion, FromSession: column.Session(from)})
	for _, r := range rows {
		to := p.at[r.EtfID]
		if r.Status == string(etf.Proposed) {
			to.Proposed++
			continue
		}
		to.Splits = append(to.Splits, etf.Action{Kind: etf.Split, Ex: etf.Session(r.Ex), Numerator: r.Numerator, Denominator: r.Denominator})
	}
	return err
}

func (p *states) findings() error {
	rows, err := p.q.CountUndecided(p.ctx, sqlcgen.CountUndecidedParams{Etfs: p.ids, Holding: quality.HoldingRules()})
	for _, r := range rows {
		to := p.at[r.EtfID]
		to.Waiting, to.Warnings = int(r.Asking), int(r.Undecided-r.Asking)
	}
	return err
}

// forecasts reads the newest forecast of each ETF by each model: the one with the newest origin, and of those the one appended last.
func (p *states) forecasts() error {
	type place struct {
		to *etf.ETFState
		at int
	}
	places := map[string]place{} // by ID
	var ids []string
	for _, x := range slices.Sorted(maps.Keys(p.query.Served)) {
		var etfs []uint32
		for i, r := range p.rows {
			if r.Exchange == string(x) {
				etfs = append(etfs, p.ids[i])
			}
		}
		if len(etfs) == 0 {
			continue
		}
		for _, model := range p.query.Served[x] {
			rows, err := p.q.ListNewestForecasts(p.ctx, sqlcgen.ListNewestForecastsParams{Etfs: etfs, Model: model})
			if err != nil {
				return err
			}
			newest := map[uint32]sqlcgen.ListNewestForecastsRow{}
			for _, r := range rows {
				if r.Chain > newest[r.EtfID].Chain {
					newest[r.EtfID] = r
				}
			}
			for id, r := range newest {
				to := p.at[id]
				places[r.ID], ids = place{to, len(to.Forecasts)}, append(ids, r.ID)
				to.Forecasts = append(to.Forecasts, etf.ServedForecast{ID: r.ID, Model: model, Origin: etf.Session(r.Origin)})
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var horizons []uint16
	for _, h := range etf.OverviewHorizons {
		horizons = append(horizons, uint16(h))
	}
	points, err := p.q.ListPointsAt(p.ctx, sqlcgen.ListPointsAtParams{Forecasts: ids, Horizons: horizons})
	for _, r := range points {
		point := etf.ForecastPoint{Horizon: int(r.Horizon), Target: etf.Session(r.Target), Mean: r.Mean}
		point.Quantiles[0], point.Quantiles[len(point.Quantiles)-1] = r.Q05, r.Q95
		f := &places[r.ForecastID].to.Forecasts[places[r.ForecastID].at]
		f.Points = append(f.Points, point)
	}
	return err
}

// SessionRun returns the newest run of the whole exchange for the session; KindNotFound if there is none.
func (s *Store) SessionRun(ctx context.Context, exchange etf.Exchange, session etf.Session) (etf.Run, error) {
	row, err := s.q.GetNewestRunOfSession(ctx, sqlcgen.GetNewestRunOfSessionParams{Exchange: string(exchange), Session: column.Session(session)})
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Run{}, etf.NotFound("session", "no run of "+string(exchange)+" for "+session.String()+" is recorded", "list the runs: `etfcast run list`")
	}
	return domainRun(row), translate(err, "reading the run of "+session.String())
}

// NewestEvent returns the number of the newest event; zero if there is none.
func (s *Store) NewestEvent(ctx context.Context) (int64, error) {
	id, err := s.q.GetNewestEvent(ctx)
	return id, translate(err, "reading the newest event")
}

// EventMarks returns up to limit events after the number, ascending. Lower numbers can appear later: see etf.EventGap.
func (s *Store) EventMarks(ctx context.Context, after int64, limit int) ([]etf.EventMark, error) {
	rows, err := s.q.ListEventMarks(ctx, sqlcgen.ListEventMarksParams{ID: after, Limit: int32(limit)})
	list := make([]etf.EventMark, len(rows))
	for i, r := range rows {
		list[i] = etf.EventMark{ID: r.ID, Symbol: etf.Symbol(r.Symbol)}
	}
	return list, translate(err, "reading which events there are")
}
