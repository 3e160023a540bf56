-- +goose Up
-- The fetches of each ETF by time: fetches can only be found by its ID. A row is written with its fetch and never changes.
CREATE TABLE IF NOT EXISTS etf_fetches (
    etf_id     INT UNSIGNED NOT NULL,
    fetched_at DATETIME(6)  NOT NULL,
    fetch_id   CHAR(32)     NOT NULL,
    PRIMARY KEY (etf_id, fetched_at, fetch_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

INSERT IGNORE INTO etf_fetches (etf_id, fetched_at, fetch_id) SELECT etf_id, fetched_at, id FROM fetches;

-- +goose Down
DROP TABLE IF EXISTS etf_fetches;
