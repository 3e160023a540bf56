-- The comparison of numbers below appears many times and must be the same each time: open, high, low and close are
-- equal, and the volume is equal or unknown. The adjusted close is not compared (see the data dictionary).

-- name: ClassifyStagedBars :one
-- bar_state is the state of the stored bar (column.BarState), and NULL if there is none. A row changes the stored bar if it
-- has other numbers and is kept, or the bar is not believed (superseded), and if it has the numbers of a held bar and another
-- verdict on them (rejudged). A row that is not kept does not replace a believed bar with other numbers (parked).
SELECT COUNT(*) AS kept,
    COUNT(DISTINCT r.session) AS sessions,
    COUNT(CASE WHEN r.bar_state IS NULL THEN 1 END) AS rows_new,
    COUNT(CASE WHEN r.bar_state IS NULL AND r.verdict = 1 THEN 1 END) AS new_quarantined,
    COUNT(CASE WHEN r.bar_state IS NOT NULL AND NOT r.superseded AND NOT r.rejudged THEN 1 END) AS rows_unchanged,
    COUNT(CASE WHEN r.bar_state IS NOT NULL AND NOT r.superseded AND NOT r.rejudged
        AND (r.bar_state = 1 OR NOT r.same AND r.verdict = 1) THEN 1 END) AS unchanged_quarantined,
    COUNT(CASE WHEN r.bar_state = 0 AND NOT r.same AND NOT r.superseded THEN 1 END) AS parked,
    COUNT(CASE WHEN r.superseded THEN 1 END) AS superseded,
    COUNT(CASE WHEN r.rejudged THEN 1 END) AS rejudged,
    COUNT(CASE WHEN r.bar_state = 2 AND r.verdict = 0 THEN 1 END) AS released,
    COUNT(CASE WHEN (r.superseded OR r.rejudged) AND r.bar_state = 1 THEN 1 END) AS were_quarantined,
    COUNT(CASE WHEN (r.superseded OR r.rejudged) AND r.verdict = 1 THEN 1 END) AS become_quarantined,
    CAST(COALESCE(MIN(r.session), '1970-01-01') AS DATE) AS first_session,
    CAST(COALESCE(MAX(r.session), '1970-01-01') AS DATE) AS last_session
FROM (
    SELECT c.session, c.verdict, c.bar_state, c.same,
        (c.bar_state IS NOT NULL AND NOT c.same AND (c.verdict = 0 OR c.bar_state <> 0)) AS superseded,
        (c.bar_state IS NOT NULL AND c.same AND c.bar_state = 2 AND c.verdict <> 4) AS rejudged
    FROM (
        SELECT s.session, s.verdict, b.quarantined AS bar_state,
            (s.open = b.open AND s.high = b.high AND s.low = b.low AND s.close = b.close
                AND (s.volume IS NULL OR s.volume <=> b.volume)) AS same
        FROM staged_bars s LEFT JOIN bars b ON b.etf_id = sqlc.arg('etf_id') AND b.session = s.session
        WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1, 4)
    ) c
) r;

-- name: SummariseStagedBars :one
-- Like ClassifyStagedBars for an ETF without stored bars, but without the join.
SELECT COUNT(*) AS kept,
    COUNT(DISTINCT s.session) AS sessions,
    COUNT(CASE WHEN s.verdict = 1 THEN 1 END) AS quarantined,
    CAST(COALESCE(MIN(s.session), '1970-01-01') AS DATE) AS first_session,
    CAST(COALESCE(MAX(s.session), '1970-01-01') AS DATE) AS last_session
FROM staged_bars s WHERE s.fetch_id = ? AND s.verdict IN (0, 1, 4);

-- name: ListRejectedRows :many
-- Staged rows that differ from the stored bar and repeat prices that a person has found wrong for their session. This is a
-- SELECT because Dolt requires the UPDATE privilege on every table that an UPDATE joins.
SELECT DISTINCT s.ordinal
FROM staged_bars s
JOIN finding_rows r ON r.session = s.session
JOIN decisions d ON d.finding_id = r.finding_id
JOIN bars b ON b.etf_id = r.etf_id AND b.session = r.session
WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1, 4) AND r.etf_id = sqlc.arg('etf_id') AND r.staged = 1
    AND d.in_force = 1 AND d.decision IN ('reject', 'retract', 'replace')
    AND r.open = s.open AND r.high = s.high AND r.low = s.low AND r.close = s.close
    AND NOT (s.open = b.open AND s.high = b.high AND s.low = b.low AND s.close = b.close
        AND (s.volume IS NULL OR s.volume <=> b.volume));

-- name: ArchiveSupersededBars :execrows
INSERT INTO bar_revisions (etf_id, session, data_version, open, high, low, close, adj_close, volume, basis, source,
    fetch_id, quarantined, known_from, known_to, superseded_by)
SELECT b.etf_id, b.session, b.data_version, b.open, b.high, b.low, b.close, b.adj_close, b.volume, b.basis, b.source,
    b.fetch_id, b.quarantined, b.known_from, sqlc.arg('known_to'), sqlc.arg('superseded_by')
FROM staged_bars s JOIN bars b ON b.etf_id = sqlc.arg('etf_id') AND b.session = s.session
WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1, 4) AND (s.verdict = 0 OR b.quarantined <> 0)
    AND NOT (s.open = b.open AND s.high = b.high AND s.low = b.low AND s.close = b.close
        AND (s.volume IS NULL OR s.volume <=> b.volume));

-- name: ReviseBars :execrows
UPDATE bars b JOIN staged_bars s ON s.session = b.session
SET b.open = s.open, b.high = s.high, b.low = s.low, b.close = s.close, b.adj_close = s.adj_close,
    b.volume = s.volume, b.source = sqlc.arg('source'), b.fetch_id = s.fetch_id, b.quarantined = IF(s.verdict = 4, 2, s.verdict),
    b.data_version = sqlc.arg('data_version'), b.known_from = sqlc.arg('known_from')
WHERE b.etf_id = sqlc.arg('etf_id') AND s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1, 4)
    AND (s.verdict = 0 OR b.quarantined <> 0)
    AND NOT (s.open = b.open AND s.high = b.high AND s.low = b.low AND s.close = b.close
        AND (s.volume IS NULL OR s.volume <=> b.volume));

-- name: InsertAllStagedBars :execrows
INSERT INTO bars (etf_id, session, open, high, low, close, adj_close, volume, basis, source, fetch_id, quarantined,
    data_version, known_from)
SELECT sqlc.arg('etf_id'), s.session, s.open, s.high, s.low, s.close, s.adj_close, s.volume, sqlc.arg('basis'),
    sqlc.arg('source'), s.fetch_id, IF(s.verdict = 4, 2, s.verdict), sqlc.arg('data_version'), sqlc.arg('known_from')
FROM staged_bars s
WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1, 4)
ORDER BY s.ordinal;

-- name: InsertNewStagedBars :execrows
INSERT INTO bars (etf_id, session, open, high, low, close, adj_close, volume, basis, source, fetch_id, quarantined,
    data_version, known_from)
SELECT sqlc.arg('etf_id'), s.session, s.open, s.high, s.low, s.close, s.adj_close, s.volume, sqlc.arg('basis'),
    sqlc.arg('source'), s.fetch_id, IF(s.verdict = 4, 2, s.verdict), sqlc.arg('data_version'), sqlc.arg('known_from')
FROM staged_bars s LEFT JOIN bars b ON b.etf_id = sqlc.arg('etf_id') AND b.session = s.session
WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1, 4) AND b.etf_id IS NULL;

-- name: InsertDataVersion :exec
INSERT INTO data_versions (etf_id, number, writer, known_from, cause, cause_id) VALUES (?, ?, ?, ?, ?, ?);

-- name: AdvanceETF :execrows
-- The compare-and-set of the data version. The writer is unique to the transaction, so two of them can't write the same.
UPDATE etfs SET data_version = sqlc.arg('data_version'), data_version_writer = sqlc.arg('writer'),
    known_from = sqlc.arg('known_from'), basis = sqlc.arg('basis'), bars = sqlc.arg('bars'),
    quarantined = sqlc.arg('quarantined'), first_session = sqlc.narg('first_session'),
    last_session = sqlc.narg('last_session')
WHERE id = sqlc.arg('id') AND data_version = sqlc.arg('old_version') AND data_version_writer = sqlc.arg('old_writer');

-- name: ListBars :many
-- By the ETF's id and not joined to etfs: Dolt would read every ETF's bars. ORDER BY names the whole primary key, so that
-- Dolt scans it in order instead of sorting.
SELECT * FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE)
ORDER BY etf_id, session LIMIT ?;

-- name: ListNewestGoodBars :many
SELECT session, open, high, low, close, adj_close, volume, source, data_version FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session <= CAST(sqlc.arg('to_session') AS DATE) AND quarantined = 0
ORDER BY etf_id DESC, session DESC LIMIT ?;

-- name: ListGoodBarsAfter :many
SELECT session, open, high, low, close, adj_close, volume, source, data_version FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session > CAST(sqlc.arg('after_session') AS DATE) AND quarantined = 0
ORDER BY etf_id, session LIMIT ?;

-- name: FirstQuarantined :many
SELECT session, open, high, low, close, adj_close, volume, source, data_version FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session > CAST(sqlc.arg('after_session') AS DATE) AND session < CAST(sqlc.arg('before_session') AS DATE) AND quarantined = 1
ORDER BY etf_id, session LIMIT 1;

-- name: LastQuarantined :many
SELECT session, open, high, low, close, adj_close, volume, source, data_version FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session > CAST(sqlc.arg('after_session') AS DATE) AND session < CAST(sqlc.arg('before_session') AS DATE) AND quarantined = 1
ORDER BY etf_id DESC, session DESC LIMIT 1;

-- name: ListHistory :many
-- Only the columns a forecast needs: over thousands of rows, each DECIMAL costs Dolt about a millisecond.
SELECT session, close FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND quarantined = 0
ORDER BY etf_id DESC, session DESC LIMIT ?;

-- name: ListHistoryUntil :many
-- Comparing each row's session costs Dolt as much as reading it, so a history up to the newest bar is read by ListHistory.
-- The CAST saves Dolt from converting the text for each row.
SELECT session, close FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session <= CAST(sqlc.arg('to_session') AS DATE) AND quarantined = 0
ORDER BY etf_id DESC, session DESC LIMIT ?;

-- name: ListRevisions :many
SELECT * FROM bar_revisions WHERE etf_id = ? AND session = ? ORDER BY etf_id, session, data_version;
