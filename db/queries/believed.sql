-- What was believed at a data version: rows written at or before it and not superseded by then. A bar that is superseded moves
-- from bars to bar_revisions, so bars are always read first: then a move in between shows a bar twice, never not at all.

-- name: GetVersionAtTime :one
SELECT number, known_from FROM data_versions WHERE etf_id = ? AND known_from <= ?
ORDER BY etf_id DESC, number DESC LIMIT 1;

-- name: GetVersionByNumber :one
SELECT number, known_from FROM data_versions WHERE etf_id = ? AND number = ?;

-- name: ListVersionsBefore :many
SELECT number, writer, known_from, cause, cause_id FROM data_versions WHERE etf_id = ? AND number < ?
ORDER BY etf_id DESC, number DESC LIMIT ?;

-- name: ListVersionsByNumber :many
SELECT number, writer, known_from, cause, cause_id FROM data_versions
WHERE etf_id = sqlc.arg('etf_id') AND number IN (sqlc.slice('numbers'));

-- name: ListBarsAt :many
SELECT * FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE) AND data_version <= sqlc.arg('version')
ORDER BY etf_id, session LIMIT ?;

-- name: ListRevisionsAt :many
-- The columns of bars: when a revision was superseded was not known then, and reading it takes time. Left to itself, MySQL goes by
-- bar_revisions_known, looks up every revision of the ETF and sorts them.
SELECT /*+ NO_INDEX(bar_revisions bar_revisions_known) */ etf_id, session, open, high, low, close, adj_close, volume, basis, source, fetch_id,
    quarantined, data_version, known_from
FROM bar_revisions
WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE) AND data_version <= sqlc.arg('version')
    AND superseded_by > sqlc.arg('version')
ORDER BY etf_id, session, data_version LIMIT ?;

-- name: ListBarsWritten :many
-- The bars that versions of a span wrote, without their numbers.
SELECT session, data_version, quarantined FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND data_version >= sqlc.arg('first') AND data_version <= sqlc.arg('last');

-- name: ListRevisionsTouched :many
-- The superseded bars that versions of a span wrote or superseded, without their numbers.
SELECT session, data_version, superseded_by, quarantined FROM bar_revisions
WHERE etf_id = sqlc.arg('etf_id') AND superseded_by >= sqlc.arg('first') AND data_version <= sqlc.arg('last');

-- name: CountActionsWritten :many
SELECT data_version, COUNT(*) AS actions FROM actions
WHERE etf_id = sqlc.arg('etf_id') AND data_version >= sqlc.arg('first') AND data_version <= sqlc.arg('last')
GROUP BY data_version;

-- name: CountNAVsWritten :many
SELECT data_version, COUNT(*) AS navs FROM navs
WHERE etf_id = sqlc.arg('etf_id') AND data_version >= sqlc.arg('first') AND data_version <= sqlc.arg('last')
GROUP BY data_version;

-- name: ListFetchesByID :many
SELECT id, source, run_id, fetched_at FROM fetches WHERE id IN (sqlc.slice('ids'));

-- name: ListNAVsAt :many
SELECT * FROM navs
WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE) AND data_version <= sqlc.arg('version')
    AND superseded_by > sqlc.arg('version')
ORDER BY etf_id, session, data_version LIMIT ?;

-- name: ListActionsAt :many
SELECT * FROM actions
WHERE etf_id = sqlc.arg('etf_id') AND data_version <= sqlc.arg('version') AND superseded_by > sqlc.arg('version')
ORDER BY ex, kind, terms, source;

-- name: SupersedeNAVs :execrows
UPDATE navs SET superseded_by = sqlc.arg('superseded_by'), known_to = sqlc.arg('known_to')
WHERE etf_id = sqlc.arg('etf_id') AND superseded_by = sqlc.arg('open_version') AND session IN (sqlc.slice('sessions'));

-- name: ListFindingsOfETFAt :many
-- The findings of an ETF that were known at the data version and found by the instant. A finding belongs to the version that
-- storing its response resulted in (0 if it was never stored).
SELECT sqlc.embed(f), e.symbol
FROM findings f JOIN etfs e ON e.id = f.etf_id JOIN fetches fe ON fe.id = f.fetch_id
WHERE f.etf_id = sqlc.arg('etf_id') AND f.found_at <= sqlc.arg('before_at')
    AND (f.found_at < sqlc.arg('before_at') OR f.id < sqlc.arg('before_id'))
    AND f.found_at <= sqlc.arg('until') AND fe.result_version <= sqlc.arg('version')
    AND (sqlc.arg('exchange') = '' OR e.exchange = sqlc.arg('exchange'))
    AND (sqlc.arg('rule') = '' OR f.rule = sqlc.arg('rule'))
    AND (sqlc.arg('severity') = '' OR f.severity = sqlc.arg('severity'))
    AND (sqlc.arg('by_session') = 0 OR EXISTS (SELECT 1 FROM finding_rows r WHERE r.finding_id = f.id
        AND r.session >= CAST(sqlc.arg('from_session') AS DATE) AND r.session <= CAST(sqlc.arg('to_session') AS DATE)))
ORDER BY f.found_at DESC, f.id DESC LIMIT ?;
