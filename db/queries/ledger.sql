-- The transparency log. Reads that are made for many chains at once are in ledger.go.

-- name: GetLeaf :one
SELECT symbol, model, position, hash FROM ledger_leaves WHERE number = ?;

-- name: GetLeafFrom :one
-- The leaf through which a position of a chain is anchored. The index has them in this order.
SELECT number, position, hash FROM ledger_leaves WHERE symbol = ? AND model = ? AND position >= ?
ORDER BY symbol, model, position LIMIT 1;

-- name: GetCheckpoint :one
SELECT * FROM ledger_checkpoints ORDER BY size DESC LIMIT 1;

-- name: GetCheckpointAt :one
SELECT * FROM ledger_checkpoints WHERE size = ?;

-- name: ListCheckpoints :many
SELECT * FROM ledger_checkpoints WHERE size <= ? ORDER BY size;

-- name: InsertCheckpoint :exec
INSERT INTO ledger_checkpoints (size, root, note, is_signed, made_at) VALUES (?, ?, ?, ?, ?);
