-- What forecasts were made by and from.

-- name: ListForecastTails :many
SELECT forecast_id, by_horizon FROM forecast_tails WHERE forecast_id IN (sqlc.slice('forecasts'));

-- name: ListForecastProvenance :many
SELECT * FROM forecast_provenance WHERE forecast_id IN (sqlc.slice('forecasts'));

-- name: GetVersionRow :one
SELECT e.id, v.number, v.writer, v.known_from, v.cause, v.cause_id
FROM etfs e JOIN data_versions v ON v.etf_id = e.id AND v.number = sqlc.arg('number')
WHERE e.symbol = sqlc.arg('symbol');

-- name: ListHistoryAt :many
-- Newest first, like ListHistory. Dolt scans an index backwards only if ORDER BY names all of its columns.
SELECT session, close, basis FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session <= CAST(sqlc.arg('to_session') AS DATE)
    AND data_version <= sqlc.arg('version') AND quarantined = 0
ORDER BY etf_id DESC, session DESC LIMIT ?;

-- name: ListHistoryRevisionsAt :many
SELECT session, close, basis FROM bar_revisions
WHERE etf_id = sqlc.arg('etf_id') AND session <= CAST(sqlc.arg('to_session') AS DATE)
    AND data_version <= sqlc.arg('version') AND superseded_by > sqlc.arg('version') AND quarantined = 0
ORDER BY etf_id DESC, session DESC, data_version DESC LIMIT ?;

-- name: ListBarFetchesAt :many
-- From which fetches the bars come that were believed at a data version. One statement, so that a bar that is being superseded
-- counts once.
SELECT u.fetch_id, COUNT(*) AS bars, CAST(MIN(u.session) AS DATE) AS first_session, CAST(MAX(u.session) AS DATE) AS last_session
FROM (
    SELECT b.fetch_id, b.session FROM bars b
    WHERE b.etf_id = sqlc.arg('etf_id') AND b.session >= CAST(sqlc.arg('from_session') AS DATE)
        AND b.session <= CAST(sqlc.arg('to_session') AS DATE) AND b.data_version <= sqlc.arg('version') AND b.quarantined = 0
    UNION ALL
    SELECT r.fetch_id, r.session FROM bar_revisions r
    WHERE r.etf_id = sqlc.arg('etf_id') AND r.session >= CAST(sqlc.arg('from_session') AS DATE)
        AND r.session <= CAST(sqlc.arg('to_session') AS DATE) AND r.data_version <= sqlc.arg('version')
        AND r.superseded_by > sqlc.arg('version') AND r.quarantined = 0
) u
GROUP BY u.fetch_id ORDER BY first_session, u.fetch_id;

-- name: ListFetchRecords :many
SELECT id, source, window_from, window_to, request, media_type, raw_hash, basis, row_count, fetched_at, run_id
FROM fetches WHERE id IN (sqlc.slice('ids'));

-- name: ListStoredBodies :many
SELECT fetch_id FROM fetch_bodies WHERE fetch_id IN (sqlc.slice('ids'));

-- name: ListDecidedVersions :many
-- The newest data versions up to one that a person's decision or a market's move caused.
SELECT number, known_from, cause, cause_id FROM data_versions
WHERE etf_id = sqlc.arg('etf_id') AND number <= sqlc.arg('version') AND cause IN ('decision', 'action', 'market')
ORDER BY etf_id DESC, number DESC LIMIT ?;
