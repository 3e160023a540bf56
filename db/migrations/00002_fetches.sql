-- +goose Up
CREATE TABLE IF NOT EXISTS fetches (
    id                CHAR(32)      NOT NULL,
    etf_id            INT UNSIGNED  NOT NULL,
    source            VARCHAR(32)   NOT NULL,
    window_from       DATE          NULL,
    window_to         DATE          NULL,
    request           TEXT          CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    media_type        VARCHAR(100)  NOT NULL,
    raw_hash          VARCHAR(64)   NOT NULL,
    basis             VARCHAR(16)   NOT NULL,
    row_count         INT           NOT NULL,
    fetched_at        DATETIME(6)   NOT NULL,
    run_id            VARCHAR(160)  NOT NULL,
    actions           MEDIUMTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    undone_splits     TEXT          CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    defects           MEDIUMTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    judged_at         DATETIME(6)   NULL,
    persisted_at      DATETIME(6)   NULL,
    rows_new          INT           NOT NULL,
    rows_unchanged    INT           NOT NULL,
    rows_revised      INT           NOT NULL,
    rows_quarantined  INT           NOT NULL,
    actions_new       INT           NOT NULL,
    result_version    BIGINT        NOT NULL,
    result_writer     CHAR(32)      NOT NULL,
    result_known_from DATETIME(6)   NULL,
    PRIMARY KEY (id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS fetch_bodies (
    fetch_id  CHAR(32)    NOT NULL,
    encoding  VARCHAR(8)  NOT NULL,
    size      INT         NOT NULL,
    stored_at DATETIME(6) NOT NULL,
    body      MEDIUMBLOB  NOT NULL,
    PRIMARY KEY (fetch_id),
    KEY fetch_bodies_stored (stored_at)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS staged_bars (
    fetch_id  CHAR(32)         NOT NULL,
    ordinal   INT              NOT NULL,
    session   DATE             NOT NULL,
    open      DECIMAL(20,8)    NOT NULL,
    high      DECIMAL(20,8)    NOT NULL,
    low       DECIMAL(20,8)    NOT NULL,
    close     DECIMAL(20,8)    NOT NULL,
    adj_close DECIMAL(20,8)    NULL,
    volume    DECIMAL(24,4)    NULL,
    verdict   TINYINT UNSIGNED NOT NULL,
    PRIMARY KEY (fetch_id, ordinal)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS staged_bars;
DROP TABLE IF EXISTS fetch_bodies;
DROP TABLE IF EXISTS fetches;
