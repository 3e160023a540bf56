-- +goose Up
-- What is to be known about a forecast that its own row can't say: that its session's price was held ("held"), or that prices
-- it was made from were rejected later ("retracted").
CREATE TABLE IF NOT EXISTS forecast_marks (
    forecast_id CHAR(32)    NOT NULL,
    mark        VARCHAR(16) NOT NULL,
    cause_id    VARCHAR(64) NOT NULL,
    skipped     INT         NOT NULL,
    marked_at   DATETIME(6) NOT NULL,
    PRIMARY KEY (forecast_id, mark, cause_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The newest session that a persisted fetch of the ETF had a row for, and when it was last fetched: a bar is provisional
-- while that was before its prices were final.
CREATE TABLE IF NOT EXISTS etf_confirmations (
    etf_id     INT UNSIGNED NOT NULL,
    session    DATE         NOT NULL,
    fetched_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (etf_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS etf_confirmations;
DROP TABLE IF EXISTS forecast_marks;
