-- What is recorded about how an ETF's data came to be (etf.Past).

-- name: ListVersions :many
SELECT number, writer, known_from, cause, cause_id FROM data_versions WHERE etf_id = ? ORDER BY etf_id, number;

-- name: ListPastFetches :many
-- By ID: fetches has no index on etf_id.
SELECT id, source, window_from, window_to, request, media_type, raw_hash, basis, row_count, fetched_at, run_id, actions, judged_at,
    persisted_at, result_version
FROM fetches WHERE id IN (sqlc.slice('ids'));

-- name: ListAllBars :many
SELECT * FROM bars WHERE etf_id = ? ORDER BY etf_id, session;

-- name: ListAllRevisions :many
SELECT * FROM bar_revisions WHERE etf_id = ? ORDER BY etf_id, session, data_version;

-- name: ListAllActions :many
SELECT * FROM actions WHERE etf_id = ? ORDER BY data_version, ex, kind, terms, source;

-- name: ListIssued :many
-- When which code issued forecasts; not those that others have entered.
SELECT issued_at, code_version FROM forecasts WHERE etf_id = ? AND code_version <> 'entry';

-- name: ListAllFindings :many
SELECT * FROM findings WHERE etf_id = ? ORDER BY etf_id, found_at, id;
