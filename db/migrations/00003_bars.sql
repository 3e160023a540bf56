-- +goose Up
CREATE TABLE IF NOT EXISTS bars (
    etf_id       INT UNSIGNED  NOT NULL,
    session      DATE          NOT NULL,
    open         DECIMAL(20,8) NOT NULL,
    high         DECIMAL(20,8) NOT NULL,
    low          DECIMAL(20,8) NOT NULL,
    close        DECIMAL(20,8) NOT NULL,
    adj_close    DECIMAL(20,8) NULL,
    volume       DECIMAL(24,4) NULL,
    basis        VARCHAR(16)   NOT NULL,
    source       VARCHAR(32)   NOT NULL,
    fetch_id     CHAR(32)      NOT NULL,
    quarantined  TINYINT(1)    NOT NULL,
    data_version BIGINT        NOT NULL,
    known_from   DATETIME(6)   NOT NULL,
    PRIMARY KEY (etf_id, session)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS bar_revisions (
    etf_id        INT UNSIGNED  NOT NULL,
    session       DATE          NOT NULL,
    data_version  BIGINT        NOT NULL,
    open          DECIMAL(20,8) NOT NULL,
    high          DECIMAL(20,8) NOT NULL,
    low           DECIMAL(20,8) NOT NULL,
    close         DECIMAL(20,8) NOT NULL,
    adj_close     DECIMAL(20,8) NULL,
    volume        DECIMAL(24,4) NULL,
    basis         VARCHAR(16)   NOT NULL,
    source        VARCHAR(32)   NOT NULL,
    fetch_id      CHAR(32)      NOT NULL,
    quarantined   TINYINT(1)    NOT NULL,
    known_from    DATETIME(6)   NOT NULL,
    known_to      DATETIME(6)   NOT NULL,
    superseded_by BIGINT        NOT NULL,
    PRIMARY KEY (etf_id, session, data_version),
    KEY bar_revisions_known (etf_id, known_to)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS corporate_actions (
    etf_id       INT UNSIGNED  NOT NULL,
    kind         VARCHAR(16)   NOT NULL,
    ex           DATE          NOT NULL,
    terms        VARCHAR(48)   NOT NULL,
    data_version BIGINT        NOT NULL,
    amount       DECIMAL(20,8) NULL,
    numerator    BIGINT        NOT NULL,
    denominator  BIGINT        NOT NULL,
    status       VARCHAR(8)    NOT NULL,
    decided_by   VARCHAR(200)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    fetch_id     CHAR(32)      NOT NULL,
    known_from   DATETIME(6)   NOT NULL,
    known_to     DATETIME(6)   NOT NULL,
    PRIMARY KEY (etf_id, kind, ex, terms, data_version),
    KEY corporate_actions_known (etf_id, known_to),
    CONSTRAINT corporate_actions_status CHECK (status IN ('proposed', 'accepted', 'rejected'))
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS corporate_actions;
DROP TABLE IF EXISTS bar_revisions;
DROP TABLE IF EXISTS bars;
