-- +goose Up
-- What stays of an ETF when its symbol changes. ids_as is the name that stands for the ETF in the IDs of its findings and actions: its
-- first symbol, or, if that was another ETF's before, one that nobody else has. The permanent_id is the first half of the SHA-256 of
-- symbol, exchange, number and instant of registration, as the store makes it.
CREATE TABLE IF NOT EXISTS etf_identities (
    etf_id       INT UNSIGNED NOT NULL,
    permanent_id CHAR(32)     NOT NULL,
    ids_as       VARCHAR(64)  NOT NULL,
    PRIMARY KEY (etf_id),
    UNIQUE KEY etf_identities_permanent_id (permanent_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

INSERT IGNORE INTO etf_identities (etf_id, permanent_id, ids_as)
SELECT id, LEFT(SHA2(CONCAT_WS('|', 'etf', symbol, exchange, id, DATE_FORMAT(created_at, '%Y%m%d%H%i%s')), 256), 32), symbol FROM etfs;

-- The symbols that an ETF had before it was renamed, each with the number of the change (etf_changes) that ended it and its last session.
CREATE TABLE IF NOT EXISTS etf_symbols (
    etf_id       INT UNSIGNED NOT NULL,
    number       INT          NOT NULL,
    symbol       VARCHAR(32)  NOT NULL,
    last_session DATE         NOT NULL,
    ended_at     DATETIME(6)  NOT NULL,
    PRIMARY KEY (etf_id, number),
    KEY etf_symbols_symbol (symbol, ended_at)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- From which position on the forecasts of a chain carry which symbol. A chain without rows carries the ETF's first symbol throughout.
CREATE TABLE IF NOT EXISTS chain_symbols (
    etf_id INT UNSIGNED NOT NULL,
    model  VARCHAR(32)  NOT NULL,
    chain  BIGINT       NOT NULL,
    symbol VARCHAR(32)  NOT NULL,
    PRIMARY KEY (etf_id, model, chain),
    KEY chain_symbols_symbol (symbol)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Delisting date and ISIN of an ETF, as of its change with that number (0 for the registration).
CREATE TABLE IF NOT EXISTS etf_details (
    etf_id   INT UNSIGNED NOT NULL,
    number   INT          NOT NULL,
    delisted DATE         NULL,
    isin     VARCHAR(12)  NOT NULL,
    PRIMARY KEY (etf_id, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS etf_details;
DROP TABLE IF EXISTS chain_symbols;
DROP TABLE IF EXISTS etf_symbols;
DROP TABLE IF EXISTS etf_identities;
