-- +goose Up
-- Which second source a fetch was checked with: its fetch, and what it said (JSON of etf.SecondOpinion). It is evidence: the rows are
-- never bars.
CREATE TABLE IF NOT EXISTS fetch_checks (
    fetch_id        CHAR(32)   NOT NULL,
    second_fetch_id CHAR(32)   NOT NULL,
    opinion         MEDIUMTEXT NOT NULL,
    PRIMARY KEY (fetch_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS fetch_checks;
