package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// SaveAssessment stores an assessment with its verdicts in one transaction, unless its exchange and session have one already; it returns the
// stored one.
func (s *Store) SaveAssessment(ctx context.Context, a etf.Assessment, gate []etf.GateVerdict) (etf.Assessment, error) {
	what := fmt.Sprintf("storing the assessment of %s %s", a.Exchange, a.Session)
	packed, err := compress(a.State)
	if err != nil {
		return etf.Assessment{}, etf.Wrap(etf.KindInternal, err, what)
	}
	if len(packed) > maxBody {
		return etf.Assessment{}, etf.Invalid("state", fmt.Sprintf("the compressed calibration has %d bytes; the limit is %d", len(packed), maxBody), "report it as a bug")
	}
	err = s.transaction(ctx, what, func(q *writing, tx *sql.Tx) error {
		err := q.InsertAssessment(ctx, sqlcgen.InsertAssessmentParams{
			Exchange: string(a.Exchange), Session: column.Session(a.Session), Hash: a.Hash, Previous: a.Previous, Through: column.Session(a.Through),
			MadeAt: instant(a.MadeAt), RunID: string(a.Run), Body: string(a.Body), StateSize: uint32(len(a.State)), State: packed,
		})
		if err != nil {
			return err
		}
		ins := inserter{ctx: ctx, tx: tx,
			into: "INSERT INTO gate_verdicts (session, exchange, horizon, model, passed, is_served, increments, mean, low, high, error_level)"}
		for _, v := range gate {
			ins.row(column.Session(a.Session), string(a.Exchange), v.Horizon, v.Model, v.Passed, v.Served, v.N, double(v.Mean), double(v.Low), double(v.High), double(v.Level))
		}
		return ins.done()
	})
	if err != nil && !duplicate(err) && etf.KindOf(err) != etf.KindConflict {
		return etf.Assessment{}, translate(err, what)
	}
	return s.AssessmentOf(ctx, a.Exchange, a.Session)
}

// AssessmentOf returns the assessment of a session, with its state; KindNotFound if there is none.
func (s *Store) AssessmentOf(ctx context.Context, exchange etf.Exchange, session etf.Session) (etf.Assessment, error) {
	row, err := s.q.GetAssessmentOf(ctx, sqlcgen.GetAssessmentOfParams{Exchange: string(exchange), Session: column.Session(session)})
	return assessment(row, err, fmt.Sprintf("of %s %s", exchange, session))
}

// AssessmentByHash returns the assessment with the hash, with its state; KindNotFound if there is none.
func (s *Store) AssessmentByHash(ctx context.Context, hash string) (etf.Assessment, error) {
	row, err := s.q.GetAssessmentByHash(ctx, hash)
	return assessment(row, err, hash)
}

// AssessmentBefore returns the newest assessment of an earlier session, with its state; KindNotFound if there is none.
func (s *Store) AssessmentBefore(ctx context.Context, exchange etf.Exchange, session etf.Session) (etf.Assessment, error) {
	row, err := s.q.GetAssessmentBefore(ctx, sqlcgen.GetAssessmentBeforeParams{Exchange: string(exchange), Session: column.Session(session)})
	return assessment(row, err, fmt.Sprintf("before %s %s", exchange, session))
}

// AssessmentHash returns the hash of a session's assessment; "" if there is none.
func (s *Store) AssessmentHash(ctx context.Context, exchange etf.Exchange, session etf.Session) (string, error) {
	hash, err := s.q.GetAssessmentHash(ctx, sqlcgen.GetAssessmentHashParams{Exchange: string(exchange), Session: column.Session(session)})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return hash, translate(err, "looking up an assessment")
}

// NewestAssessment returns the assessment of the newest session, without its state; KindNotFound if there is none.
func (s *Store) NewestAssessment(ctx context.Context, exchange etf.Exchange) (etf.Assessment, error) {
	row, err := s.q.GetNewestAssessment(ctx, string(exchange))
	if err != nil {
		return assessment(sqlcgen.Assessment{}, err, "of "+string(exchange))
	}
	return etf.Assessment{
		Hash: row.Hash, Exchange: etf.Exchange(row.Exchange), Session: etf.Session(row.Session), Previous: row.Previous, Through: etf.Session(row.Through),
		MadeAt: row.MadeAt, Run: etf.RunID(row.RunID), Body: []byte(row.Body),
	}, nil
}

func assessment(row sqlcgen.Assessment, err error, which string) (etf.Assessment, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Assessment{}, etf.NotFound("assessment", "there is no assessment "+which, "a daily run makes one")
	}
	if err != nil {
		return etf.Assessment{}, translate(err, "reading an assessment")
	}
	state, err := decompress(row.State, int(row.StateSize))
	if err != nil {
		return etf.Assessment{}, &etf.Error{Kind: etf.KindCorrupt, Err: fmt.Errorf("%w: %w", etf.ErrAltered, err),
			Message: "the calibration of assessment " + row.Hash + " is not as it was stored", Remedy: "compare the database with a backup"}
	}
	return etf.Assessment{
		Hash: row.Hash, Exchange: etf.Exchange(row.Exchange), Session: etf.Session(row.Session), Previous: row.Previous, Through: etf.Session(row.Through),
		MadeAt: row.MadeAt, Run: etf.RunID(row.RunID), Body: []byte(row.Body), State: state,
	}, nil
}

// GateVerdicts returns up to limit verdicts after the position, newest session first, then by exchange, horizon and model, and the position
// of the next page: zero after the last.
func (s *Store) GateVerdicts(ctx context.Context, filter etf.GateFilter, after etf.GatePosition, limit int) (page []etf.GateVerdict, next etf.GatePosition, err error) {
	p := sqlcgen.ListGateVerdictsParams{
		Before: column.Session(lastSession), Exchange: string(filter.Exchange), Horizon: uint16(filter.Horizon), Model: filter.Model,
		Limit: int32(limit + 1),
	}
	if after != (etf.GatePosition{}) {
		p.Before, p.ExchangeAfter, p.HorizonAfter, p.ModelAfter = column.Session(after.Session), string(after.Exchange), uint16(after.Horizon), after.Model
	}
	rows, err := s.q.ListGateVerdicts(ctx, p)
	if err != nil {
		return nil, next, translate(err, "listing the verdicts of the gate")
	}
	for i, r := range rows {
		if i == limit {
			last := page[limit-1]
			next = etf.GatePosition{Session: last.Session, Exchange: last.Exchange, Horizon: last.Horizon, Model: last.Model}
			break
		}
		page = append(page, etf.GateVerdict{
			Exchange: etf.Exchange(r.Exchange), Session: etf.Session(r.Session), Model: r.Model, Horizon: int(r.Horizon), Passed: r.Passed, Served: r.IsServed,
			N: int(r.Increments), Mean: r.Mean, Low: r.Low, High: r.High, Level: r.ErrorLevel,
		})
	}
	return page, next, nil
}

// maturedPage is of how many ETFs outcomes are read at once.
const maturedPage = 200

// Matured returns the forecasts of record that the query selects, in no order: those that have a volatility and tails, and whose origin's price
// was not held. corrupt says which are left out because what is stored of them can't be read.
func (s *Store) Matured(ctx context.Context, q etf.OutcomeQuery) (list []etf.MaturedForecast, corrupt []error, err error) {
	what := fmt.Sprintf("reading what came of forecasts on %s %s", q.Exchange, q.Target)
	if len(q.Models) == 0 {
		return nil, nil, nil
	}
	for after := ""; ; {
		etfs, err := s.q.ListETFsOfExchange(ctx, sqlcgen.ListETFsOfExchangeParams{Exchange: string(q.Exchange), Symbol: after, Limit: maturedPage})
		if err != nil {
			return nil, nil, translate(err, what)
		}
		if len(etfs) > 0 {
			page, unreadable, err := s.maturedOf(ctx, q, etfs)
			if err != nil {
				return nil, nil, translate(err, what)
			}
			list, corrupt = append(list, page...), append(corrupt, unreadable...)
		}
		if len(etfs) < maturedPage {
			return list, corrupt, nil
		}
		after = etfs[len(etfs)-1].Symbol
	}
}

func (s *Store) maturedOf(ctx context.Context, q etf.OutcomeQuery, etfs []sqlcgen.Etf) (list []etf.MaturedForecast, corrupt []error, err error) {
	symbols := make(map[uint32]etf.Symbol, len(etfs))
	numbers := make([]uint32, len(etfs))
	for i, e := range etfs {
		numbers[i], symbols[e.ID] = e.ID, etf.Symbol(e.Symbol)
	}
	rows, err := s.q.ListOutcomeScores(ctx, sqlcgen.ListOutcomeScoresParams{Etfs: numbers, Models: q.Models, Horizon: uint16(q.Horizon), Origin: column.Session(q.Origin)})
	if err != nil {
		return nil, nil, err
	}
	found := map[string]etf.MaturedForecast{}
	var ids []string
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].ForecastID == r.ForecastID {
			continue // not the newest version
		}
		if !r.Withdrawn && etf.Standing(r.Standing) == etf.OfRecord && etf.Session(r.Target) == q.Target {
			found[r.ForecastID], ids = etf.MaturedForecast{Symbol: symbols[r.EtfID], Model: r.Model, Actual: r.Actual}, append(ids, r.ForecastID)
		}
	}
	if len(ids) == 0 {
		return nil, nil, nil
	}
	marks, err := s.q.ListForecastMarks(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	held := map[string]bool{}
	for _, m := range marks {
		held[m.ForecastID] = held[m.ForecastID] || m.Mark == markHeld
	}
	raws, err := s.q.ListForecastRaw(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	plain := map[string]float64{} // volatility of those that are raw themselves
	ids = ids[:0]
	for _, r := range raws {
		switch {
		case held[r.ForecastID]:
		case r.ByHorizon == "":
			plain[r.ForecastID], ids = r.Volatility, append(ids, r.ForecastID)
		default:
			all, err := decodeRaw(r.ForecastID, r.ByHorizon)
			if err != nil {
				corrupt = append(corrupt, err)
			}
			if q.Horizon <= len(all) {
				m := found[r.ForecastID]
				m.Volatility, m.Raw = r.Volatility, all[q.Horizon-1]
				list = append(list, m)
			}
		}
	}
	if len(ids) == 0 {
		return list, corrupt, nil
	}
	tails, err := s.q.ListForecastTails(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range tails {
		all, err := decodeTails(r.ForecastID, r.ByHorizon)
		if err != nil {
			corrupt = append(corrupt, err)
		}
		if q.Horizon <= len(all) {
			m := found[r.ForecastID]
			m.Volatility, m.Raw.Tails = plain[r.ForecastID], all[q.Horizon-1]
			found[r.ForecastID] = m
		}
	}
	points, err := s.q.ListPointsToScore(ctx, sqlcgen.ListPointsToScoreParams{Forecasts: ids, Horizons: []uint16{uint16(q.Horizon)}})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range points {
		if m := found[p.ForecastID]; m.Volatility > 0 {
			m.Raw.Quantiles = [7]float64{p.Q05, p.Q10, p.Q25, p.Q50, p.Q75, p.Q90, p.Q95}
			list = append(list, m)
		}
	}
	return list, corrupt, nil
}
