-- What is due after each session: what came of it, and the deadlines that passed without it.

-- name: ListArrivedBars :many
SELECT etf_id, session, known_from FROM bars
WHERE etf_id IN (sqlc.slice('etfs')) AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE);

-- name: ListArrivedRevisions :many
SELECT etf_id, session, known_from FROM bar_revisions
WHERE etf_id IN (sqlc.slice('etfs')) AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE);

-- name: ListArrivedForecasts :many
SELECT etf_id, origin, issued_at FROM forecasts
WHERE etf_id IN (sqlc.slice('etfs')) AND model = sqlc.arg('model') AND origin >= CAST(sqlc.arg('from_session') AS DATE)
    AND origin <= CAST(sqlc.arg('to_session') AS DATE);

-- name: ListRetirements :many
-- Every change of the ETFs that were ever retired.
SELECT etf_id, number, retired, changed_at FROM etf_changes
WHERE etf_id IN (SELECT r.etf_id FROM etf_changes r WHERE r.retired = 1 AND r.etf_id IN (sqlc.slice('etfs')))
ORDER BY etf_id, number;

-- name: ListOpenDeadlines :many
-- Those that have not been met: met_at is openDeadline.
SELECT sqlc.embed(m), e.symbol, e.exchange FROM missed_deadlines m JOIN etfs e ON e.id = m.etf_id
WHERE m.met_at = sqlc.arg('open') ORDER BY m.session DESC, m.etf_id, m.kind LIMIT ?;

-- name: ListBarsOfOpenDeadlines :many
SELECT m.etf_id, m.session, b.known_from
FROM missed_deadlines m JOIN bars b ON b.etf_id = m.etf_id AND b.session = m.session
WHERE m.met_at = sqlc.arg('open');

-- name: ListRevisionsOfOpenDeadlines :many
SELECT m.etf_id, m.session, r.known_from
FROM missed_deadlines m JOIN bar_revisions r ON r.etf_id = m.etf_id AND r.session = m.session
WHERE m.met_at = sqlc.arg('open');

-- name: ListForecastsOfOpenDeadlines :many
SELECT m.etf_id, m.session, f.issued_at
FROM missed_deadlines m JOIN forecasts f ON f.etf_id = m.etf_id AND f.model = sqlc.arg('model') AND f.origin = m.session
WHERE m.met_at = sqlc.arg('open');

-- name: ListDeadlinesOfETFs :many
SELECT etf_id, session, kind FROM missed_deadlines
WHERE etf_id IN (sqlc.slice('etfs')) AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE);

-- name: MeetDeadline :execrows
UPDATE missed_deadlines SET met_at = sqlc.arg('met_at')
WHERE etf_id = sqlc.arg('etf_id') AND session = sqlc.arg('session') AND kind = sqlc.arg('kind') AND met_at = sqlc.arg('open');
