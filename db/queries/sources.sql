-- The state that all workers share about the sources of prices: circuit breakers and daily quotas.

-- name: GetBreaker :one
SELECT * FROM source_breakers WHERE source = ?;

-- name: ListBreakers :many
SELECT * FROM source_breakers ORDER BY source;

-- name: InsertBreaker :exec
INSERT INTO source_breakers (source, changes, writer, state, failures, failing, opened, reason, since, retry_at, last_success)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: UpdateBreaker :execrows
-- Compare-and-set by the writer, which is another one each time.
UPDATE source_breakers SET changes = ?, writer = ?, state = ?, failures = ?, failing = ?, opened = ?, reason = ?, since = ?, retry_at = ?,
    last_success = ?
WHERE source = ? AND writer = sqlc.arg('old_writer');

-- name: InsertBreakerChange :exec
INSERT INTO source_breaker_changes (source, number, state, failures, reason, at, retry_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: ListBreakerChanges :many
SELECT * FROM source_breaker_changes WHERE source = ? ORDER BY number DESC LIMIT ?;

-- name: GetSourceDay :one
SELECT * FROM source_days WHERE source = ? AND day = CAST(sqlc.arg('day') AS DATE);

-- name: InsertSourceDay :exec
INSERT INTO source_days (source, day, used, behind, refused_at, writer) VALUES (?, ?, ?, ?, ?, ?);

-- name: UpdateSourceDay :execrows
UPDATE source_days SET used = ?, behind = ?, refused_at = ?, writer = ?
WHERE source = ? AND day = CAST(sqlc.arg('day') AS DATE) AND writer = sqlc.arg('old_writer');
