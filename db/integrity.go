package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Orphan is rows of a table whose owner is not stored: a forecast, or for forecasts an ETF. This program never leaves any.
type Orphan struct {
	Table string
	Owner string // the forecast's ID, or the ETF's number in the database
	Rows  int
}

// Orphans returns up to limit orphans of each table that belongs to forecasts, and of forecasts. It reads all of them,
// so it is for doctor.
func (s *Store) Orphans(ctx context.Context, limit int) ([]Orphan, error) {
	return orphansOf(ctx, s.db, limit)
}

func orphansOf(ctx context.Context, q queryer, limit int) ([]Orphan, error) {
	var found []Orphan
	for _, t := range []struct{ table, key, owners, id string }{
		{"forecasts", "etf_id", "etfs", "id"},
		{"forecast_points", "forecast_id", "forecasts", "id"},
		{"forecast_components", "forecast_id", "forecasts", "id"},
		{"forecast_fits", "forecast_id", "forecasts", "id"},
		{"forecast_marks", "forecast_id", "forecasts", "id"},
		{"forecast_tails", "forecast_id", "forecasts", "id"},
		{"forecast_provenance", "forecast_id", "forecasts", "id"},
		{"forecast_targets", "forecast_id", "forecasts", "id"},
		{"forecast_target_dates", "forecast_id", "forecasts", "id"},
		{"forecast_raw", "forecast_id", "forecasts", "id"},
		{"scores", "forecast_id", "forecasts", "id"},
	} {
		// Looking up each owner once, not once a row.
		query := fmt.Sprintf(`SELECT owned.k, owned.n FROM (SELECT %[2]s AS k, COUNT(*) AS n FROM %[1]s GROUP BY %[2]s) AS owned
LEFT JOIN %[3]s AS owner ON owner.%[4]s = owned.k WHERE owner.%[4]s IS NULL ORDER BY owned.k LIMIT %[5]d`, t.table, t.key, t.owners, t.id, limit)
		o := Orphan{Table: t.table}
		if err := eachRowOf(ctx, q, query, nil, func() { found = append(found, o) }, &o.Owner, &o.Rows); err != nil {
			return nil, translate(err, "looking for orphans in "+t.table)
		}
	}
	return found, nil
}

// ClockStep is a trace of a clock that went back: a forecast or a data version that is not later than the one before it
// in its sequence, or one from the future. When the clock goes back, the store writes the earliest instant that does not
// fall; 0.1.0 wrote what the clock said.
type ClockStep struct {
	Symbol etf.Symbol
	What   string    // "forecast ID (drift)" or "data version 7"
	At     time.Time // when it was issued, or known from
	After  time.Time // that of the one before it; of one from the future, this machine's clock
	Future bool
}

// clockTolerance is how far the clocks of two machines may differ without being reported.
const clockTolerance = 10 * time.Second

// ClockSteps returns up to limit traces of each kind: forecasts and data versions that do not advance, then those from the
// future. It reads all of them, in order of their keys, so it is for doctor.
func (s *Store) ClockSteps(ctx context.Context, limit int) ([]ClockStep, error) {
	symbols, err := s.symbols(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var back, ahead []ClockStep
	for _, q := range []struct {
		query string
		least time.Duration // from one row of a sequence to the next, if the clock advances
	}{
		{"SELECT etf_id, model, chain, CONCAT('forecast ', id, ' (', model, ')'), issued_at FROM forecasts ORDER BY etf_id, model, chain", 0},
		// Two versions a microsecond apart are the store's way around a clock that did not advance.
		{"SELECT etf_id, '', number, CONCAT('data version ', number), known_from FROM data_versions ORDER BY etf_id, number", time.Microsecond},
	} {
		var before, row struct {
			etfID    uint32
			model    string
			position int64
			what     string
			at       time.Time
		}
		foundBack, foundAhead := 0, 0
		err := s.eachRow(ctx, q.query, nil, func() {
			step := ClockStep{Symbol: symbols[row.etfID], What: row.what, At: row.at, After: before.at}
			same := row.etfID == before.etfID && row.model == before.model
			if same && row.at.Sub(before.at) <= q.least && foundBack < limit {
				foundBack++
				back = append(back, step)
			}
			if row.at.Sub(now) > clockTolerance && foundAhead < limit {
				foundAhead++
				step.After, step.Future = now, true
				ahead = append(ahead, step)
			}
			before = row
		}, &row.etfID, &row.model, &row.position, &row.what, &row.at)
		if err != nil {
			return nil, translate(err, "looking for traces of a clock that went back")
		}
	}
	return append(back, ahead...), nil
}

// symbols returns the symbol of each ETF by its number.
func (s *Store) symbols(ctx context.Context) (map[uint32]etf.Symbol, error) {
	return symbolsOf(ctx, s.db)
}

func symbolsOf(ctx context.Context, q queryer) (map[uint32]etf.Symbol, error) {
	list := map[uint32]etf.Symbol{}
	var id uint32
	var symbol etf.Symbol
	err := eachRowOf(ctx, q, "SELECT id, symbol FROM etfs", nil, func() { list[id] = symbol }, &id, &symbol)
	return list, translate(err, "reading the registry")
}

// eachRow scans each row of a query into the columns and calls do.
func (s *Store) eachRow(ctx context.Context, query string, args []any, do func(), columns ...any) error {
	return eachRowOf(ctx, s.db, query, args, do, columns...)
}

// queryer is a pool of connections or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func eachRowOf(ctx context.Context, q queryer, query string, args []any, do func(), columns ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(columns...); err != nil {
			return err
		}
		do()
	}
	return rows.Err()
}
