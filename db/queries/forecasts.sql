-- name: GetForecast :one
SELECT sqlc.embed(f), e.symbol FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE f.id = ?;

-- name: ListForecastPoints :many
SELECT * FROM forecast_points WHERE forecast_id IN (sqlc.slice('forecasts')) ORDER BY forecast_id, horizon;

-- name: GetForecastPlace :one
-- All that an append has to know: the data version, the head of the chain, and whether the forecast is stored. It locks
-- nothing (that would need the right to UPDATE forecasts): two writers of one chain collide on the position.
SELECT e.id, e.data_version, e.data_version_writer, h.chain, h.hash, o.id AS stored_id
FROM etfs e
LEFT JOIN forecasts h ON h.etf_id = e.id AND h.model = sqlc.arg('model')
    AND h.chain = (SELECT MAX(m.chain) FROM forecasts m WHERE m.etf_id = e.id AND m.model = sqlc.arg('model'))
LEFT JOIN forecasts o ON o.id = sqlc.arg('id')
WHERE e.symbol = sqlc.arg('symbol');

-- name: GetETFVersion :one
SELECT id, data_version, data_version_writer, known_from FROM etfs WHERE symbol = ?;

-- name: InsertForecast :exec
INSERT INTO forecasts (id, etf_id, model, origin, data_version, data_version_writer, basis, params, params_hash, seed,
    code_version, diagnostics, run_id, as_of, issued_at, chain, prev_hash, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: GetLastModelBefore :one
-- Walks the identity index backwards: the last model, and its newest origin, in one step whatever the age.
SELECT model, origin FROM forecasts WHERE etf_id = ? AND model < ? ORDER BY model DESC, origin DESC LIMIT 1;

-- name: GetNewestOrigin :one
SELECT origin FROM forecasts WHERE etf_id = ? AND model = ? ORDER BY origin DESC LIMIT 1;

-- name: GetNewestOfOrigin :one
SELECT sqlc.embed(f), e.symbol FROM forecasts f JOIN etfs e ON e.id = f.etf_id
WHERE f.etf_id = ? AND f.model = ? AND f.origin = ? ORDER BY f.chain DESC LIMIT 1;

-- name: ListForecastsBefore :many
SELECT sqlc.embed(f), e.symbol FROM forecasts f JOIN etfs e ON e.id = f.etf_id
WHERE f.etf_id = ? AND f.model = ? AND f.chain < ? ORDER BY f.chain DESC LIMIT ?;

-- name: ListForecastsAfter :many
SELECT sqlc.embed(f), e.symbol FROM forecasts f JOIN etfs e ON e.id = f.etf_id
WHERE f.etf_id = ? AND f.model = ? AND f.chain > ? ORDER BY f.chain LIMIT ?;
