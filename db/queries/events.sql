-- name: ListEvents :many
SELECT * FROM events
WHERE id > sqlc.arg('after') AND id <= sqlc.arg('through')
    AND (sqlc.arg('exchange') = '' OR exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('symbol') = '' OR symbol = sqlc.arg('symbol'))
    AND (sqlc.arg('kinds') = '' OR FIND_IN_SET(kind, sqlc.arg('kinds')) > 0)
ORDER BY id LIMIT ?;

-- name: ListEventsOfRun :many
SELECT * FROM events
WHERE run_id = sqlc.arg('run_id') AND id > sqlc.arg('after') AND id <= sqlc.arg('through')
    AND (sqlc.arg('exchange') = '' OR exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('symbol') = '' OR symbol = sqlc.arg('symbol'))
    AND (sqlc.arg('kinds') = '' OR FIND_IN_SET(kind, sqlc.arg('kinds')) > 0)
ORDER BY run_id, id LIMIT ?;

-- name: GetEventSpan :one
SELECT CAST(COALESCE(MIN(id), 0) AS SIGNED) AS oldest, CAST(COALESCE(MAX(id), 0) AS SIGNED) AS newest FROM events;

-- name: ListNewestEventBefore :many
-- Read backwards from the newest one: it is among the last.
SELECT id FROM events WHERE at < ? ORDER BY id DESC LIMIT 1;

-- name: ListOldestEvents :many
SELECT id, at FROM events ORDER BY id LIMIT ?;

-- name: DeleteEventsThrough :execrows
DELETE FROM events WHERE id <= ?;
