-- name: SumETFs :one
SELECT COUNT(*) AS etfs, CAST(COALESCE(SUM(bars), 0) AS SIGNED) AS bars,
    CAST(COALESCE(SUM(quarantined), 0) AS SIGNED) AS quarantined FROM etfs;

-- name: CountForecasts :one
SELECT COUNT(*) FROM forecasts;

-- name: CountRunsCompleted :one
SELECT COUNT(*) FROM runs WHERE status = 'completed';
