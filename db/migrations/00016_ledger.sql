-- +goose Up
-- The leaves of the transparency log, numbered from 0: the head of a chain of forecasts each time it is anchored. Leaf 0 names the
-- instance (symbol and model empty, position 0).
CREATE TABLE IF NOT EXISTS ledger_leaves (
    number      BIGINT      NOT NULL,
    symbol      VARCHAR(32) NOT NULL,
    model       VARCHAR(32) NOT NULL,
    position    BIGINT      NOT NULL,
    hash        CHAR(64)    NOT NULL,
    writer      CHAR(32)    NOT NULL,
    anchored_at DATETIME(6) NOT NULL,
    PRIMARY KEY (number),
    KEY ledger_leaves_chain (symbol, model, position)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The hashes of the tree over the leaves, as package tlog numbers them, 32 bytes each. A row has those that one anchoring has added.
CREATE TABLE IF NOT EXISTS ledger_hashes (
    first_hash BIGINT     NOT NULL,
    hash_count BIGINT     NOT NULL,
    hashes     MEDIUMBLOB NOT NULL,
    PRIMARY KEY (first_hash)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS ledger_checkpoints (
    size      BIGINT      NOT NULL,
    root      VARCHAR(64) NOT NULL,
    note      TEXT        CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- signature lines begin with a dash that is not ASCII
    is_signed TINYINT(1)  NOT NULL,
    made_at   DATETIME(6) NOT NULL,
    PRIMARY KEY (size)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS ledger_checkpoints;
DROP TABLE IF EXISTS ledger_hashes;
DROP TABLE IF EXISTS ledger_leaves;
