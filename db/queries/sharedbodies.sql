-- name: ListSharedBodies :many
SELECT hash, used_at FROM shared_bodies WHERE hash IN (sqlc.slice('hashes'));

-- name: InsertSharedBody :exec
INSERT INTO shared_bodies (hash, encoding, size, stored_at, used_at, body) VALUES (?, ?, ?, ?, ?, ?);

-- name: UseSharedBody :execrows
UPDATE shared_bodies SET used_at = sqlc.arg('used_at') WHERE hash = sqlc.arg('hash') AND used_at <= sqlc.arg('used_at');

-- name: GetSharedBody :one
SELECT encoding, size, body FROM shared_bodies WHERE hash = ?;

-- name: PruneFetchSharedBodies :execrows
DELETE FROM fetch_shared_bodies WHERE stored_at < ? ORDER BY stored_at LIMIT ?;

-- name: ListUnusedSharedBodies :many
-- Those not used since an instant that no fetch needs.
SELECT s.hash FROM shared_bodies s
WHERE s.used_at < sqlc.arg('used_before') AND NOT EXISTS (SELECT 1 FROM fetch_shared_bodies f WHERE f.hash = s.hash)
ORDER BY s.used_at LIMIT ?;

-- name: DeleteSharedBody :execrows
DELETE FROM shared_bodies WHERE hash = sqlc.arg('hash') AND used_at < sqlc.arg('used_before');
