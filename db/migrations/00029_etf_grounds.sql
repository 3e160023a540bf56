-- +goose Up
-- The last change of an ETF that made no data version, but by which its rows are judged otherwise: a decision on a finding that changed no
-- bar, or a change of its entry or symbol. writer is unique to the transaction.
CREATE TABLE IF NOT EXISTS etf_grounds (
    etf_id     INT UNSIGNED NOT NULL,
    writer     CHAR(32)     NOT NULL,
    changed_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (etf_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS etf_grounds;
