-- A statement about a corporate action has one row for each of its states; the current one has superseded_by at its greatest
-- value (openVersion).

-- name: ListCurrentActions :many
SELECT * FROM actions WHERE etf_id = ? AND superseded_by = ? ORDER BY ex, kind, terms, source;

-- name: ListSplitsWithVersion :many
-- One row without an action if there is none: the version read here shows whether the bars read before are consistent.
SELECT e.data_version, e.data_version_writer, a.ex, a.numerator, a.denominator
FROM etfs e
LEFT JOIN actions a ON a.etf_id = e.id AND a.superseded_by = sqlc.arg('current') AND a.kind = 'split' AND a.status = 'accepted'
WHERE e.id = sqlc.arg('etf_id')
ORDER BY a.ex;

-- name: SupersedeAction :execrows
UPDATE actions SET superseded_by = sqlc.arg('superseded_by'), known_to = sqlc.arg('known_to')
WHERE etf_id = sqlc.arg('etf_id') AND id = sqlc.arg('id') AND superseded_by = sqlc.arg('current');

-- name: ListActionStates :many
-- Every state of a statement, oldest first. The id alone names it.
SELECT sqlc.embed(a), e.symbol FROM actions a JOIN etfs e ON e.id = a.etf_id WHERE a.id = ? ORDER BY a.data_version;

-- name: ListActionsByEx :many
-- The calendar of ex-dates, all ETFs.
SELECT sqlc.embed(a), e.symbol FROM actions a JOIN etfs e ON e.id = a.etf_id
WHERE a.ex >= CAST(sqlc.arg('from_session') AS DATE) AND a.ex <= CAST(sqlc.arg('to_session') AS DATE)
    AND a.superseded_by = sqlc.arg('current') AND (sqlc.arg('status') = '' OR a.status = sqlc.arg('status'))
    AND (a.ex > CAST(sqlc.arg('after_ex') AS DATE) OR a.ex = CAST(sqlc.arg('after_ex') AS DATE) AND a.id > sqlc.arg('after_id'))
ORDER BY a.ex, a.id LIMIT ?;

-- name: ListQuarantinedBars :many
SELECT * FROM bars WHERE etf_id = ? AND quarantined = 1 ORDER BY etf_id, session;

-- name: ListSeries :many
-- What Freed needs of an ETF's bars.
SELECT session, close, quarantined FROM bars WHERE etf_id = ? ORDER BY etf_id, session;

-- name: InsertProposal :exec
INSERT IGNORE INTO finding_proposals (finding_id, kind, ex, amount, numerator, denominator) VALUES (?, ?, ?, ?, ?, ?);

-- name: GetProposal :one
SELECT * FROM finding_proposals WHERE finding_id = ?;

-- name: ListProposalsOfETF :many
SELECT p.*, f.rule FROM findings f JOIN finding_proposals p ON p.finding_id = f.id WHERE f.etf_id = ? ORDER BY p.finding_id;

-- name: SetFetchStatements :exec
UPDATE fetches SET actions = ? WHERE id = ?;

-- name: GetETFToDecide :one
-- Locks the ETF, as GetFetchToPersist does.
SELECT id, symbol, exchange, basis, data_version, data_version_writer, known_from, bars, quarantined, first_session, last_session
FROM etfs WHERE symbol = ? FOR UPDATE;

-- name: GetNewestBar :one
SELECT session, quarantined FROM bars WHERE etf_id = ? ORDER BY etf_id DESC, session DESC LIMIT 1;
