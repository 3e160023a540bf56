-- +goose Up
CREATE TABLE IF NOT EXISTS runs (
    id             VARCHAR(160) NOT NULL,
    base_id        VARCHAR(160) NOT NULL,
    attempt        INT          NOT NULL,
    workflow       VARCHAR(32)  NOT NULL,
    exchange       CHAR(4)      NOT NULL,
    session        DATE         NOT NULL,
    whole_exchange TINYINT(1)   NOT NULL,
    symbols        MEDIUMTEXT   NOT NULL,
    status         VARCHAR(16)  NOT NULL,
    closed         TINYINT(1)   NOT NULL,
    due            INT          NOT NULL,
    updated        INT          NOT NULL,
    unchanged      INT          NOT NULL,
    quarantined    INT          NOT NULL,
    failed         INT          NOT NULL,
    elsewhere      INT          NOT NULL,
    cancelled      INT          NOT NULL,
    rows_new       INT          NOT NULL,
    rows_unchanged INT          NOT NULL,
    rows_revised   INT          NOT NULL,
    forecasts      INT          NOT NULL,
    error          TEXT         CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    started_at     DATETIME(6)  NOT NULL,
    finished_at    DATETIME(6)  NULL,
    PRIMARY KEY (id),
    KEY runs_newest (started_at, id),
    KEY runs_attempts (base_id, attempt),
    KEY runs_completed (exchange, workflow, whole_exchange, status, session)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS run_etfs (
    run_id           VARCHAR(160) NOT NULL,
    symbol           VARCHAR(32)  NOT NULL,
    session          DATE         NOT NULL,
    stage            VARCHAR(16)  NOT NULL,
    outcome          VARCHAR(16)  NOT NULL,
    source           VARCHAR(32)  NOT NULL,
    rows_new         INT          NOT NULL,
    rows_unchanged   INT          NOT NULL,
    rows_revised     INT          NOT NULL,
    rows_quarantined INT          NOT NULL,
    findings         INT          NOT NULL,
    forecasts        INT          NOT NULL,
    attempts         INT          NOT NULL,
    error_type       VARCHAR(64)  NOT NULL,
    error_message    TEXT         CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (run_id, symbol)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS run_etfs;
DROP TABLE IF EXISTS runs;
