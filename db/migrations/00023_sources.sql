-- +goose Up
-- How much of a source's daily quota is used: requests, and of these those of backfills. refused_at is when the source itself said that
-- nothing is left; null if it has not. Each change writes another writer (docs/adr/0031-source-state.md).
CREATE TABLE IF NOT EXISTS source_days (
    source     VARCHAR(32) NOT NULL,
    day        DATE        NOT NULL,
    used       INT         NOT NULL,
    behind     INT         NOT NULL,
    refused_at DATETIME(6) NULL,
    writer     CHAR(32)    NOT NULL,
    PRIMARY KEY (source, day)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The circuit breaker of each source that has ever been asked. changes is the number of its newest row in source_breaker_changes.
CREATE TABLE IF NOT EXISTS source_breakers (
    source       VARCHAR(32) NOT NULL,
    changes      BIGINT      NOT NULL,
    writer       CHAR(32)    NOT NULL,
    state        VARCHAR(16) NOT NULL,
    failures     INT         NOT NULL,
    failing      TEXT        NOT NULL, -- symbols, separated by commas
    opened       INT         NOT NULL,
    reason       TEXT        CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    since        DATETIME(6) NULL,
    retry_at     DATETIME(6) NULL,
    last_success DATETIME(6) NULL,
    PRIMARY KEY (source)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Every change of a breaker's state, append-only.
CREATE TABLE IF NOT EXISTS source_breaker_changes (
    source   VARCHAR(32) NOT NULL,
    number   BIGINT      NOT NULL,
    state    VARCHAR(16) NOT NULL,
    failures INT         NOT NULL,
    reason   TEXT        CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    at       DATETIME(6) NOT NULL,
    retry_at DATETIME(6) NULL,
    PRIMARY KEY (source, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS source_breaker_changes;
DROP TABLE IF EXISTS source_breakers;
DROP TABLE IF EXISTS source_days;
