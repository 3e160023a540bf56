-- Decisions are never joined with LEFT JOIN ... ON ... AND d.in_force = 1: where a finding has several, Dolt also returns a row
-- without any.

-- name: GetFinding :one
SELECT sqlc.embed(f), e.symbol
FROM findings f JOIN etfs e ON e.id = f.etf_id
WHERE f.id = ?;

-- A finding asks a person to decide if it is of severity error or holds rows (quality.Asks). An empty filter selects all.

-- name: ListFindings :many
SELECT sqlc.embed(f), e.symbol
FROM findings f JOIN etfs e ON e.id = f.etf_id
WHERE f.found_at <= sqlc.arg('before_at')
    AND (f.found_at < sqlc.arg('before_at') OR f.id < sqlc.arg('before_id'))
    AND (sqlc.arg('exchange') = '' OR e.exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('rule') = '' OR f.rule = sqlc.arg('rule'))
    AND (sqlc.arg('severity') = '' OR f.severity = sqlc.arg('severity'))
    AND (sqlc.arg('decided') = 0 OR EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1))
    AND (sqlc.arg('undecided') = 0 OR (NOT EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1)
        AND (f.severity = 'error' OR (f.severity = 'warning' AND f.rule IN (sqlc.slice('holding'))))))
    AND (sqlc.arg('by_session') = 0 OR EXISTS (SELECT 1 FROM finding_rows r WHERE r.finding_id = f.id
        AND r.session >= CAST(sqlc.arg('from_session') AS DATE) AND r.session <= CAST(sqlc.arg('to_session') AS DATE)))
ORDER BY f.found_at DESC, f.id DESC LIMIT ?;

-- name: ListFindingsOfETF :many
SELECT sqlc.embed(f), e.symbol
FROM findings f JOIN etfs e ON e.id = f.etf_id
WHERE f.etf_id = sqlc.arg('etf_id') AND f.found_at <= sqlc.arg('before_at')
    AND (f.found_at < sqlc.arg('before_at') OR f.id < sqlc.arg('before_id'))
    AND (sqlc.arg('exchange') = '' OR e.exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('rule') = '' OR f.rule = sqlc.arg('rule'))
    AND (sqlc.arg('severity') = '' OR f.severity = sqlc.arg('severity'))
    AND (sqlc.arg('decided') = 0 OR EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1))
    AND (sqlc.arg('undecided') = 0 OR (NOT EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1)
        AND (f.severity = 'error' OR (f.severity = 'warning' AND f.rule IN (sqlc.slice('holding'))))))
    AND (sqlc.arg('by_session') = 0 OR EXISTS (SELECT 1 FROM finding_rows r WHERE r.finding_id = f.id
        AND r.session >= CAST(sqlc.arg('from_session') AS DATE) AND r.session <= CAST(sqlc.arg('to_session') AS DATE)))
ORDER BY f.found_at DESC, f.id DESC LIMIT ?;

-- name: GetOldestUndecided :one
-- The finding that has waited longest, of one ETF or (etf_id 0) of all; of those of one response, the one about the earliest session.
SELECT f.id
FROM findings f
WHERE NOT EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1)
    AND (sqlc.arg('etf_id') = 0 OR f.etf_id = sqlc.arg('etf_id'))
    AND (f.severity = 'error' OR (f.severity = 'warning' AND f.rule IN (sqlc.slice('holding'))))
    AND EXISTS (SELECT 1 FROM finding_rows r WHERE r.finding_id = f.id)
ORDER BY f.found_at, (SELECT MIN(n.session) FROM finding_rows n WHERE n.finding_id = f.id), f.id LIMIT 1;

-- name: ListFindingRows :many
SELECT * FROM finding_rows WHERE finding_id IN (sqlc.slice('findings')) ORDER BY finding_id, session;

-- name: ListCases :many
-- Every row that a finding names on these sessions.
SELECT sqlc.embed(r), f.rule, f.severity
FROM finding_rows r JOIN findings f ON f.id = r.finding_id
WHERE r.etf_id = sqlc.arg('etf_id') AND r.session IN (sqlc.slice('sessions'))
ORDER BY f.found_at, f.id, r.session;

-- name: CountRowsNamed :one
SELECT COUNT(*) FROM finding_rows WHERE etf_id = ? AND session = ?;

-- name: ListFindingsOfFetch :many
-- The findings that a fetch was the first to have, with the session of each row.
SELECT f.id, f.rule, f.severity, r.session
FROM findings f JOIN finding_rows r ON r.finding_id = f.id
WHERE f.etf_id = sqlc.arg('etf_id') AND f.fetch_id = sqlc.arg('fetch_id')
ORDER BY f.id, r.session;

-- name: ListKnownFindings :many
SELECT id FROM findings WHERE id IN (sqlc.slice('ids'));

-- name: ListUndecidedOfETF :many
-- The findings of an ETF that ask a person to decide, with the data version that storing their response resulted in.
SELECT sqlc.embed(f), fe.result_version
FROM findings f JOIN fetches fe ON fe.id = f.fetch_id
WHERE f.etf_id = sqlc.arg('etf_id') AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1)
    AND (f.severity = 'error' OR (f.severity = 'warning' AND f.rule IN (sqlc.slice('holding'))));

-- name: ListDecisions :many
SELECT * FROM decisions WHERE finding_id IN (sqlc.slice('findings')) ORDER BY finding_id, number;

-- name: ListDecisionsInForce :many
SELECT finding_id, decision, decided_by, why FROM decisions WHERE finding_id IN (sqlc.slice('findings')) AND in_force = 1;

-- name: InsertDecision :exec
INSERT INTO decisions (finding_id, number, in_force, decision, decided_by, why, request_key, details, run_id, decided_at,
    data_version, rows_changed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: EndDecision :execrows
UPDATE decisions SET in_force = 0 WHERE finding_id = ? AND in_force = 1;

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

-- name: QuarantineBars :execrows
UPDATE bars SET quarantined = 1, data_version = sqlc.arg('data_version'), known_from = sqlc.arg('known_from')
WHERE etf_id = sqlc.arg('etf_id') AND session IN (sqlc.slice('sessions'));

-- name: PutBar :exec
INSERT INTO bars (etf_id, session, open, high, low, close, adj_close, volume, basis, source, fetch_id, quarantined,
    data_version, known_from)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?);

-- name: RestoreBars :execrows
-- The bars that a data version superseded, as they were before it.
INSERT INTO bars (etf_id, session, open, high, low, close, adj_close, volume, basis, source, fetch_id, quarantined,
    data_version, known_from)
SELECT r.etf_id, r.session, r.open, r.high, r.low, r.close, r.adj_close, r.volume, r.basis, r.source, r.fetch_id, r.quarantined,
    sqlc.arg('data_version'), sqlc.arg('known_from')
FROM bar_revisions r
WHERE r.etf_id = sqlc.arg('etf_id') AND r.superseded_by = sqlc.arg('superseded_by') AND r.session IN (sqlc.slice('sessions'));

-- name: ListSupersededBars :many
SELECT r.* FROM bar_revisions r JOIN data_versions v ON v.etf_id = r.etf_id AND v.number = r.superseded_by
WHERE r.etf_id = sqlc.arg('etf_id') AND r.known_to = v.known_from AND r.superseded_by = sqlc.arg('superseded_by')
ORDER BY r.session;

-- name: ListBarsOfVersion :many
SELECT * FROM bars WHERE etf_id = ? AND data_version = ? ORDER BY session;

-- name: GetSpan :one
SELECT CAST(COALESCE(MIN(session), '1970-01-01') AS DATE) AS first_session,
    CAST(COALESCE(MAX(session), '1970-01-01') AS DATE) AS last_session
FROM bars WHERE etf_id = ?;

-- name: RuleStagedRows :exec
-- For a finding that is decided on before its fetch is persisted: the verdict on its rows.
UPDATE staged_bars SET verdict = sqlc.arg('verdict')
WHERE fetch_id = sqlc.arg('fetch_id') AND verdict IN (1, 4) AND session IN (sqlc.slice('sessions'));

-- name: ListAcceptedOut :many
-- The accepted findings whose rows are stored but kept out.
SELECT DISTINCT r.finding_id
FROM bars b
JOIN finding_rows r ON r.etf_id = b.etf_id AND r.session = b.session
JOIN decisions d ON d.finding_id = r.finding_id
WHERE b.etf_id = sqlc.arg('etf_id') AND b.quarantined <> 0 AND r.staged = 1 AND d.in_force = 1 AND d.decision = 'accept'
    AND r.open = b.open AND r.high = b.high AND r.low = b.low AND r.close = b.close
ORDER BY r.finding_id;

-- name: MarkForecasts :execrows
-- A mark on every forecast made from data that had the session's bar: of a data version from first up to, but not
-- including, past. Entries are not made from the stored data.
INSERT IGNORE INTO forecast_marks (forecast_id, mark, cause_id, skipped, marked_at)
SELECT f.id, 'retracted', sqlc.arg('cause_id'), 0, sqlc.arg('marked_at')
FROM forecasts f
WHERE f.etf_id = sqlc.arg('etf_id') AND f.origin >= CAST(sqlc.arg('session') AS DATE)
    AND f.data_version >= sqlc.arg('first') AND f.data_version < sqlc.arg('past') AND f.code_version <> 'entry';

-- name: ReinstateForecasts :execrows
-- The retraction with the cause was taken back.
INSERT IGNORE INTO forecast_marks (forecast_id, mark, cause_id, skipped, marked_at)
SELECT m.forecast_id, 'reinstated', m.cause_id, 0, sqlc.arg('marked_at')
FROM forecasts f JOIN forecast_marks m ON m.forecast_id = f.id
WHERE f.etf_id = sqlc.arg('etf_id') AND m.mark = 'retracted' AND m.cause_id = sqlc.arg('cause_id');

-- name: ListRetractions :many
-- Retractions of these forecasts' prices, and which of them were taken back.
SELECT forecast_id, mark, cause_id FROM forecast_marks
WHERE forecast_id IN (sqlc.slice('forecasts')) AND mark IN ('retracted', 'reinstated')
ORDER BY forecast_id, mark, cause_id;
