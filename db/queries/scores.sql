-- Each of these is read or written once for every ETF and session: joins and subqueries are left out where two statements cost
-- Dolt less.

-- name: GetETFToScore :one
SELECT id, exchange, basis, data_version, data_version_writer, last_session FROM etfs WHERE symbol = ?;

-- name: GetScoring :one
SELECT data_version, writer, horizons, chains, last_session, sessions FROM scorings WHERE etf_id = ?;

-- name: ListVersionsToScore :many
SELECT number, cause, cause_id FROM data_versions WHERE etf_id = sqlc.arg('etf_id') AND number > sqlc.arg('after');

-- name: ListFetchesToScore :many
-- What fetches may have changed.
SELECT window_from, rows_new, rows_revised, rows_quarantined, actions_new FROM fetches WHERE id IN (sqlc.slice('ids'));

-- name: ListEntrantModels :many
SELECT model FROM entrants ORDER BY model;

-- name: ListSplitStates :many
SELECT kind, ex, numerator, denominator, status, data_version, superseded_by FROM actions WHERE etf_id = ? AND kind = 'split'
ORDER BY etf_id, id, data_version;

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

-- name: ListScoresAt :many
-- All versions, of these ETFs at one origin: a lookup in the primary key per ETF.
SELECT * FROM scores
WHERE etf_id IN (sqlc.slice('etfs')) AND model = sqlc.arg('model') AND horizon = sqlc.arg('horizon') AND origin = CAST(sqlc.arg('origin') AS DATE)
ORDER BY etf_id, model, horizon, origin, forecast_id, version;

-- name: GetETFWriter :one
SELECT data_version_writer FROM etfs WHERE id = ?;

-- name: AdvanceScoring :execrows
-- The compare-and-set of the mark.
UPDATE scorings SET data_version = sqlc.arg('data_version'), writer = sqlc.arg('writer'), horizons = sqlc.arg('horizons'),
    chains = sqlc.arg('chains'), last_session = sqlc.narg('last_session'), sessions = sqlc.arg('sessions'), scored_at = sqlc.arg('scored_at')
WHERE etf_id = sqlc.arg('etf_id') AND writer = sqlc.arg('before');

-- name: InsertScoring :exec
INSERT INTO scorings (etf_id, data_version, writer, horizons, chains, last_session, sessions, scored_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?);
