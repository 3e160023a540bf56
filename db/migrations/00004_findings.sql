-- +goose Up
CREATE TABLE IF NOT EXISTS findings (
    id       VARCHAR(64)   NOT NULL,
    etf_id   INT UNSIGNED  NOT NULL,
    fetch_id CHAR(32)      NOT NULL,
    rule     VARCHAR(64)   NOT NULL,
    severity VARCHAR(8)    NOT NULL,
    evidence VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    found_at DATETIME(6)   NOT NULL,
    PRIMARY KEY (id),
    KEY findings_newest (found_at, id),
    KEY findings_etf (etf_id, found_at, id),
    CONSTRAINT findings_severity CHECK (severity IN ('info', 'warning', 'error'))
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS finding_rows (
    finding_id VARCHAR(64)   NOT NULL,
    session    DATE          NOT NULL,
    etf_id     INT UNSIGNED  NOT NULL,
    staged     TINYINT(1)    NOT NULL,
    open       DECIMAL(20,8) NOT NULL,
    high       DECIMAL(20,8) NOT NULL,
    low        DECIMAL(20,8) NOT NULL,
    close      DECIMAL(20,8) NOT NULL,
    adj_close  DECIMAL(20,8) NULL,
    volume     DECIMAL(24,4) NULL,
    PRIMARY KEY (finding_id, session),
    KEY finding_rows_session (etf_id, session)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS finding_decisions (
    finding_id   VARCHAR(64)   NOT NULL,
    decision     VARCHAR(8)    NOT NULL,
    decided_by   VARCHAR(200)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    why          VARCHAR(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    decided_at   DATETIME(6)   NOT NULL,
    data_version BIGINT        NOT NULL,
    rows_changed INT           NOT NULL,
    PRIMARY KEY (finding_id),
    CONSTRAINT finding_decisions_decision CHECK (decision IN ('accept', 'reject'))
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS finding_decisions;
DROP TABLE IF EXISTS finding_rows;
DROP TABLE IF EXISTS findings;
