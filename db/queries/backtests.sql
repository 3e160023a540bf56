-- name: LockBacktest :one
-- On servers with row locks, this locks the backtest, so that a repeat waits for the first and sees what it has done.
SELECT * FROM backtests WHERE id = ? FOR UPDATE;

-- name: GetBacktest :one
SELECT * FROM backtests WHERE id = ?;

-- name: InsertBacktest :exec
INSERT INTO backtests (id, base_id, attempt, exchange, whole_exchange, symbols, as_of, options, status, error, etfs, measured, failed,
    origins, leak_suspected, result_hash, result_size, code_version, started_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', '', 0, 0, 0, 0, 0, '', 0, '', ?);

-- name: StartBacktestAgain :exec
-- A result that was stored before the end was recorded is made again.
UPDATE backtests SET status = 'running', error = '', finished_at = NULL, leak_suspected = 0, result_hash = '', result_size = 0,
    code_version = '', started_at = ? WHERE id = ?;

-- name: SetBacktestCounts :exec
UPDATE backtests SET etfs = ?, measured = ?, failed = ?, origins = ? WHERE id = ?;

-- name: SetBacktestResult :exec
UPDATE backtests SET leak_suspected = ?, result_hash = ?, result_size = ?, code_version = ? WHERE id = ?;

-- name: FinishBacktest :exec
UPDATE backtests SET status = ?, error = ?, finished_at = ? WHERE id = ?;

-- name: CountBacktests :many
SELECT status, COUNT(*) AS n FROM backtests GROUP BY status ORDER BY status;

-- name: GetHighestBacktestAttempt :one
SELECT attempt FROM backtests WHERE base_id = ? ORDER BY base_id DESC, attempt DESC LIMIT 1;

-- name: ListBacktests :many
SELECT * FROM backtests
WHERE started_at <= sqlc.arg('before_at') AND (started_at < sqlc.arg('before_at') OR id < sqlc.arg('before_id'))
    AND (sqlc.arg('exchange') = '' OR exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('statuses') = '' OR FIND_IN_SET(status, sqlc.arg('statuses')) > 0)
ORDER BY started_at DESC, id DESC LIMIT ?;

-- name: ListOpenBacktests :many
SELECT * FROM backtests WHERE status = 'running' ORDER BY status DESC, started_at DESC LIMIT ?;

-- name: GetNewestBacktestOf :one
-- The newest completed one of a whole exchange, without those that are suspected of a leak.
SELECT id FROM backtests
WHERE exchange = sqlc.arg('exchange') AND whole_exchange = 1 AND status = 'completed' AND leak_suspected = 0
ORDER BY started_at DESC, id DESC LIMIT 1;

-- name: CountBacktestETFs :one
SELECT COUNT(*) FROM backtest_etfs WHERE backtest_id = ?;

-- name: CountBacktestParts :one
SELECT COUNT(*) AS done, CAST(COALESCE(SUM(CASE WHEN error = '' THEN 1 ELSE 0 END), 0) AS SIGNED) AS measured,
    CAST(COALESCE(SUM(origins), 0) AS SIGNED) AS origins
FROM backtest_parts WHERE backtest_id = ?;

-- name: ListBacktestETFs :many
-- The ETFs with what came of them; one that has no part yet has a NULL there.
SELECT e.symbol, e.exchange, e.data_version, p.origins, p.error, p.code_version, p.size
FROM backtest_etfs e LEFT JOIN backtest_parts p ON p.backtest_id = e.backtest_id AND p.symbol = e.symbol
WHERE e.backtest_id = sqlc.arg('backtest_id') AND e.symbol > sqlc.arg('after')
ORDER BY e.backtest_id, e.symbol LIMIT ?;

-- name: ListPendingBacktestETFs :many
SELECT e.symbol, e.exchange, e.data_version
FROM backtest_etfs e LEFT JOIN backtest_parts p ON p.backtest_id = e.backtest_id AND p.symbol = e.symbol
WHERE e.backtest_id = sqlc.arg('backtest_id') AND e.symbol > sqlc.arg('after') AND p.symbol IS NULL
ORDER BY e.backtest_id, e.symbol LIMIT ?;

-- name: GetBacktestETF :one
SELECT * FROM backtest_etfs WHERE backtest_id = ? AND symbol = ?;

-- name: GetBacktestPart :one
SELECT * FROM backtest_parts WHERE backtest_id = ? AND symbol = ?;

-- name: InsertBacktestPart :exec
INSERT INTO backtest_parts (backtest_id, symbol, origins, error, code_version, size, measured_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: ListBacktestPieces :many
SELECT number, body FROM backtest_pieces WHERE backtest_id = ? AND symbol = ? ORDER BY backtest_id, symbol, number;

-- name: DeleteBacktestResult :exec
DELETE FROM backtest_pieces WHERE backtest_id = ? AND symbol = '';

-- name: DeleteBacktestPieces :execrows
-- Those of the parts of one ETF; the result's stay.
DELETE FROM backtest_pieces WHERE backtest_id = ? AND symbol = ?;

-- name: DeleteAllBacktestPieces :exec
DELETE FROM backtest_pieces WHERE backtest_id = ?;

-- name: DeleteBacktestParts :execrows
DELETE FROM backtest_parts WHERE backtest_id = ?;

-- name: DeleteUnmeasuredBacktestParts :exec
-- Those without numbers, which say why there are none.
DELETE FROM backtest_parts WHERE backtest_id = ? AND error <> '';

-- name: DeleteBacktestETFs :execrows
DELETE FROM backtest_etfs WHERE backtest_id = ?;

-- name: GetNewestKnownOfExchange :one
-- When the newest data version of the exchange's ETFs became known. It reads all of them: the question is rare.
SELECT known_from FROM etfs WHERE exchange = ? AND data_version > 0 ORDER BY known_from DESC LIMIT 1;

-- name: GetNewestKnownOfSymbols :one
SELECT known_from FROM etfs WHERE symbol IN (sqlc.slice('symbols')) AND data_version > 0 ORDER BY known_from DESC LIMIT 1;
