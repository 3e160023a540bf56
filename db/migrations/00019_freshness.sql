-- +goose Up
-- The deadlines that passed without the session's prices ("stored") or forecast ("forecast"), each once. Met is when it came after
-- all; the year 9999 while it has not.
CREATE TABLE IF NOT EXISTS missed_deadlines (
    etf_id  INT UNSIGNED NOT NULL,
    session DATE         NOT NULL,
    kind    VARCHAR(16)  NOT NULL,
    due_at  DATETIME(6)  NOT NULL,
    seen_at DATETIME(6)  NOT NULL,
    met_at  DATETIME(6)  NOT NULL,
    PRIMARY KEY (etf_id, session, kind),
    KEY missed_deadlines_open (met_at, etf_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS missed_deadlines;
