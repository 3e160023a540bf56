-- +goose Up
-- The decisions on findings, numbered from 1 for each finding. At most one of them is in force; a decision that is taken back
-- stays, and the row that takes it back ("undo") follows it. It replaces finding_decisions, whose columns are too narrow and
-- whose CHECK knows two decisions; that table is copied once and then left as it is.
CREATE TABLE IF NOT EXISTS decisions (
    finding_id   VARCHAR(64)   NOT NULL,
    number       INT           NOT NULL,
    in_force     TINYINT(1)    NOT NULL,
    decision     VARCHAR(16)   NOT NULL,
    decided_by   VARCHAR(255)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    why          VARCHAR(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    request_key  VARCHAR(128)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    details      MEDIUMTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    run_id       VARCHAR(160)  NOT NULL,
    decided_at   DATETIME(6)   NOT NULL,
    data_version BIGINT        NOT NULL,
    rows_changed INT           NOT NULL,
    PRIMARY KEY (finding_id, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

INSERT IGNORE INTO decisions (finding_id, number, in_force, decision, decided_by, why, request_key, details, run_id, decided_at,
    data_version, rows_changed)
SELECT finding_id, 1, 1, decision, decided_by, why, '', '', '', decided_at, data_version, rows_changed FROM finding_decisions;

-- +goose Down
DROP TABLE IF EXISTS decisions;
