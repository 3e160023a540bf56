-- +goose Up
-- What a forecast's hash covers beyond forecasts and the tables of its parts, for those issued since there is such a row.
CREATE TABLE IF NOT EXISTS forecast_provenance (
    forecast_id    CHAR(32)    NOT NULL,
    closes_hash    CHAR(64)    NOT NULL,
    scale_absolute DOUBLE      NOT NULL,
    scale_squared  DOUBLE      NOT NULL,
    go_version     VARCHAR(64) NOT NULL,
    arch           VARCHAR(16) NOT NULL,
    features       VARCHAR(64) NOT NULL,
    modified       TINYINT(1)  NOT NULL,
    PRIMARY KEY (forecast_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The outermost quantiles: a JSON list with a pair for each point. Like components, they are never read in part.
CREATE TABLE IF NOT EXISTS forecast_tails (
    forecast_id CHAR(32) NOT NULL,
    by_horizon  TEXT     NOT NULL,
    PRIMARY KEY (forecast_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS forecast_tails;
DROP TABLE IF EXISTS forecast_provenance;
