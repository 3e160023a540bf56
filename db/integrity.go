package db

import (
	"context"
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
	var found []Orphan
	for _, t := range []struct{ table, key, owners, id string }{
		{"forecasts", "etf_id", "etfs", "id"},
		{"forecast_points", "forecast_id", "forecasts", "id"},
		{"forecast_components", "forecast_id", "forecasts", "id"},
		{"forecast_fits", "forecast_id", "forecasts", "id"},
	} {
		// Looking up each owner once, not once a row.
		query := fmt.Sprintf(`SELECT owned.k, owned.n FROM (SELECT %[2]s AS k, COUNT(*) AS n FROM %[1]s GROUP BY %[2]s) AS owned
LEFT JOIN %[3]s AS owner ON owner.%[4]s = owned.k WHERE owner.%[4]s IS NULL ORDER BY owned.k LIMIT %[5]d`, t.table, t.key, t.owners, t.id, limit)
		o := Orphan{Table: t.table}
		if err := s.eachRow(ctx, query, nil, func() { found = append(found, o) }, &o.Owner, &o.Rows); err != nil {
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

// ClockSteps returns up to limit traces of each kind. It reads all forecasts, so it is for doctor.
func (s *Store) ClockSteps(ctx context.Context, limit int) ([]ClockStep, error) {
	now := s.now()
	ahead := now.Add(clockTolerance)
	var found []ClockStep
	for _, q := range []struct {
		future bool
		query  string
		args   []any
	}{
		{false, `SELECT e.symbol, CONCAT('forecast ', f.id, ' (', f.model, ')'), f.issued_at, p.issued_at FROM forecasts AS f
JOIN forecasts AS p ON p.etf_id = f.etf_id AND p.model = f.model AND p.chain = f.chain - 1
JOIN etfs AS e ON e.id = f.etf_id WHERE f.issued_at <= p.issued_at ORDER BY f.issued_at, f.id LIMIT ?`, nil},
		// Two versions a microsecond apart are the store's way around a clock that did not advance.
		{false, `SELECT e.symbol, CONCAT('data version ', v.number), v.known_from, p.known_from FROM data_versions AS v
JOIN data_versions AS p ON p.etf_id = v.etf_id AND p.number = v.number - 1
JOIN etfs AS e ON e.id = v.etf_id WHERE TIMESTAMPDIFF(MICROSECOND, p.known_from, v.known_from) <= 1 ORDER BY v.known_from, e.symbol LIMIT ?`, nil},
		{true, `SELECT e.symbol, CONCAT('forecast ', f.id, ' (', f.model, ')'), f.issued_at, f.issued_at FROM forecasts AS f
JOIN etfs AS e ON e.id = f.etf_id WHERE f.issued_at > ? ORDER BY f.issued_at DESC, f.id LIMIT ?`, []any{ahead}},
		{true, `SELECT symbol, CONCAT('data version ', data_version), known_from, known_from FROM etfs
WHERE known_from > ? AND data_version > 0 ORDER BY known_from DESC, symbol LIMIT ?`, []any{ahead}},
	} {
		step := ClockStep{Future: q.future}
		err := s.eachRow(ctx, q.query, append(q.args, limit), func() {
			if step.Future {
				step.After = now
			}
			found = append(found, step)
		}, &step.Symbol, &step.What, &step.At, &step.After)
		if err != nil {
			return nil, translate(err, "looking for traces of a clock that went back")
		}
	}
	return found, nil
}

// eachRow scans each row of a query into the columns and calls do.
func (s *Store) eachRow(ctx context.Context, query string, args []any, do func(), columns ...any) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
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
