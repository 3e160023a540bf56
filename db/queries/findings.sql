-- name: GetFinding :one
SELECT sqlc.embed(f), e.symbol, d.decision, d.decided_by, d.why
FROM findings f JOIN etfs e ON e.id = f.etf_id
LEFT JOIN finding_decisions d ON d.finding_id = f.id
WHERE f.id = ?;


-- name: ListFindings :many
SELECT sqlc.embed(f), e.symbol, d.decision, d.decided_by, d.why
FROM findings f JOIN etfs e ON e.id = f.etf_id
LEFT JOIN finding_decisions d ON d.finding_id = f.id
WHERE f.found_at <= sqlc.arg('before_at')
    AND (f.found_at < sqlc.arg('before_at') OR f.id < sqlc.arg('before_id'))
    AND (sqlc.arg('undecided') = 0 OR (d.finding_id IS NULL AND f.severity = 'error'))
ORDER BY f.found_at DESC, f.id DESC LIMIT ?;

-- name: ListFindingsOfETF :many
SELECT sqlc.embed(f), e.symbol, d.decision, d.decided_by, d.why
FROM findings f JOIN etfs e ON e.id = f.etf_id
LEFT JOIN finding_decisions d ON d.finding_id = f.id
WHERE f.etf_id = sqlc.arg('etf_id') AND f.found_at <= sqlc.arg('before_at')
    AND (f.found_at < sqlc.arg('before_at') OR f.id < sqlc.arg('before_id'))
    AND (sqlc.arg('undecided') = 0 OR (d.finding_id IS NULL AND f.severity = 'error'))
ORDER BY f.found_at DESC, f.id DESC LIMIT ?;

-- name: ListFindingRows :many
SELECT * FROM finding_rows WHERE finding_id IN (sqlc.slice('findings')) ORDER BY finding_id, session;

-- name: ListErrorRowsOfSessions :many
-- Every row that an error-level finding names on these sessions, with the decision.
SELECT sqlc.embed(r), f.rule, d.decision, d.decided_by
FROM finding_rows r JOIN findings f ON f.id = r.finding_id
LEFT JOIN finding_decisions d ON d.finding_id = f.id
WHERE r.etf_id = sqlc.arg('etf_id') AND f.severity = 'error' AND r.session IN (sqlc.slice('sessions'));

-- name: InsertDecision :exec
INSERT INTO finding_decisions (finding_id, decision, decided_by, why, decided_at, data_version, rows_changed)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: ListBarsOfSessions :many
SELECT * FROM bars WHERE etf_id = sqlc.arg('etf_id') AND session IN (sqlc.slice('sessions')) ORDER BY session;

-- name: ArchiveBars :execrows
INSERT INTO bar_revisions (etf_id, session, data_version, open, high, low, close, adj_close, volume, basis, source,
    fetch_id, quarantined, known_from, known_to, superseded_by)
SELECT b.etf_id, b.session, b.data_version, b.open, b.high, b.low, b.close, b.adj_close, b.volume, b.basis, b.source,
    b.fetch_id, b.quarantined, b.known_from, sqlc.arg('known_to'), sqlc.arg('superseded_by')
FROM bars b WHERE b.etf_id = sqlc.arg('etf_id') AND b.session IN (sqlc.slice('sessions'));

-- name: ReleaseBars :execrows
UPDATE bars SET quarantined = 0, data_version = sqlc.arg('data_version'), known_from = sqlc.arg('known_from')
WHERE etf_id = sqlc.arg('etf_id') AND session IN (sqlc.slice('sessions'));

-- name: AcceptHeldRow :execrows
UPDATE bars SET open = ?, high = ?, low = ?, close = ?, adj_close = ?, volume = ?, source = ?, fetch_id = ?,
    quarantined = 0, data_version = ?, known_from = ?
WHERE etf_id = ? AND session = ?;

-- name: ReleaseStagedRows :exec
-- For a finding accepted before its fetch is persisted: its rows are no longer quarantined.
UPDATE staged_bars SET verdict = 0
WHERE fetch_id = sqlc.arg('fetch_id') AND verdict = 1 AND session IN (sqlc.slice('sessions'));
