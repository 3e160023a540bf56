-- +goose Up
-- Responses that several fetches share, by the SHA-256 of the body: a fetch that is read from them has a manifest in fetch_bodies, which
-- names them. used_at is when a fetch last came to need it, to within a day.
CREATE TABLE IF NOT EXISTS shared_bodies (
    hash      CHAR(64)    NOT NULL,
    encoding  VARCHAR(8)  NOT NULL,
    size      INT         NOT NULL,
    stored_at DATETIME(6) NOT NULL,
    used_at   DATETIME(6) NOT NULL,
    body      MEDIUMBLOB  NOT NULL,
    PRIMARY KEY (hash),
    KEY shared_bodies_used (used_at)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- Which fetches need which of them. A row is written with its fetch, and deleted when the fetch's own body is pruned.
CREATE TABLE IF NOT EXISTS fetch_shared_bodies (
    hash      CHAR(64)    NOT NULL,
    fetch_id  CHAR(32)    NOT NULL,
    stored_at DATETIME(6) NOT NULL,
    PRIMARY KEY (hash, fetch_id),
    KEY fetch_shared_bodies_stored (stored_at)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS fetch_shared_bodies;
DROP TABLE IF EXISTS shared_bodies;
