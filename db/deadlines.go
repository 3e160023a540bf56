package db

import (
	"context"
	"database/sql"
	"encoding/json"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// deadlinesAtOnce is how many deadlines one transaction records: with their events, about 200 kB.
const deadlinesAtOnce = 500

// openDeadline is met_at of a deadline that has not been met.
var openDeadline = openEnd

// OpenDeadlines returns up to limit of the missed deadlines that have not been recorded as met, newest session first, with what has
// come for their sessions so far; the forecasts are those of the model.
func (s *Store) OpenDeadlines(ctx context.Context, model string, limit int) ([]etf.MissedDeadline, error) {
	const what = "reading the missed deadlines"
	rows, err := s.q.ListOpenDeadlines(ctx, sqlcgen.ListOpenDeadlinesParams{Open: openDeadline, Limit: int32(limit)})
	if err != nil || len(rows) == 0 {
		return nil, translate(err, what)
	}
	type key struct {
		id      uint32
		session column.Session
	}
	arrived := map[key]etf.Arrival{}
	stored := func(k key, at time.Time) {
		a := arrived[k]
		a.Stored = earlier(a.Stored, at)
		arrived[k] = a
	}
	bars, err := s.q.ListBarsOfOpenDeadlines(ctx, openDeadline)
	if err != nil {
		return nil, translate(err, what)
	}
	for _, r := range bars {
		stored(key{r.EtfID, r.Session}, r.KnownFrom)
	}
	revisions, err := s.q.ListRevisionsOfOpenDeadlines(ctx, openDeadline)
	if err != nil {
		return nil, translate(err, what)
	}
	for _, r := range revisions {
		stored(key{r.EtfID, r.Session}, r.KnownFrom)
	}
	forecasts, err := s.q.ListForecastsOfOpenDeadlines(ctx, sqlcgen.ListForecastsOfOpenDeadlinesParams{Model: model, Open: openDeadline})
	if err != nil {
		return nil, translate(err, what)
	}
	for _, r := range forecasts {
		a := arrived[key{r.EtfID, r.Session}]
		a.Forecast = earlier(a.Forecast, r.IssuedAt)
		arrived[key{r.EtfID, r.Session}] = a
	}
	list := make([]etf.MissedDeadline, len(rows))
	for i, r := range rows {
		m := r.MissedDeadline
		list[i] = etf.MissedDeadline{
			Symbol: etf.Symbol(r.Symbol), Exchange: etf.Exchange(r.Exchange), Session: etf.Session(m.Session), Kind: etf.Deadline(m.Kind),
			DueAt: m.DueAt, SeenAt: m.SeenAt, Arrival: arrived[key{m.EtfID, m.Session}],
		}
		list[i].Arrival.Session = etf.Session(m.Session)
	}
	return list, nil
}

// earlier returns the earlier of two instants; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// RecordMissed records deadlines as missed, each with an event in the same transaction, and returns those that were not recorded
// before: of several processes that record the same one, exactly one gets it back. Unknown symbols are left out.
func (s *Store) RecordMissed(ctx context.Context, missed []etf.MissedDeadline) ([]etf.MissedDeadline, error) {
	var recorded []etf.MissedDeadline
	for part := range slices.Chunk(missed, deadlinesAtOnce) {
		var fresh []etf.MissedDeadline
		err := s.transaction(ctx, "recording missed deadlines", func(q *writing, tx *sql.Tx) error {
			var ids map[string]uint32
			var err error
			if fresh, ids, err = unseen(ctx, q.Queries, part); err != nil || len(fresh) == 0 {
				return err
			}
			rows := inserter{ctx: ctx, tx: tx, into: "INSERT INTO missed_deadlines (etf_id, session, kind, due_at, seen_at, met_at)"}
			for _, m := range fresh {
				rows.row(ids[string(m.Symbol)], column.Session(m.Session), string(m.Kind), instant(m.DueAt), unlike(m.SeenAt), openDeadline)
			}
			if err := rows.done(); duplicate(err) {
				return errLost // another process was first: what is left is recorded
			} else if err != nil {
				return err
			}
			return insertDeadlineEvents(ctx, tx, s.now(), etf.EventDeadlineMissed, fresh)
		})
		if err != nil {
			return recorded, err
		}
		recorded = append(recorded, fresh...)
	}
	return recorded, nil
}

// unseen returns those of the deadlines that have no row yet, and the ETFs' IDs.
func unseen(ctx context.Context, q *sqlcgen.Queries, list []etf.MissedDeadline) (fresh []etf.MissedDeadline, ids map[string]uint32, err error) {
	var symbols []string
	from, to := list[0].Session, list[0].Session
	for _, m := range list {
		symbols = append(symbols, string(m.Symbol))
		from, to = min(from, m.Session), max(to, m.Session)
	}
	slices.Sort(symbols)
	registered, err := q.ListETFsBySymbol(ctx, slices.Compact(symbols))
	if err != nil || len(registered) == 0 {
		return nil, nil, err
	}
	ids = map[string]uint32{}
	var numbers []uint32
	for _, e := range registered {
		ids[e.Symbol] = e.ID
		numbers = append(numbers, e.ID)
	}
	rows, err := q.ListDeadlinesOfETFs(ctx, sqlcgen.ListDeadlinesOfETFsParams{
		Etfs: numbers, FromSession: column.Session(from), ToSession: column.Session(to),
	})
	if err != nil {
		return nil, nil, err
	}
	known := map[sqlcgen.ListDeadlinesOfETFsRow]bool{}
	for _, r := range rows {
		known[r] = true
	}
	for _, m := range list {
		id, ok := ids[string(m.Symbol)]
		row := sqlcgen.ListDeadlinesOfETFsRow{EtfID: id, Session: column.Session(m.Session), Kind: string(m.Kind)}
		if ok && !known[row] {
			known[row] = true
			fresh = append(fresh, m)
		}
	}
	return fresh, ids, nil
}

// RecordMet records that deadlines that were missed have been met at MetAt, each with an event in the same transaction, and
// returns those that were not recorded as met before.
func (s *Store) RecordMet(ctx context.Context, met []etf.MissedDeadline) ([]etf.MissedDeadline, error) {
	var recorded []etf.MissedDeadline
	for part := range slices.Chunk(met, deadlinesAtOnce) {
		var fresh []etf.MissedDeadline
		err := s.transaction(ctx, "recording that deadlines were met", func(q *writing, tx *sql.Tx) error {
			fresh = nil
			var symbols []string
			for _, m := range part {
				symbols = append(symbols, string(m.Symbol))
			}
			slices.Sort(symbols)
			registered, err := q.ListETFsBySymbol(ctx, slices.Compact(symbols))
			if err != nil {
				return err
			}
			ids := map[string]uint32{}
			for _, e := range registered {
				ids[e.Symbol] = e.ID
			}
			// In the order of the primary key, so that two processes don't wait for each other in a circle.
			sorted := slices.Clone(part)
			slices.SortFunc(sorted, func(a, b etf.MissedDeadline) int {
				if ids[string(a.Symbol)] != ids[string(b.Symbol)] {
					return int(ids[string(a.Symbol)]) - int(ids[string(b.Symbol)])
				}
				if a.Session != b.Session {
					return int(a.Session - b.Session)
				}
				return strings.Compare(string(a.Kind), string(b.Kind))
			})
			for _, m := range sorted {
				n, err := q.MeetDeadline(ctx, sqlcgen.MeetDeadlineParams{
					MetAt: unlike(m.MetAt), EtfID: ids[string(m.Symbol)], Session: column.Session(m.Session), Kind: string(m.Kind), Open: openDeadline,
				})
				if err != nil {
					return err
				}
				if n > 0 {
					fresh = append(fresh, m)
				}
			}
			return insertDeadlineEvents(ctx, tx, s.now(), etf.EventDeadlineMet, fresh)
		})
		if err != nil {
			return recorded, err
		}
		recorded = append(recorded, fresh...)
	}
	return recorded, nil
}

// unlike returns the instant to the millisecond, with random microseconds. Dolt merges two transactions that write the same values to a
// row, and both commit; with different ones, the second fails and finds out that it was not the first.
func unlike(at time.Time) time.Time {
	return at.UTC().Truncate(time.Millisecond).Add(mathrand.N(time.Millisecond).Truncate(time.Microsecond))
}

// deadlineData is the data of an event about a deadline.
type deadlineData struct {
	Deadline    etf.Deadline `json:"deadline"`
	DueAt       time.Time    `json:"due_at"`
	LateSeconds int64        `json:"late_seconds"`
}

func insertDeadlineEvents(ctx context.Context, tx *sql.Tx, at time.Time, kind etf.EventKind, list []etf.MissedDeadline) error {
	rows := inserter{ctx: ctx, tx: tx, into: "INSERT INTO events (at, kind, exchange, session, symbol, run_id, subject, data)"}
	for _, m := range list {
		late := m.SeenAt.Sub(m.DueAt)
		if kind == etf.EventDeadlineMet {
			late = m.MetAt.Sub(m.DueAt)
		}
		data, err := json.Marshal(deadlineData{m.Kind, m.DueAt.UTC(), int64(late / time.Second)})
		if err != nil {
			return err
		}
		rows.row(at, string(kind), string(m.Exchange), column.Session(m.Session), string(m.Symbol), "", string(m.Kind), string(data))
	}
	return rows.done()
}
