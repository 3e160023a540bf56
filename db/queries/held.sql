-- Held bars, forecasts made without them, and when an ETF's newest bar was last confirmed.

-- name: ListHeldBars :many
SELECT * FROM bars
WHERE etf_id = sqlc.arg('etf_id') AND session >= CAST(sqlc.arg('from_session') AS DATE)
    AND session <= CAST(sqlc.arg('to_session') AS DATE) AND quarantined = 2
ORDER BY etf_id DESC, session DESC LIMIT ?;

-- name: ArchiveRejudgedBars :execrows
-- A held bar whose numbers came back and got another verdict than held. It keeps its numbers and its fetch.
INSERT INTO bar_revisions (etf_id, session, data_version, open, high, low, close, adj_close, volume, basis, source,
    fetch_id, quarantined, known_from, known_to, superseded_by)
SELECT b.etf_id, b.session, b.data_version, b.open, b.high, b.low, b.close, b.adj_close, b.volume, b.basis, b.source,
    b.fetch_id, b.quarantined, b.known_from, sqlc.arg('known_to'), sqlc.arg('superseded_by')
FROM staged_bars s JOIN bars b ON b.etf_id = sqlc.arg('etf_id') AND b.session = s.session
WHERE s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1) AND b.quarantined = 2
    AND s.open = b.open AND s.high = b.high AND s.low = b.low AND s.close = b.close
    AND (s.volume IS NULL OR s.volume <=> b.volume);

-- name: RejudgeBars :execrows
UPDATE bars b JOIN staged_bars s ON s.session = b.session
SET b.quarantined = s.verdict, b.data_version = sqlc.arg('data_version'), b.known_from = sqlc.arg('known_from')
WHERE b.etf_id = sqlc.arg('etf_id') AND s.fetch_id = sqlc.arg('fetch_id') AND s.verdict IN (0, 1) AND b.quarantined = 2
    AND s.open = b.open AND s.high = b.high AND s.low = b.low AND s.close = b.close
    AND (s.volume IS NULL OR s.volume <=> b.volume);

-- name: ListReleasedBars :many
-- The sessions whose bars were held until the data version and are believed since.
SELECT b.session FROM bars b
JOIN bar_revisions r ON r.etf_id = b.etf_id AND r.session = b.session AND r.superseded_by = b.data_version
WHERE b.etf_id = sqlc.arg('etf_id') AND b.data_version = sqlc.arg('data_version') AND b.quarantined = 0 AND r.quarantined = 2
ORDER BY b.etf_id, b.session;

-- name: GetBarState :one
SELECT quarantined FROM bars WHERE etf_id = ? AND session = ?;

-- name: ListBarsOfSession :many
-- The bars of one session that are not quarantined, of some ETFs, with the cause of the data version that wrote each.
SELECT sqlc.embed(b), v.cause, v.cause_id
FROM bars b JOIN data_versions v ON v.etf_id = b.etf_id AND v.number = b.data_version
WHERE b.etf_id IN (sqlc.slice('etfs')) AND b.session = sqlc.arg('session') AND b.quarantined <> 1;

-- name: ListRulesThatHold :many
-- Which of the rules have named the bar's session with the bar's prices, in whichever fetch.
SELECT DISTINCT f.rule
FROM bars b
JOIN finding_rows r ON r.etf_id = b.etf_id AND r.session = b.session AND r.staged = 1
    AND r.open = b.open AND r.high = b.high AND r.low = b.low AND r.close = b.close
JOIN findings f ON f.id = r.finding_id
WHERE b.etf_id = sqlc.arg('etf_id') AND b.session = sqlc.arg('session') AND f.rule IN (sqlc.slice('rules'));

-- name: LockETFToRelease :one
SELECT id, exchange, basis, data_version, data_version_writer, known_from, bars, quarantined, first_session, last_session
FROM etfs WHERE symbol = ? FOR UPDATE;

-- name: ConfirmSession :exec
-- The newest session fetched, and the newest instant at which it was. fetched_at comes first, because assignments take
-- effect from left to right.
INSERT INTO etf_confirmations (etf_id, session, fetched_at)
VALUES (sqlc.arg('etf_id'), sqlc.arg('session'), sqlc.arg('fetched_at'))
ON DUPLICATE KEY UPDATE
    fetched_at = IF(CAST(sqlc.arg('session') AS DATE) > session
        OR CAST(sqlc.arg('session') AS DATE) = session AND CAST(sqlc.arg('fetched_at') AS DATETIME(6)) > fetched_at,
        CAST(sqlc.arg('fetched_at') AS DATETIME(6)), fetched_at),
    session = IF(CAST(sqlc.arg('session') AS DATE) > session, CAST(sqlc.arg('session') AS DATE), session);

-- name: ListConfirmations :many
SELECT e.symbol, e.exchange, e.last_session, e.known_from, c.session, c.fetched_at
FROM etfs e LEFT JOIN etf_confirmations c ON c.etf_id = e.id
WHERE e.symbol IN (sqlc.slice('symbols'));

-- name: ListForecastMarks :many
SELECT forecast_id, mark, cause_id, skipped, marked_at FROM forecast_marks
WHERE forecast_id IN (sqlc.slice('forecasts')) ORDER BY forecast_id, mark, cause_id;
