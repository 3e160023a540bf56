-- name: LockBackfill :one
-- On servers with row locks, this locks the backfill, so that a repeat waits for the first and sees what it has done.
SELECT * FROM backfills WHERE id = ? FOR UPDATE;

-- name: GetBackfill :one
SELECT * FROM backfills WHERE id = ?;

-- name: InsertBackfill :exec
INSERT INTO backfills (id, base_id, attempt, exchange, symbols, window_from, window_to, source, refetch, status, planned, paused, waits_for,
    error, started_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', 0, 0, '', '', ?);

-- name: StartBackfillAgain :exec
UPDATE backfills SET status = 'running', planned = 0, paused = 0, waits_for = '', waits_until = NULL, error = '', finished_at = NULL,
    started_at = ? WHERE id = ?;

-- name: SetBackfillPlanned :exec
UPDATE backfills SET planned = 1 WHERE id = ?;

-- name: SetBackfillWait :exec
UPDATE backfills SET paused = ?, waits_for = ?, waits_until = ? WHERE id = ?;

-- name: FinishBackfill :exec
UPDATE backfills SET status = ?, error = ?, finished_at = ?, paused = 0, waits_for = '', waits_until = NULL WHERE id = ?;

-- name: GetHighestBackfillAttempt :one
SELECT attempt FROM backfills WHERE base_id = ? ORDER BY base_id DESC, attempt DESC LIMIT 1;

-- name: ListBackfills :many
SELECT * FROM backfills
WHERE started_at <= sqlc.arg('before_at') AND (started_at < sqlc.arg('before_at') OR id < sqlc.arg('before_id'))
    AND (sqlc.arg('exchange') = '' OR exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('statuses') = '' OR FIND_IN_SET(status, sqlc.arg('statuses')) > 0)
ORDER BY started_at DESC, id DESC LIMIT ?;

-- name: ListOpenBackfills :many
SELECT * FROM backfills WHERE status = 'running' ORDER BY status DESC, started_at DESC LIMIT ?;

-- name: CountBackfills :many
SELECT status, COUNT(*) AS n FROM backfills GROUP BY status ORDER BY status;

-- name: SumBackfillETFs :many
SELECT backfill_id, COUNT(*) AS etfs,
    COUNT(CASE WHEN status <> 'running' THEN 1 END) AS etfs_done,
    COUNT(CASE WHEN status = 'failed' THEN 1 END) AS etfs_failed,
    CAST(COALESCE(SUM(sessions), 0) AS SIGNED) AS sessions,
    CAST(COALESCE(SUM(sessions_done), 0) AS SIGNED) AS sessions_done,
    CAST(COALESCE(SUM(rows_new), 0) AS SIGNED) AS rows_new,
    CAST(COALESCE(SUM(rows_unchanged), 0) AS SIGNED) AS rows_unchanged,
    CAST(COALESCE(SUM(rows_revised), 0) AS SIGNED) AS rows_revised,
    CAST(COALESCE(SUM(rows_quarantined), 0) AS SIGNED) AS rows_quarantined,
    CAST(COALESCE(SUM(requests), 0) AS SIGNED) AS requests,
    CAST(COALESCE(SUM(still_missing), 0) AS SIGNED) AS still_missing
FROM backfill_etfs WHERE backfill_id IN (sqlc.slice('ids')) GROUP BY backfill_id ORDER BY backfill_id;

-- name: ListBackfillETFs :many
SELECT * FROM backfill_etfs WHERE backfill_id = sqlc.arg('backfill_id') AND symbol > sqlc.arg('after') ORDER BY backfill_id, symbol LIMIT ?;

-- name: ListPendingBackfillETFs :many
SELECT * FROM backfill_etfs
WHERE backfill_id = sqlc.arg('backfill_id') AND symbol > sqlc.arg('after') AND status = 'running'
ORDER BY backfill_id, symbol LIMIT ?;

-- name: GetBackfillETF :one
SELECT * FROM backfill_etfs WHERE backfill_id = ? AND symbol = ?;

-- name: DeleteBackfillETFs :exec
DELETE FROM backfill_etfs WHERE backfill_id = ?;

-- name: AdvanceBackfillETF :exec
-- What a request has brought is added, so that a late writer takes nothing back.
UPDATE backfill_etfs SET source = sqlc.arg('source'), rows_new = rows_new + sqlc.arg('rows_new'), rows_unchanged = rows_unchanged + sqlc.arg('rows_unchanged'),
    rows_revised = rows_revised + sqlc.arg('rows_revised'), rows_quarantined = rows_quarantined + sqlc.arg('rows_quarantined'),
    requests = requests + sqlc.arg('requests'), status = sqlc.arg('status'), sessions_done = sqlc.arg('sessions_done'),
    still_missing = sqlc.arg('still_missing'), error = sqlc.arg('error')
WHERE backfill_id = sqlc.arg('backfill_id') AND symbol = sqlc.arg('symbol');

-- name: InsertBackfillWindow :exec
INSERT INTO backfill_windows (etf_id, backfill_id, source, window_from, window_to, whole, fetch_id, error_type, error, rows_new,
    rows_unchanged, rows_revised, rows_quarantined, asked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: ListBackfillWindows :many
SELECT * FROM backfill_windows WHERE etf_id = ? ORDER BY etf_id, backfill_id, source, window_from, window_to;

-- name: DeleteBackfillWindow :exec
DELETE FROM backfill_windows WHERE etf_id = ? AND backfill_id = ? AND source = ? AND window_from = ? AND window_to = ?;

-- name: ListStoredSessions :many
SELECT session FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE) AND session <= CAST(sqlc.arg('to_session') AS DATE)
ORDER BY etf_id, session;

-- name: ListOverlappingRows :many
-- The staged rows of sessions that have a bar, whatever its numbers.
SELECT s.ordinal
FROM staged_bars s JOIN bars b ON b.etf_id = sqlc.arg('etf_id') AND b.session = s.session
WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1, 4)
ORDER BY s.ordinal;

-- name: CountUpdatedBackfillETFs :one
SELECT COUNT(*) FROM backfill_etfs WHERE backfill_id = ? AND status = 'completed' AND rows_new + rows_revised > 0;
