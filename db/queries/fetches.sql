-- name: InsertFetch :execrows
-- The statement itself looks up the ETF: no row inserted means that there is no such ETF.
INSERT INTO fetches (id, etf_id, source, window_from, window_to, request, media_type, raw_hash, basis, row_count,
    fetched_at, run_id, actions, undone_splits, defects, judged_at, rows_new, rows_unchanged, rows_revised,
    rows_quarantined, actions_new, result_version, result_writer)
SELECT sqlc.arg('id'), e.id, sqlc.arg('source'), sqlc.narg('window_from'), sqlc.narg('window_to'),
    sqlc.arg('request'), sqlc.arg('media_type'), sqlc.arg('raw_hash'), sqlc.arg('basis'), sqlc.arg('row_count'),
    sqlc.arg('fetched_at'), sqlc.arg('run_id'), sqlc.arg('actions'), sqlc.arg('undone_splits'),
    sqlc.arg('defects'), sqlc.narg('judged_at'), 0, 0, 0, 0, 0, 0, ''
FROM etfs e WHERE e.symbol = sqlc.arg('symbol');

-- name: InsertETFFetch :exec
INSERT INTO etf_fetches (etf_id, fetched_at, fetch_id)
SELECT e.id, sqlc.arg('fetched_at'), sqlc.arg('fetch_id') FROM etfs e WHERE e.symbol = sqlc.arg('symbol');

-- name: ListETFFetches :many
-- The newest first. Dolt scans backwards only if ORDER BY names all columns of the index.
SELECT fetched_at, fetch_id FROM etf_fetches
WHERE etf_id = sqlc.arg('etf_id') AND fetched_at <= sqlc.arg('before_at')
    AND (fetched_at < sqlc.arg('before_at') OR fetch_id < sqlc.arg('before_id'))
ORDER BY etf_id DESC, fetched_at DESC, fetch_id DESC LIMIT ?;

-- name: ListFetchOutcomes :many
SELECT id, persisted_at, rows_new, rows_unchanged, rows_revised, rows_quarantined FROM fetches WHERE id IN (sqlc.slice('ids'));

-- name: InsertFetchBody :exec
INSERT INTO fetch_bodies (fetch_id, encoding, size, stored_at, body) VALUES (?, ?, ?, ?, ?);

-- name: GetFetchBody :one
SELECT encoding, size, body FROM fetch_bodies WHERE fetch_id = ?;

-- name: PruneFetchBodies :execrows
DELETE FROM fetch_bodies WHERE stored_at < ? ORDER BY stored_at LIMIT ?;

-- name: GetFetch :one
-- CONCAT tells sqlc that change_writer is a text.
SELECT sqlc.embed(f), e.symbol, e.exchange, e.basis AS series_basis, e.bars, e.data_version, e.first_session, e.last_session,
    e.data_version_writer, (SELECT CONCAT(COALESCE(MAX(g.writer), '')) FROM etf_grounds g WHERE g.etf_id = e.id) AS change_writer,
    (SELECT COUNT(*) FROM calendar_closures c WHERE c.exchange = e.exchange) AS calendar_version
FROM fetches f JOIN etfs e ON e.id = f.etf_id
WHERE f.id = ?;

-- name: GetFetchToPersist :one
-- On servers with row locks, this locks the fetch and its ETF, in this order everywhere, so that writers of one ETF wait
-- for each other instead of colliding. On Dolt, which has none, the colliding COMMIT fails. The last two columns are subqueries, because
-- those are read once the rows are locked; a join may be read before.
SELECT f.etf_id, f.source, f.window_from, f.window_to, f.basis, f.row_count, f.fetched_at, f.actions, f.judged_at, f.persisted_at, f.rows_new, f.rows_unchanged,
    f.rows_revised, f.rows_quarantined, f.actions_new, f.result_version, f.result_writer, f.result_known_from, f.run_id,
    e.symbol, e.exchange, e.basis AS series_basis, e.data_version, e.data_version_writer, e.known_from, e.bars, e.quarantined,
    e.first_session, e.last_session, (SELECT CONCAT(COALESCE(MAX(g.writer), '')) FROM etf_grounds g WHERE g.etf_id = e.id) AS change_writer,
    (SELECT COUNT(*) FROM calendar_closures c WHERE c.exchange = e.exchange) AS calendar_version
FROM fetches f JOIN etfs e ON e.id = f.etf_id
WHERE f.id = ?
FOR UPDATE;

-- name: ListStagedBars :many
SELECT ordinal, session, open, high, low, close, adj_close, volume, verdict
FROM staged_bars WHERE fetch_id = ? ORDER BY fetch_id, ordinal;

-- name: MarkFetchJudged :execrows
-- grounds is a hash of what the rows were judged on. It is in the way of nothing: the fetch has no result yet.
UPDATE fetches SET judged_at = sqlc.arg('judged_at'), result_writer = sqlc.arg('grounds')
WHERE id = sqlc.arg('id') AND judged_at IS NULL AND persisted_at IS NULL AND row_count = sqlc.arg('rows');

-- name: MarkFetchJudgedAgain :execrows
UPDATE fetches SET judged_at = sqlc.arg('judged_at'), result_writer = sqlc.arg('grounds')
WHERE id = sqlc.arg('id') AND judged_at IS NOT NULL AND persisted_at IS NULL AND result_writer = sqlc.arg('before');

-- name: SetFetchGrounds :execrows
UPDATE fetches SET result_writer = sqlc.arg('grounds') WHERE id = sqlc.arg('id') AND persisted_at IS NULL AND result_writer = sqlc.arg('before');

-- name: SetVerdicts :exec
-- The verdicts of the rows first to last, one character each: a digit, or a point for a row that keeps its verdict. A list
-- of ordinals would cost a scan of all rows for each batch, and a statement for each range of them a round trip.
UPDATE staged_bars
SET verdict = CAST(SUBSTRING(sqlc.arg('verdicts'), ordinal - sqlc.arg('first') + 1, 1) AS UNSIGNED)
WHERE fetch_id = sqlc.arg('fetch_id') AND ordinal BETWEEN sqlc.arg('first') AND sqlc.arg('last')
    AND SUBSTRING(sqlc.arg('verdicts'), ordinal - sqlc.arg('first') + 1, 1) <> '.';

-- name: MarkFetchPersisted :execrows
UPDATE fetches SET persisted_at = ?, rows_new = ?, rows_unchanged = ?, rows_revised = ?, rows_quarantined = ?,
    actions_new = ?, result_version = ?, result_writer = ?, result_known_from = ?
WHERE id = ? AND persisted_at IS NULL;

-- name: DeleteStagedBars :exec
DELETE FROM staged_bars WHERE fetch_id = ?;

-- name: ListStagedFetches :many
-- The fetches that have staged rows, with what tells whether an update may still need them.
SELECT s.fetch_id, f.fetched_at, f.run_id, r.status
FROM (SELECT DISTINCT fetch_id FROM staged_bars) s
LEFT JOIN fetches f ON f.id = s.fetch_id
LEFT JOIN runs r ON r.id = f.run_id
ORDER BY s.fetch_id;

-- name: InsertFetchCheck :exec
INSERT INTO fetch_checks (fetch_id, second_fetch_id, opinion) VALUES (?, ?, ?);

-- name: ListFetchChecks :many
SELECT fetch_id, second_fetch_id, opinion FROM fetch_checks WHERE fetch_id IN (sqlc.slice('fetches'));
