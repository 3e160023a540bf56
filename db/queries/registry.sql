-- name: InsertETF :execlastid
INSERT INTO etfs (symbol, exchange, currency, basis, data_version, data_version_writer, known_from, bars, quarantined, created_at)
VALUES (?, ?, ?, '', 0, '', ?, 0, 0, ?);

-- name: InsertETFSource :exec
INSERT INTO etf_sources (etf_id, ordinal, name, ref) VALUES (?, ?, ?, ?);

-- name: GetETF :one
SELECT * FROM etfs WHERE symbol = ?;

-- name: ListETFs :many
SELECT * FROM etfs WHERE symbol > ? ORDER BY symbol LIMIT ?;

-- name: ListETFsOfExchange :many
SELECT * FROM etfs WHERE exchange = ? AND symbol > ? ORDER BY exchange, symbol LIMIT ?;

-- name: ListETFsBySymbol :many
SELECT * FROM etfs WHERE symbol IN (sqlc.slice('symbols')) ORDER BY symbol;

-- name: ListSources :many
SELECT etf_id, name, ref FROM etf_sources WHERE etf_id IN (sqlc.slice('ids')) ORDER BY etf_id, ordinal;

-- name: ChangeGrounds :exec
INSERT INTO etf_grounds (etf_id, writer, changed_at) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE writer = VALUES(writer), changed_at = VALUES(changed_at);

-- name: LockExchange :many
SELECT id FROM etfs WHERE exchange = ? ORDER BY exchange, symbol FOR UPDATE;

-- name: LockETF :one
SELECT * FROM etfs WHERE symbol = ? FOR UPDATE;

-- name: InsertETFChange :exec
INSERT INTO etf_changes (etf_id, number, writer, currency, name, retired, sources, changed_by, why, changed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: ListNewestChanges :many
SELECT c.* FROM etf_changes c
JOIN (SELECT m.etf_id, MAX(m.number) AS number FROM etf_changes m WHERE m.etf_id IN (sqlc.slice('ids')) GROUP BY m.etf_id) newest
    ON newest.etf_id = c.etf_id AND newest.number = c.number;

-- name: ListETFChanges :many
SELECT * FROM etf_changes WHERE etf_id = ? ORDER BY etf_id, number;
