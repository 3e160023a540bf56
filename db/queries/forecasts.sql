-- name: GetForecast :one
SELECT * FROM forecasts WHERE id = ?;

-- name: ListForecastPoints :many
SELECT * FROM forecast_points WHERE forecast_id IN (sqlc.slice('forecasts')) ORDER BY forecast_id, horizon;

-- name: ListForecastComponents :many
SELECT * FROM forecast_components WHERE forecast_id IN (sqlc.slice('forecasts')) ORDER BY forecast_id, component;

-- name: ListForecastFitHashes :many
SELECT forecast_id, hash FROM forecast_fits WHERE forecast_id IN (sqlc.slice('forecasts'));

-- name: GetForecastFit :one
SELECT hash, encoding, size, fit FROM forecast_fits WHERE forecast_id = ?;

-- Dolt scans an index backwards only if ORDER BY names all of its columns, including those that WHERE fixes.

-- name: GetChainHead :one
SELECT chain, hash, issued_at FROM forecasts WHERE etf_id = ? AND model = ?
ORDER BY etf_id DESC, model DESC, chain DESC LIMIT 1;

-- name: GetETFVersion :one
SELECT id, exchange, basis, data_version, data_version_writer, known_from, last_session FROM etfs WHERE symbol = ?;

-- name: ListStoredForecasts :many
SELECT id FROM forecasts WHERE id IN (sqlc.slice('ids'));

-- name: CountForecastsOfRun :many
-- By models, so that the identity's index finds them: how many forecasts an ETF has does not matter.
SELECT etf_id, COUNT(*) AS forecasts FROM forecasts
WHERE etf_id IN (sqlc.slice('etfs')) AND model IN (sqlc.slice('models')) AND origin = sqlc.arg('origin')
    AND run_id = sqlc.arg('run_id')
GROUP BY etf_id;

-- name: GetLastModelBefore :one
-- One backward step in the primary key per model, whatever the number of forecasts.
SELECT model FROM forecasts WHERE etf_id = ? AND model < ?
ORDER BY etf_id DESC, model DESC, chain DESC LIMIT 1;

-- name: GetNewestOfModel :one
SELECT * FROM forecasts WHERE etf_id = ? AND model = ? AND origin = ? ORDER BY chain DESC LIMIT 1;

-- name: GetNewestOrigin :one
SELECT CAST(MAX(origin) AS DATE) AS origin FROM forecasts WHERE etf_id = ? AND model = ?;

-- name: GetOriginBefore :one
-- The origin of the n-th newest forecast before an origin; the whole index is named for Dolt.
SELECT origin FROM forecasts WHERE etf_id = sqlc.arg('etf_id') AND model = sqlc.arg('model') AND origin < CAST(sqlc.arg('before') AS DATE)
ORDER BY etf_id DESC, model DESC, origin DESC, data_version DESC, data_version_writer DESC, params_hash DESC, seed DESC, code_version DESC
LIMIT 1 OFFSET ?;

-- name: ListForecastHeads :many
SELECT id, model, origin, data_version, code_version, run_id, as_of, issued_at, chain FROM forecasts
WHERE etf_id = sqlc.arg('etf_id') AND model = sqlc.arg('model') AND origin >= CAST(sqlc.arg('from_origin') AS DATE)
    AND origin <= CAST(sqlc.arg('to_origin') AS DATE)
ORDER BY etf_id, model, origin;

-- name: ListHorizonsOfForecasts :many
SELECT forecast_id, horizon FROM forecast_points WHERE forecast_id IN (sqlc.slice('forecasts')) ORDER BY forecast_id, horizon;

-- name: GetNewestOriginAt :one
SELECT CAST(MAX(origin) AS DATE) AS origin FROM forecasts
WHERE etf_id = sqlc.arg('etf_id') AND model = sqlc.arg('model') AND issued_at <= sqlc.arg('issued_by') AND data_version <= sqlc.arg('data_version');

-- name: ListForecastsOfOrigin :many
SELECT * FROM forecasts WHERE etf_id = ? AND model = ? AND origin = ? ORDER BY chain;

-- name: ListForecastsBefore :many
SELECT * FROM forecasts WHERE etf_id = ? AND model = ? AND chain < ?
ORDER BY etf_id DESC, model DESC, chain DESC LIMIT ?;

-- name: ListForecastsAfter :many
SELECT * FROM forecasts WHERE etf_id = ? AND model = ? AND chain > ?
ORDER BY etf_id, model, chain LIMIT ?;
