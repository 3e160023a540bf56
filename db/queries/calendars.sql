-- name: ListCalendarChanges :many
SELECT exchange, number, session, closed, reason, changed_by, changed_at FROM calendar_closures ORDER BY exchange, number;

-- name: CountCalendarChanges :one
SELECT COUNT(*) FROM calendar_closures WHERE exchange = ?;

-- name: InsertCalendarChange :exec
INSERT INTO calendar_closures (exchange, number, session, closed, reason, changed_by, changed_at, writer) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: ListSymbolsWithBar :many
SELECT e.symbol FROM bars b JOIN etfs e ON e.id = b.etf_id WHERE e.exchange = ? AND b.session = ? ORDER BY e.symbol LIMIT ?;

-- The points of the exchange's forecasts from origins in a window.
-- name: ListPointsFrom :many
SELECT p.forecast_id, p.horizon, f.origin FROM etfs e
JOIN forecasts f ON f.etf_id = e.id
JOIN forecast_points p ON p.forecast_id = f.id
WHERE e.exchange = ? AND f.origin BETWEEN sqlc.arg(first) AND sqlc.arg(last);

-- name: ListTargetDates :many
SELECT forecast_id, horizon, calendar_version, target, dated_at FROM forecast_target_dates WHERE forecast_id = ? ORDER BY horizon, calendar_version;
