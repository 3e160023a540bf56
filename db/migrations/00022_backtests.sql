-- +goose Up
-- Backtests of stored ETFs: what was asked, how far each is, how it ended. as_of is the instant whose beliefs are measured. options are
-- the JSON of etf.BacktestOptions. base_id is the ID of the first attempt at the same question.
CREATE TABLE IF NOT EXISTS backtests (
    id             CHAR(32)    NOT NULL,
    base_id        CHAR(32)    NOT NULL,
    attempt        INT         NOT NULL,
    exchange       CHAR(4)     NOT NULL, -- empty: ETFs of several
    whole_exchange TINYINT(1)  NOT NULL,
    symbols        MEDIUMTEXT  NOT NULL, -- empty: every ETF of the exchange
    as_of          DATETIME(6) NOT NULL,
    options        TEXT        CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    status         VARCHAR(16) NOT NULL,
    error          TEXT        CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    etfs           INT         NOT NULL,
    measured       INT         NOT NULL,
    failed         INT         NOT NULL,
    origins        INT         NOT NULL,
    leak_suspected TINYINT(1)  NOT NULL,
    result_hash    CHAR(64)    NOT NULL, -- SHA-256 of the result's JSON, hex; empty before there is one
    result_size    INT         NOT NULL, -- bytes of that JSON
    code_version   VARCHAR(64) NOT NULL, -- of the programs that measured
    started_at     DATETIME(6) NOT NULL,
    finished_at    DATETIME(6) NULL,
    PRIMARY KEY (id),
    KEY backtests_newest (started_at, id),
    KEY backtests_attempts (base_id, attempt),
    KEY backtests_status (status, started_at)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The ETFs of a backtest, each at the data version that was the newest at its instant (0: there was none). A row never changes.
CREATE TABLE IF NOT EXISTS backtest_etfs (
    backtest_id  CHAR(32)    NOT NULL,
    symbol       VARCHAR(32) NOT NULL,
    exchange     CHAR(4)     NOT NULL,
    data_version BIGINT      NOT NULL,
    PRIMARY KEY (backtest_id, symbol)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- What came of each ETF: origins measured, or why it could not be. The numbers are in backtest_pieces until the result is made.
CREATE TABLE IF NOT EXISTS backtest_parts (
    backtest_id  CHAR(32)    NOT NULL,
    symbol       VARCHAR(32) NOT NULL,
    origins      INT         NOT NULL,
    error        TEXT        CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    code_version VARCHAR(64) NOT NULL,
    size         INT         NOT NULL, -- bytes of the part's JSON
    measured_at  DATETIME(6) NOT NULL,
    PRIMARY KEY (backtest_id, symbol)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Compressed JSON in pieces of at most 1 MiB: a part by its symbol, the result by the empty one.
CREATE TABLE IF NOT EXISTS backtest_pieces (
    backtest_id CHAR(32)    NOT NULL,
    symbol      VARCHAR(32) NOT NULL,
    number      INT         NOT NULL,
    body        MEDIUMBLOB  NOT NULL,
    PRIMARY KEY (backtest_id, symbol, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS backtest_pieces;
DROP TABLE IF EXISTS backtest_parts;
DROP TABLE IF EXISTS backtest_etfs;
DROP TABLE IF EXISTS backtests;
