-- name: LockRun :one
-- On servers with row locks, this locks the run, so that a repeat waits for the first and sees what it has done.
SELECT * FROM runs WHERE id = ? FOR UPDATE;

-- name: InsertRun :exec
INSERT INTO runs (id, base_id, attempt, workflow, exchange, session, whole_exchange, symbols, status, closed, due,
    updated, unchanged, quarantined, failed, elsewhere, cancelled, rows_new, rows_unchanged, rows_revised, forecasts,
    error, started_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', ?);

-- name: StartRunAgain :exec
UPDATE runs SET status = 'running', closed = 0, error = '', finished_at = NULL, started_at = ? WHERE id = ?;

-- name: SetRunCounts :execrows
UPDATE runs SET due = ?, updated = ?, unchanged = ?, quarantined = ?, failed = ?, elsewhere = ?, cancelled = ?,
    rows_new = ?, rows_unchanged = ?, rows_revised = ?, forecasts = ?
WHERE id = ?;

-- name: FinishRun :execrows
UPDATE runs SET status = ?, closed = ?, error = ?, due = ?, updated = ?, unchanged = ?, quarantined = ?, failed = ?,
    elsewhere = ?, cancelled = ?, rows_new = ?, rows_unchanged = ?, rows_revised = ?, forecasts = ?, finished_at = ?
WHERE id = ?;

-- name: GetRun :one
SELECT * FROM runs WHERE id = ?;

-- name: GetLastCompletedSession :one
SELECT session FROM runs
WHERE exchange = ? AND workflow = 'daily' AND whole_exchange = 1 AND status = 'completed'
ORDER BY exchange DESC, workflow DESC, whole_exchange DESC, status DESC, session DESC LIMIT 1;

-- name: GetHighestAttempt :one
SELECT attempt FROM runs WHERE base_id = ? ORDER BY base_id DESC, attempt DESC LIMIT 1;

-- name: ListRuns :many
SELECT * FROM runs
WHERE started_at <= sqlc.arg('before_at') AND (started_at < sqlc.arg('before_at') OR id < sqlc.arg('before_id'))
    AND (sqlc.arg('exchange') = '' OR exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('workflow') = '' OR workflow = sqlc.arg('workflow'))
    AND (sqlc.arg('statuses') = '' OR FIND_IN_SET(status, sqlc.arg('statuses')) > 0)
ORDER BY started_at DESC, id DESC LIMIT ?;

-- name: ListRunETFs :many
SELECT * FROM run_etfs WHERE run_id = ? AND symbol > ? ORDER BY run_id, symbol LIMIT ?;

-- name: ListRunETFsOf :many
SELECT * FROM run_etfs WHERE run_id = sqlc.arg('run_id') AND symbol IN (sqlc.slice('symbols'));

-- name: ListRunsOfSymbol :many
-- What each of these runs did for one ETF, by the symbols that it has and had: a lookup in the primary key per run and symbol.
SELECT * FROM run_etfs WHERE run_id IN (sqlc.slice('runs')) AND symbol IN (sqlc.slice('symbols')) ORDER BY run_id, symbol;

-- name: SumRunETFs :one
SELECT CAST(COALESCE(SUM(rows_new), 0) AS SIGNED) AS rows_new, CAST(COALESCE(SUM(rows_unchanged), 0) AS SIGNED) AS rows_unchanged,
    CAST(COALESCE(SUM(rows_revised), 0) AS SIGNED) AS rows_revised, CAST(COALESCE(SUM(forecasts), 0) AS SIGNED) AS forecasts
FROM run_etfs WHERE run_id = ?;

-- name: SumFetchesOfRun :many
-- The rows that the run's fetches have changed: a fetch that changes one creates a data version, which is how it is found.
SELECT v.etf_id, CAST(SUM(f.rows_new) AS SIGNED) AS rows_new, CAST(SUM(f.rows_unchanged) AS SIGNED) AS rows_unchanged,
    CAST(SUM(f.rows_revised) AS SIGNED) AS rows_revised, CAST(SUM(f.rows_quarantined) AS SIGNED) AS rows_quarantined
FROM data_versions v JOIN fetches f ON f.id = v.cause_id
WHERE v.etf_id IN (sqlc.slice('etfs')) AND v.known_from >= sqlc.arg('since') AND v.cause = 'fetch' AND f.run_id = sqlc.arg('run_id')
GROUP BY v.etf_id;

-- name: CountFindingsOfRun :many
SELECT n.etf_id, COUNT(*) AS findings
FROM findings n JOIN fetches f ON f.id = n.fetch_id
WHERE n.etf_id IN (sqlc.slice('etfs')) AND n.found_at >= sqlc.arg('since') AND f.run_id = sqlc.arg('run_id')
GROUP BY n.etf_id;
