-- +goose Up
-- Net asset value per share and shares outstanding, versioned like actions.
CREATE TABLE IF NOT EXISTS navs (
    etf_id        INT UNSIGNED  NOT NULL,
    session       DATE          NOT NULL,
    data_version  BIGINT        NOT NULL,
    nav           DECIMAL(20,8) NULL,
    shares        DECIMAL(24,4) NULL,
    source        VARCHAR(32)   NOT NULL,
    fetch_id      CHAR(32)      NOT NULL,
    known_from    DATETIME(6)   NOT NULL,
    known_to      DATETIME(6)   NOT NULL,
    superseded_by BIGINT        NOT NULL,
    PRIMARY KEY (etf_id, session, data_version),
    KEY navs_current (etf_id, superseded_by)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS navs;
