-- name: ListPreferences :many
-- An ETF's sources as registered, with the newest change of the list and the newest listing date: those of the first row. There
-- are at most eight sources (service.MaxSources), and what follows them here belongs to earlier changes. This is one statement
-- without subqueries, because every update reads it and each costs Dolt a millisecond.
SELECT s.name, s.ref, c.number AS change_number, c.sources AS changed, l.number AS listing_number, l.listed
FROM etf_sources s
LEFT JOIN etf_changes c ON c.etf_id = sqlc.arg('etf_id')
LEFT JOIN etf_listings l ON l.etf_id = sqlc.arg('etf_id')
WHERE s.etf_id = sqlc.arg('etf_id')
ORDER BY c.number DESC, l.number DESC, s.ordinal LIMIT 8;

-- name: InsertListing :exec
INSERT INTO etf_listings (etf_id, number, listed) VALUES (?, ?, ?);

-- name: ListListings :many
SELECT etf_id, number, listed FROM etf_listings WHERE etf_id IN (sqlc.slice('ids')) ORDER BY etf_id, number;

-- name: CountStagedBars :one
SELECT COUNT(*) FROM staged_bars WHERE fetch_id = ?;

-- name: ListRejectedStaged :many
-- Like ListRejectedRows, but also of rows that repeat the stored bar: a whole history releases bars that nothing speaks against,
-- but not those that a person has rejected. A decision recorded by release 0.1.0 counts if there is no later record of it.
SELECT DISTINCT s.ordinal
FROM staged_bars s JOIN finding_rows r ON r.session = s.session
WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 4) AND r.etf_id = sqlc.arg('etf_id') AND r.staged = 1
    AND r.open = s.open AND r.high = s.high AND r.low = s.low AND r.close = s.close
    AND (EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = r.finding_id AND d.in_force = 1
            AND d.decision IN ('reject', 'retract', 'replace'))
        OR (EXISTS (SELECT 1 FROM finding_decisions o WHERE o.finding_id = r.finding_id AND o.decision = 'reject')
            AND NOT EXISTS (SELECT 1 FROM decisions n WHERE n.finding_id = r.finding_id)));

-- name: DeleteBars :execrows
-- Only of bars that have been archived in bar_revisions in the same transaction.
DELETE FROM bars WHERE etf_id = sqlc.arg('etf_id') AND session IN (sqlc.slice('sessions'));

-- name: SummariseBars :one
SELECT COUNT(*) AS bars,
    COUNT(CASE WHEN quarantined = 1 THEN 1 END) AS quarantined,
    CAST(COALESCE(MIN(session), '1970-01-01') AS DATE) AS first_session,
    CAST(COALESCE(MAX(session), '1970-01-01') AS DATE) AS last_session
FROM bars WHERE etf_id = ?;

-- name: ListUndecidedRows :many
-- The sessions that undecided error-level findings of an ETF name, except those of one fetch.
SELECT r.finding_id, r.session
FROM finding_rows r JOIN findings f ON f.id = r.finding_id
WHERE r.etf_id = sqlc.arg('etf_id') AND f.severity = 'error' AND f.fetch_id <> sqlc.arg('fetch_id')
    AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1)
ORDER BY r.finding_id, r.session;

-- name: ListSettled :many
SELECT finding_id FROM decisions WHERE decided_by = ? AND request_key = ? ORDER BY finding_id LIMIT ?;

-- name: ListSettledAt :many
-- The findings that were settled at the data version, as a consequence of it, in the name of the decider. A person's reasons for
-- an action have its ID.
SELECT DISTINCT d.finding_id
FROM findings f JOIN decisions d ON d.finding_id = f.id
WHERE f.etf_id = sqlc.arg('etf_id') AND d.in_force = 1 AND d.data_version = sqlc.arg('data_version') AND d.rows_changed = 0
    AND d.decided_by = sqlc.arg('decided_by') AND d.why LIKE sqlc.arg('why')
ORDER BY d.finding_id LIMIT ?;
