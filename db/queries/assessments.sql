-- What the record said before the forecasts of a session were made.

-- name: GetAssessmentOf :one
SELECT * FROM assessments WHERE exchange = ? AND session = ?;

-- name: GetAssessmentByHash :one
SELECT * FROM assessments WHERE hash = ?;

-- name: GetAssessmentHash :one
SELECT hash FROM assessments WHERE exchange = ? AND session = ?;

-- name: GetAssessmentBefore :one
-- The newest one of an earlier session. Dolt scans an index backwards only if ORDER BY names all of its columns.
SELECT * FROM assessments WHERE exchange = ? AND session < ? ORDER BY exchange DESC, session DESC LIMIT 1;

-- name: GetNewestAssessment :one
-- Without the state, which is large.
SELECT exchange, session, hash, previous, through, made_at, run_id, body FROM assessments WHERE exchange = ?
ORDER BY exchange DESC, session DESC LIMIT 1;

-- name: InsertAssessment :exec
INSERT INTO assessments (exchange, session, hash, previous, through, made_at, run_id, body, state_size, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: ListGateVerdicts :many
-- Newest session first, then ascending by exchange, horizon and model. Empty and zero select everything.
SELECT * FROM gate_verdicts
WHERE (session < CAST(sqlc.arg('before') AS DATE) OR session = CAST(sqlc.arg('before') AS DATE) AND (exchange > sqlc.arg('exchange_after')
        OR exchange = sqlc.arg('exchange_after') AND (horizon > sqlc.arg('horizon_after') OR horizon = sqlc.arg('horizon_after') AND model > sqlc.arg('model_after'))))
    AND (sqlc.arg('exchange') = '' OR exchange = sqlc.arg('exchange')) AND (sqlc.arg('horizon') = 0 OR horizon = sqlc.arg('horizon'))
    AND (sqlc.arg('model') = '' OR model = sqlc.arg('model'))
ORDER BY session DESC, exchange, horizon, model LIMIT ?;

-- name: ListForecastRaw :many
SELECT * FROM forecast_raw WHERE forecast_id IN (sqlc.slice('forecasts'));

-- name: ListOutcomeScores :many
-- All versions, of these ETFs and models at one origin and horizon: lookups in the primary key.
SELECT * FROM scores
WHERE etf_id IN (sqlc.slice('etfs')) AND model IN (sqlc.slice('models')) AND horizon = sqlc.arg('horizon') AND origin = CAST(sqlc.arg('origin') AS DATE)
ORDER BY etf_id, model, horizon, origin, forecast_id, version;
