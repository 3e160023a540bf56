-- How every ETF stands, read for many at once.

-- name: ListRecentBars :many
SELECT etf_id, session, close, quarantined, known_from FROM bars
WHERE etf_id IN (sqlc.slice('etfs')) AND session >= CAST(sqlc.arg('from_session') AS DATE)
ORDER BY etf_id, session;

-- name: ListNewestForecasts :many
-- Of each ETF, the model's forecasts from the newest origin.
SELECT f.etf_id, f.id, f.origin, f.chain
FROM forecasts f
JOIN (SELECT m.etf_id, MAX(m.origin) AS origin FROM forecasts m
    WHERE m.etf_id IN (sqlc.slice('etfs')) AND m.model = sqlc.arg('model') GROUP BY m.etf_id) newest
    ON newest.etf_id = f.etf_id AND newest.origin = f.origin
WHERE f.model = sqlc.arg('model');

-- name: ListPointsAt :many
SELECT forecast_id, horizon, target, mean, q05, q95 FROM forecast_points
WHERE forecast_id IN (sqlc.slice('forecasts')) AND horizon IN (sqlc.slice('horizons'))
ORDER BY forecast_id, horizon;

-- name: CountUndecided :many
-- The findings without a decision in force, those that ask a person to decide (quality.Asks) and the others.
SELECT f.etf_id, COUNT(*) AS undecided,
    COUNT(CASE WHEN f.severity = 'error' OR f.rule IN (sqlc.slice('holding')) THEN 1 END) AS asking
FROM findings f
WHERE f.etf_id IN (sqlc.slice('etfs')) AND f.severity <> 'info'
    AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1)
GROUP BY f.etf_id;

-- name: ListActionsThatMatter :many
-- The proposed statements, and the accepted splits since a session.
SELECT etf_id, status, ex, numerator, denominator FROM actions
WHERE etf_id IN (sqlc.slice('etfs')) AND superseded_by = sqlc.arg('current')
    AND (status = 'proposed' OR (kind = 'split' AND status = 'accepted' AND ex >= CAST(sqlc.arg('from_session') AS DATE)))
ORDER BY etf_id, ex;

-- name: GetNewestRunOfSession :one
SELECT * FROM runs
WHERE exchange = ? AND workflow = 'daily' AND whole_exchange = 1
    AND status IN ('running', 'completed', 'failed', 'cancelled', 'terminated', 'timed_out') AND session = ?
ORDER BY started_at DESC LIMIT 1;

-- name: GetNewestEvent :one
SELECT CAST(COALESCE(MAX(id), 0) AS SIGNED) AS id FROM events;

-- name: ListEventMarks :many
SELECT id, symbol FROM events WHERE id > ? ORDER BY id LIMIT ?;

-- name: GetBarKnownFrom :one
SELECT known_from FROM bars WHERE etf_id = ? AND session = ?;
