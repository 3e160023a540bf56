-- +goose Up
-- Each row is the whole of what can be changed about an ETF, after the change: the newest row replaces the values of etfs
-- and etf_sources, which stay as registered. A new table, because altering one can't be repeated after a crash
-- (docs/adr/0010-stored-fits.md).
CREATE TABLE IF NOT EXISTS etf_changes (
    etf_id     INT UNSIGNED NOT NULL,
    number     INT          NOT NULL,
    writer     CHAR(32)     NOT NULL,
    currency   CHAR(3)      NOT NULL,
    name       VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    retired    TINYINT(1)   NOT NULL,
    sources    TEXT         CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    changed_by VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    why        TEXT         CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    changed_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (etf_id, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS etf_changes;
