package e2e

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// contentQueries select everything that an installation stores, except what differs between two of them although both did
// the same: IDs, times, hashes over those, and how many attempts something took.
var contentQueries = map[string]string{
	"etf": `SELECT symbol, exchange, basis, data_version, bars, quarantined, first_session, last_session FROM etfs`,
	"bar": `SELECT symbol, session, open, high, low, close, adj_close, volume, b.basis, source, b.quarantined, b.data_version
		FROM bars b JOIN etfs e ON e.id = b.etf_id`,
	"revision": `SELECT symbol, session, r.data_version, open, high, low, close, adj_close, volume, r.basis, source, r.quarantined, superseded_by
		FROM bar_revisions r JOIN etfs e ON e.id = r.etf_id`,
	"action": `SELECT symbol, kind, ex, terms, a.data_version, amount, numerator, denominator, status
		FROM actions a JOIN etfs e ON e.id = a.etf_id`,
	"version": `SELECT symbol, number, cause FROM data_versions v JOIN etfs e ON e.id = v.etf_id`,
	"fetch": `SELECT symbol, run_id, source, window_from, window_to, raw_hash, f.basis, row_count, actions, undone_splits, defects,
			judged_at IS NULL, persisted_at IS NULL, rows_new, rows_unchanged, rows_revised, rows_quarantined, actions_new, result_version
		FROM fetches f JOIN etfs e ON e.id = f.etf_id`,
	"staged": `SELECT symbol, run_id, ordinal, session, close, verdict
		FROM staged_bars s JOIN fetches f ON f.id = s.fetch_id JOIN etfs e ON e.id = f.etf_id`,
	"finding": `SELECT symbol, run_id, rule, severity, evidence
		FROM findings n JOIN fetches f ON f.id = n.fetch_id JOIN etfs e ON e.id = n.etf_id`,
	"finding row": `SELECT symbol, run_id, rule, session, staged, open, high, low, close, adj_close, volume
		FROM finding_rows r JOIN findings n ON n.id = r.finding_id JOIN fetches f ON f.id = n.fetch_id JOIN etfs e ON e.id = n.etf_id`,
	"forecast": `SELECT symbol, model, chain, origin, f.data_version, f.basis, params_hash, seed, code_version, diagnostics,
			IF(code_version = 'entry', 'entry', run_id) FROM forecasts f JOIN etfs e ON e.id = f.etf_id`,
	"point": `SELECT symbol, model, chain, horizon, target, mean, q05, q10, q25, q50, q75, q90, q95
		FROM forecast_points p JOIN forecasts f ON f.id = p.forecast_id JOIN etfs e ON e.id = f.etf_id`,
	"component": `SELECT symbol, model, chain, component, by_horizon
		FROM forecast_components c JOIN forecasts f ON f.id = c.forecast_id JOIN etfs e ON e.id = f.etf_id`,
	"fit": `SELECT symbol, model, chain, t.hash, encoding, size
		FROM forecast_fits t JOIN forecasts f ON f.id = t.forecast_id JOIN etfs e ON e.id = f.etf_id`,
	"tails": `SELECT symbol, model, chain, by_horizon FROM forecast_tails t JOIN forecasts f ON f.id = t.forecast_id JOIN etfs e ON e.id = f.etf_id`,
	"provenance": `SELECT symbol, model, chain, closes_hash, scale_absolute, scale_squared, go_version, arch, features, modified
		FROM forecast_provenance p JOIN forecasts f ON f.id = p.forecast_id JOIN etfs e ON e.id = f.etf_id`,
	"raw":        `SELECT symbol, model, chain, volatility, r.by_horizon FROM forecast_raw r JOIN forecasts f ON f.id = r.forecast_id JOIN etfs e ON e.id = f.etf_id`,
	"assessment": `SELECT exchange, session, hash, previous, through, body FROM assessments`,
	"verdict":    `SELECT exchange, session, horizon, model, passed, is_served, increments, mean, low, high, error_level FROM gate_verdicts`,
	"score": `SELECT symbol, s.model, f.chain, horizon, version, target, standing, withdrawn, s.data_version, actual, scale_absolute, scale_squared, error,
			absolute_error, squared_error, crps, pin025, pin05, pin10, pin25, pin50, pin75, pin90, pin95, pin975, inside50, inside80, inside90, inside95,
			winkler80, winkler90, width80, width90, pit
		FROM scores s JOIN forecasts f ON f.id = s.forecast_id JOIN etfs e ON e.id = s.etf_id`,
	// Losses are whole billionths: in whichever order they are added, the sums are equal.
	"score sum": `SELECT exchange, model, horizon, standing, origin, SUM(n), SUM(absolute), SUM(squared), SUM(crps), SUM(pinball), SUM(winkler80), SUM(winkler90),
			SUM(width80), SUM(width90), SUM(inside50), SUM(inside80), SUM(inside90), SUM(tailed), SUM(inside95), SUM(pit0), SUM(pit1), SUM(pit2), SUM(pit3),
			SUM(pit4), SUM(pit5), SUM(pit6), SUM(pit7), SUM(pit8), SUM(pit9), SUM(paired), SUM(paired_absolute), SUM(paired_squared), SUM(paired_crps),
			SUM(against_absolute), SUM(against_squared), SUM(against_crps), SUM(difference)
		FROM score_sums GROUP BY exchange, model, horizon, standing, origin`,
	"scoring": `SELECT symbol, s.data_version, horizons, chains, s.last_session, sessions FROM scorings s JOIN etfs e ON e.id = s.etf_id`,
	// Each event is there once for what happened once. How an exchange's progress is cut into events, when its chains are anchored and
	// which deadlines pass depends on the time it took.
	"event": `SELECT kind, exchange, session, symbol, run_id, IF(kind = 'etf.forecast', '', data) FROM events
		WHERE kind NOT IN ('run.progress', 'ledger.anchored', 'deadline.missed', 'deadline.met')
			AND run_id NOT IN (SELECT id FROM runs WHERE closed = 1)`,
	"leaf": `SELECT symbol, model, position FROM ledger_leaves`,
	"run": `SELECT id, attempt, workflow, exchange, session, status, closed, due, updated, unchanged, quarantined, failed, elsewhere,
			cancelled, rows_new, rows_unchanged, rows_revised, forecasts, error FROM runs WHERE closed = 0`,
	"run etf": `SELECT symbol, run_id, session, stage, outcome, source, rows_new, rows_unchanged, rows_revised, rows_quarantined, findings,
			forecasts, error_type FROM run_etfs`,
}

// mayBeEmpty are the kinds of which an installation need not have any.
var mayBeEmpty = map[string]bool{"staged": true, "revision": true}

// content returns what contentQueries select, one line a row.
func (in *installation) content() []string {
	in.t.Helper()
	return in.lines(contentQueries)
}

// lines returns what the queries select, one line a row with the query's name.
func (in *installation) lines(queries map[string]string) []string {
	t := in.t
	t.Helper()
	db, err := sql.Open("mysql", in.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lines []string
	for name, query := range queries {
		found := rowsOf(t, db, query)
		if len(found) == 0 && !mayBeEmpty[name] {
			t.Errorf("nothing is stored of kind %q: the case does not test it", name)
		}
		for _, row := range found {
			lines = append(lines, name+": "+row)
		}
	}
	slices.Sort(lines)
	return lines
}

// rowsOf returns the rows of a query as text.
func rowsOf(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			if texts[i] = v.String; !v.Valid {
				texts[i] = "NULL"
			}
		}
		lines = append(lines, strings.Join(texts, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// differences lists the first lines that only one of two sorted lists has.
func differences(got, want []string) string {
	var text strings.Builder
	count := 0
	only := func(whose string, lines, others []string) {
		left := map[string]int{}
		for _, l := range others {
			left[l]++
		}
		for _, l := range lines {
			if left[l]--; left[l] >= 0 {
				continue
			}
			if count++; count <= 40 {
				fmt.Fprintf(&text, "\n  only %s: %.300s", whose, l)
			}
		}
	}
	only("undisturbed", want, got)
	only("here", got, want)
	return fmt.Sprintf("%d lines differ:%s", count, text.String())
}

// checkCounts compares the counts recorded for each run with each other and with what is stored for that run.
func (in *installation) checkCounts() {
	t := in.t
	t.Helper()
	db, err := sql.Open("mysql", in.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, query := range map[string]string{
		"runs whose forecasts are not those stored for them": `SELECT id, forecasts, held FROM (SELECT r.id, r.forecasts,
			(SELECT COUNT(*) FROM forecasts f WHERE f.run_id = r.id) AS held FROM runs r) x WHERE forecasts <> held`,
		"ETFs of runs whose forecasts are not those stored for them": `SELECT run_id, symbol, forecasts, held FROM (SELECT r.run_id, r.symbol, r.forecasts,
			(SELECT COUNT(*) FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE f.run_id = r.run_id AND e.symbol = r.symbol) AS held
			FROM run_etfs r) x WHERE forecasts <> held`,
		"runs whose new rows are not those of their fetches": `SELECT id, rows_new, held FROM (SELECT r.id, r.rows_new,
			(SELECT COALESCE(SUM(f.rows_new), 0) FROM fetches f WHERE f.run_id = r.id) AS held FROM runs r) x WHERE rows_new <> held`,
		"runs whose counts are not those of their ETFs": `SELECT id, due, n, forecasts, f, rows_new, rn FROM (SELECT r.id, r.due, r.forecasts, r.rows_new,
			(SELECT COUNT(*) FROM run_etfs x WHERE x.run_id = r.id) AS n,
			(SELECT SUM(x.forecasts) FROM run_etfs x WHERE x.run_id = r.id) AS f,
			(SELECT SUM(x.rows_new) FROM run_etfs x WHERE x.run_id = r.id) AS rn FROM runs r) y WHERE due <> n OR forecasts <> f OR rows_new <> rn`,
		"positions anchored twice": anchoredTwice,
		"leaves that are no forecast's": `SELECT l.number, l.symbol, l.model, l.position FROM ledger_leaves l WHERE l.number > 0 AND NOT EXISTS (
			SELECT 1 FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE e.symbol = l.symbol AND f.model = l.model AND f.chain = l.position AND f.hash = l.hash)`,
		"heads that are not anchored":            headsMissing,
		"checkpoints that are not of the leaves": `SELECT c.size FROM ledger_checkpoints c WHERE c.size > (SELECT COUNT(*) FROM ledger_leaves)`,
		"scores twice": `SELECT etf_id, model, origin, horizon, target, actual, forecast_id, COUNT(*) FROM scores WHERE withdrawn = 0
			GROUP BY etf_id, model, origin, horizon, target, actual, forecast_id HAVING COUNT(*) > 1`,
		"runs that have not completed": `SELECT id, status FROM runs WHERE status <> 'completed'`,
		"forecasts stored twice":       `SELECT etf_id, model, origin, COUNT(*) FROM forecasts GROUP BY etf_id, model, origin, data_version HAVING COUNT(*) > 1`,
	} {
		if found := rowsOf(t, db, query); len(found) > 0 {
			t.Errorf("%s: %d: %v", name, len(found), found[:min(len(found), 10)])
		}
	}
}
