-- +goose Up
-- What has happened, for pages and programs that follow along: written in the transaction of what it tells of, and deleted after
-- 30 days. Numbers are given before the transaction commits, so a lower one can appear after a higher one, and one that
-- was rolled back never does.
CREATE TABLE IF NOT EXISTS events (
    id       BIGINT        NOT NULL AUTO_INCREMENT,
    at       DATETIME(6)   NOT NULL,
    kind     VARCHAR(32)   NOT NULL,
    exchange CHAR(4)       NOT NULL,
    session  DATE          NULL,
    symbol   VARCHAR(32)   NOT NULL,
    run_id   VARCHAR(160)  NOT NULL,
    subject  VARCHAR(64)   NOT NULL,
    data     TEXT          CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- a JSON object
    PRIMARY KEY (id),
    KEY events_run (run_id, id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS events;
