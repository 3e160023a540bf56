-- Names of ETFs: their permanent ids, former symbols, and which symbol a chain's forecasts carry from where on.

-- name: InsertIdentity :exec
INSERT IGNORE INTO etf_identities (etf_id, permanent_id, ids_as) VALUES (?, ?, ?);

-- name: ListIdentities :many
SELECT * FROM etf_identities WHERE etf_id IN (sqlc.slice('ids'));

-- name: GetIdentity :one
-- With the delisting date as of the newest change of it.
SELECT i.ids_as, d.delisted FROM etf_identities i LEFT JOIN etf_details d ON d.etf_id = i.etf_id
WHERE i.etf_id = ? ORDER BY d.number DESC LIMIT 1;

-- name: InsertFormerSymbol :exec
INSERT INTO etf_symbols (etf_id, number, symbol, last_session, ended_at) VALUES (?, ?, ?, ?, ?);

-- name: ListFormerSymbols :many
SELECT * FROM etf_symbols WHERE etf_id IN (sqlc.slice('ids')) ORDER BY etf_id, number;

-- name: ListETFsFormerly :many
-- The ETFs that have had the symbols, with those that they have now; the last to give one up comes last.
SELECT s.symbol AS former, s.etf_id, s.last_session, s.ended_at, e.symbol, e.exchange
FROM etf_symbols s JOIN etfs e ON e.id = s.etf_id
WHERE s.symbol IN (sqlc.slice('symbols')) ORDER BY s.symbol, s.last_session, s.ended_at, s.etf_id, s.number;

-- name: CountSymbolsOf :one
-- Whether an ETF has had another symbol, or another ETF its symbol.
SELECT COUNT(*) FROM etf_symbols WHERE etf_id = ? OR symbol = ?;

-- name: RenameETF :execrows
UPDATE etfs SET symbol = sqlc.arg('to_symbol') WHERE id = sqlc.arg('id') AND symbol = sqlc.arg('from_symbol');

-- name: InsertChainSymbol :exec
INSERT INTO chain_symbols (etf_id, model, chain, symbol) VALUES (?, ?, ?, ?);

-- name: ListNames :many
-- The symbols of an ETF's chains from each position on (kind 0), its former ones with the numbers of the changes that ended them (1), and
-- the one that it has (2).
SELECT c.model, c.chain, c.symbol, 0 AS kind FROM chain_symbols c WHERE c.etf_id = sqlc.arg('etf_id')
UNION ALL
SELECT '', s.number, s.symbol, 1 FROM etf_symbols s WHERE s.etf_id = sqlc.arg('etf_id')
UNION ALL
SELECT '', e.id, e.symbol, 2 FROM etfs e WHERE e.id = sqlc.arg('etf_id');

-- name: ListChainSymbols :many
SELECT * FROM chain_symbols ORDER BY etf_id, model, chain;

-- name: ListFormersOfAll :many
SELECT * FROM etf_symbols ORDER BY etf_id, number;

-- name: ListSameForecasts :many
-- Forecasts from the same data by the same code, whatever symbol the ETF had then.
SELECT id, model, origin, params_hash, code_version, chain FROM forecasts
WHERE etf_id = ? AND model = ? AND origin = ? AND data_version = ? AND data_version_writer = ?;

-- name: InsertDetails :exec
INSERT INTO etf_details (etf_id, number, delisted, isin) VALUES (?, ?, ?, ?);

-- name: ListDetails :many
SELECT * FROM etf_details WHERE etf_id IN (sqlc.slice('ids')) ORDER BY etf_id, number;

-- name: CountRunningSince :one
-- The open runs of an exchange that began before an instant.
SELECT COUNT(*) FROM runs WHERE status = 'running' AND exchange = sqlc.arg('exchange') AND started_at < sqlc.arg('before');
