-- +goose Up
-- Keys, codes and hashes are ASCII and compare by bytes; prose columns say utf8mb4_bin themselves. Both collations
-- exist in MySQL, MariaDB and Dolt; the newer ones of each do not. No column has a DEFAULT: the store says every value,
-- and Dolt parses the whole table definition once for each default whenever it merges two transactions.
CREATE TABLE IF NOT EXISTS etfs (
    id                  INT UNSIGNED NOT NULL AUTO_INCREMENT,
    symbol              VARCHAR(32)  NOT NULL,
    exchange            CHAR(4)      NOT NULL,
    currency            CHAR(3)      NOT NULL,
    basis               VARCHAR(16)  NOT NULL,
    data_version        BIGINT       NOT NULL,
    data_version_writer CHAR(32)     NOT NULL,
    known_from          DATETIME(6)  NOT NULL,
    bars                INT          NOT NULL,
    quarantined         INT          NOT NULL,
    first_session       DATE         NULL,
    last_session        DATE         NULL,
    created_at          DATETIME(6)  NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY etfs_symbol (symbol),
    KEY etfs_exchange (exchange, symbol)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS etf_sources (
    etf_id  INT UNSIGNED     NOT NULL,
    ordinal TINYINT UNSIGNED NOT NULL,
    name    VARCHAR(32)      NOT NULL,
    ref     VARCHAR(255)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (etf_id, ordinal)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS data_versions (
    etf_id     INT UNSIGNED NOT NULL,
    number     BIGINT       NOT NULL,
    writer     CHAR(32)     NOT NULL,
    known_from DATETIME(6)  NOT NULL,
    cause      VARCHAR(16)  NOT NULL,
    cause_id   VARCHAR(64)  NOT NULL,
    PRIMARY KEY (etf_id, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS data_versions;
DROP TABLE IF EXISTS etf_sources;
DROP TABLE IF EXISTS etfs;
