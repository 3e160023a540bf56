-- +goose Up
-- What is stated about corporate actions, one row for each state of a statement: a statement's row holds from data_version
-- up to, but not including, superseded_by. It replaces corporate_actions, whose columns are too narrow and whose CHECK knows
-- three states; that table is copied once and then left as it is.
CREATE TABLE IF NOT EXISTS actions (
    etf_id        INT UNSIGNED  NOT NULL,
    id            CHAR(32)      NOT NULL,
    data_version  BIGINT        NOT NULL,
    kind          VARCHAR(32)   NOT NULL,
    ex            DATE          NOT NULL,
    terms         VARCHAR(64)   NOT NULL,
    amount        DECIMAL(20,8) NULL,
    numerator     BIGINT        NOT NULL,
    denominator   BIGINT        NOT NULL,
    record_date   DATE          NULL,
    pay_date      DATE          NULL,
    announced     DATE          NULL,
    source        VARCHAR(32)   NOT NULL,
    status        VARCHAR(16)   NOT NULL,
    decided_by    VARCHAR(255)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    why           VARCHAR(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    evidence      VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    fetch_id      VARCHAR(32)   NOT NULL,
    finding_id    VARCHAR(64)   NOT NULL,
    replaces      VARCHAR(32)   NOT NULL,
    request_key   VARCHAR(128)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    known_from    DATETIME(6)   NOT NULL,
    known_to      DATETIME(6)   NOT NULL,
    superseded_by BIGINT        NOT NULL,
    PRIMARY KEY (etf_id, id, data_version),
    KEY actions_current (etf_id, superseded_by),
    KEY actions_id (id),
    KEY actions_ex (ex)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The id is the first half of the SHA-256 of symbol, kind, ex, terms and source, as etf.ActionID makes it. Dolt casts a DATE to a text
-- with a time.
INSERT IGNORE INTO actions (etf_id, id, data_version, kind, ex, terms, amount, numerator, denominator, record_date, pay_date,
    announced, source, status, decided_by, why, evidence, fetch_id, finding_id, replaces, request_key,
    known_from, known_to, superseded_by)
SELECT a.etf_id,
    LEFT(SHA2(CONCAT_WS('|', 'action', e.symbol, a.kind, DATE_FORMAT(a.ex, '%Y-%m-%d'), a.terms,
        IF(a.decided_by LIKE 'source:%', SUBSTRING(a.decided_by, 8), 'person')), 256), 32),
    a.data_version, a.kind, a.ex, a.terms, a.amount, a.numerator, a.denominator, NULL, NULL, NULL,
    IF(a.decided_by LIKE 'source:%', SUBSTRING(a.decided_by, 8), 'person'), a.status, a.decided_by, '', '', a.fetch_id, '', '',
    '', a.known_from, a.known_to, 9223372036854775807
FROM corporate_actions a JOIN etfs e ON e.id = a.etf_id;

-- The corporate action that would explain a finding.
CREATE TABLE IF NOT EXISTS finding_proposals (
    finding_id  VARCHAR(64)   NOT NULL,
    kind        VARCHAR(32)   NOT NULL,
    ex          DATE          NOT NULL,
    amount      DECIMAL(20,8) NULL,
    numerator   BIGINT        NOT NULL,
    denominator BIGINT        NOT NULL,
    PRIMARY KEY (finding_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS finding_proposals;
DROP TABLE IF EXISTS actions;
