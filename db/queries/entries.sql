-- name: GetEntrant :one
SELECT registered_at FROM entrants WHERE model = ?;

-- name: InsertEntrant :exec
INSERT INTO entrants (model, registered_at) VALUES (?, ?);

-- name: ListEntrants :many
SELECT * FROM entrants ORDER BY model;

-- name: ModelHasForecasts :one
-- One look into the primary key per ETF.
SELECT EXISTS (
    SELECT 1 FROM etfs e WHERE EXISTS (SELECT 1 FROM forecasts f WHERE f.etf_id = e.id AND f.model = ?)
) AS found;

-- name: ListForecastsOfOrigins :many
SELECT id, etf_id, origin FROM forecasts
WHERE etf_id IN (sqlc.slice('etfs')) AND model = sqlc.arg('model') AND origin IN (sqlc.slice('origins'));

-- name: ListEnteredETFs :many
-- The ETFs from the given one on that the model has forecasts of.
SELECT e.id, e.symbol FROM etfs e
WHERE e.symbol >= sqlc.arg('from_symbol') AND EXISTS (SELECT 1 FROM forecasts f WHERE f.etf_id = e.id AND f.model = sqlc.arg('model'))
ORDER BY e.symbol;
