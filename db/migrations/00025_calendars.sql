-- +goose Up
-- Changes of the exchanges' calendars by operators: a session is closed, or (closed = 0) a closure is taken back. Version n of a calendar
-- is the built-in one with the first n changes. writer is the ID of the transaction.
CREATE TABLE IF NOT EXISTS calendar_closures (
    exchange   CHAR(4)      NOT NULL,
    number     INT          NOT NULL,
    session    DATE         NOT NULL,
    closed     TINYINT(1)   NOT NULL,
    reason     VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    changed_by VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    changed_at DATETIME(6)  NOT NULL,
    writer     CHAR(32)     NOT NULL,
    PRIMARY KEY (exchange, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The sessions to which a version of the calendar moved horizons of forecasts that were open then. The newest version's row counts; the
-- point itself keeps the target that was issued and hashed.
CREATE TABLE IF NOT EXISTS forecast_target_dates (
    forecast_id      CHAR(32)          NOT NULL,
    horizon          SMALLINT UNSIGNED NOT NULL,
    calendar_version INT               NOT NULL,
    target           DATE              NOT NULL,
    dated_at         DATETIME(6)       NOT NULL,
    PRIMARY KEY (forecast_id, horizon, calendar_version)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS forecast_target_dates;
DROP TABLE IF EXISTS calendar_closures;
