-- +goose Up
-- Backfills: what was asked, how each stands, how it ended. base_id is the ID of the first attempt at the same request. How far it is
-- follows from backfill_etfs. runs has a row for each, too (workflow 'backfill', session window_to).
CREATE TABLE IF NOT EXISTS backfills (
    id             CHAR(32)     NOT NULL,
    base_id        CHAR(32)     NOT NULL,
    attempt        INT          NOT NULL,
    exchange       CHAR(4)      NOT NULL,
    symbols        MEDIUMTEXT   NOT NULL, -- empty: every ETF of the exchange
    window_from    DATE         NOT NULL,
    window_to      DATE         NOT NULL,
    source         VARCHAR(32)  NOT NULL, -- empty: each ETF's sources in order
    refetch        TINYINT(1)   NOT NULL,
    status         VARCHAR(16)  NOT NULL,
    planned        TINYINT(1)   NOT NULL,
    paused         TINYINT(1)   NOT NULL,
    waits_for      VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- empty: for nothing
    waits_until    DATETIME(6)  NULL,
    error          TEXT         CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    started_at     DATETIME(6)  NOT NULL,
    finished_at    DATETIME(6)  NULL,
    PRIMARY KEY (id),
    KEY backfills_newest (started_at, id),
    KEY backfills_attempts (base_id, attempt),
    KEY backfills_status (status, started_at)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The ETFs of a backfill with what came of them. status is 'running' until it has ended for the ETF. sessions were missing when it was
-- planned; of those, sessions_done are stored now or have been asked of every source in vain.
CREATE TABLE IF NOT EXISTS backfill_etfs (
    backfill_id      CHAR(32)    NOT NULL,
    symbol           VARCHAR(32) NOT NULL,
    status           VARCHAR(16) NOT NULL,
    source           VARCHAR(32) NOT NULL, -- that was asked last
    sessions         INT         NOT NULL,
    sessions_done    INT         NOT NULL,
    still_missing    INT         NOT NULL,
    rows_new         INT         NOT NULL,
    rows_unchanged   INT         NOT NULL,
    rows_revised     INT         NOT NULL,
    rows_quarantined INT         NOT NULL,
    requests         INT         NOT NULL,
    error            TEXT        CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (backfill_id, symbol)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The windows that backfills have asked sources for. A session in an answered window that has no bar was asked for in vain, and is not
-- asked of that source again. error_type is empty for an answered one.
CREATE TABLE IF NOT EXISTS backfill_windows (
    etf_id           INT UNSIGNED NOT NULL,
    backfill_id      CHAR(32)     NOT NULL,
    source           VARCHAR(32)  NOT NULL,
    window_from      DATE         NOT NULL,
    window_to        DATE         NOT NULL,
    whole            TINYINT(1)   NOT NULL,
    fetch_id         CHAR(32)     NOT NULL, -- empty: no response is stored
    error_type       VARCHAR(64)  NOT NULL,
    error            VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    rows_new         INT          NOT NULL,
    rows_unchanged   INT          NOT NULL,
    rows_revised     INT          NOT NULL,
    rows_quarantined INT          NOT NULL,
    asked_at         DATETIME(6)  NOT NULL,
    PRIMARY KEY (etf_id, backfill_id, source, window_from, window_to)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS backfill_windows;
DROP TABLE IF EXISTS backfill_etfs;
DROP TABLE IF EXISTS backfills;
