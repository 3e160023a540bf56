-- name: GetScoring :one
-- An ETF with as of what its scores are complete; NULLs if nothing has been scored.
SELECT e.id, e.exchange, e.basis, e.data_version, e.data_version_writer, e.last_session,
    s.data_version AS scored_version, s.writer, s.horizons, s.chains, s.last_session AS scored_session, s.sessions
FROM etfs e LEFT JOIN scorings s ON s.etf_id = e.id
WHERE e.symbol = ?;

-- name: ListVersionsToScore :many
-- What the data versions after the given one may have changed, as far as their fetches say.
SELECT v.number, v.cause, f.window_from, f.window_to, f.rows_new, f.rows_revised, f.rows_quarantined, f.actions_new
FROM data_versions v LEFT JOIN fetches f ON f.id = v.cause_id
WHERE v.etf_id = sqlc.arg('etf_id') AND v.number > sqlc.arg('after');

-- name: ListEntrantModels :many
SELECT model FROM entrants ORDER BY model;

-- name: ListSplitStates :many
SELECT * FROM actions WHERE etf_id = ? AND kind = 'split' ORDER BY etf_id, id, data_version;

-- name: ListBarStates :many
SELECT session, close, quarantined, data_version, (open = 0 AND high = 0 AND low = 0 AND COALESCE(volume, 1) = 0) AS no_trade
FROM bars WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE)
ORDER BY etf_id, session;

-- name: ListRevisionStates :many
SELECT session, close, quarantined, data_version, superseded_by,
    (open = 0 AND high = 0 AND low = 0 AND COALESCE(volume, 1) = 0) AS no_trade
FROM bar_revisions WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE)
ORDER BY etf_id, session, data_version;

-- name: ListForecastsToScore :many
-- Each row once for each mark of the forecast.
SELECT f.id, f.model, f.origin, f.data_version, f.issued_at, f.chain, p.scale_absolute, p.scale_squared, t.by_horizon AS tails, m.mark, m.skipped
FROM forecasts f
LEFT JOIN forecast_provenance p ON p.forecast_id = f.id
LEFT JOIN forecast_tails t ON t.forecast_id = f.id
LEFT JOIN forecast_marks m ON m.forecast_id = f.id
WHERE f.etf_id = sqlc.arg('etf_id') AND f.model IN (sqlc.slice('models')) AND f.origin IN (sqlc.slice('origins'))
ORDER BY f.model, f.origin, f.chain;

-- name: ListPointsToScore :many
SELECT * FROM forecast_points WHERE forecast_id IN (sqlc.slice('forecasts')) AND horizon IN (sqlc.slice('horizons'))
ORDER BY forecast_id, horizon;

-- name: ListForecastHorizons :many
SELECT horizon FROM forecast_points WHERE forecast_id = ? ORDER BY forecast_id, horizon;

-- name: ListScoresOfOrigins :many
-- All versions.
SELECT * FROM scores
WHERE etf_id = sqlc.arg('etf_id') AND model IN (sqlc.slice('models')) AND horizon IN (sqlc.slice('horizons'))
    AND origin IN (sqlc.slice('origins'))
ORDER BY etf_id, model, horizon, origin, forecast_id, version;

-- name: ListScores :many
-- All versions. Empty and zero select everything.
SELECT * FROM scores
WHERE etf_id = sqlc.arg('etf_id') AND (sqlc.arg('model') = '' OR model = sqlc.arg('model'))
    AND (sqlc.arg('horizon') = 0 OR horizon = sqlc.arg('horizon'))
    AND origin >= CAST(sqlc.arg('from_origin') AS DATE) AND origin <= CAST(sqlc.arg('to_origin') AS DATE)
ORDER BY etf_id, model, horizon, origin, forecast_id, version;

-- name: AdvanceScoring :execrows
-- The compare-and-set of the mark, while the ETF's data are still those that were read.
UPDATE scorings SET data_version = sqlc.arg('data_version'), writer = sqlc.arg('writer'), horizons = sqlc.arg('horizons'),
    chains = sqlc.arg('chains'), last_session = sqlc.narg('last_session'), sessions = sqlc.arg('sessions'), scored_at = sqlc.arg('scored_at')
WHERE etf_id = sqlc.arg('etf_id') AND writer = sqlc.arg('before')
    AND EXISTS (SELECT 1 FROM etfs e WHERE e.id = sqlc.arg('etf_id') AND e.data_version = sqlc.arg('data_version')
        AND e.data_version_writer = sqlc.arg('data_version_writer'));

-- name: InsertScoring :execrows
INSERT INTO scorings (etf_id, data_version, writer, horizons, chains, last_session, sessions, scored_at)
SELECT e.id, e.data_version, sqlc.arg('writer'), sqlc.arg('horizons'), sqlc.arg('chains'), sqlc.narg('last_session'), sqlc.arg('sessions'),
    sqlc.arg('scored_at')
FROM etfs e WHERE e.id = sqlc.arg('etf_id') AND e.data_version = sqlc.arg('data_version') AND e.data_version_writer = sqlc.arg('data_version_writer');
