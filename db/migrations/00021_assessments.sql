-- +goose Up
-- What a forecast was before calibration, and how volatile its closes were: what calibration needs of it once the price has come.
-- by_horizon is a JSON list with the quantiles of each point as the model gave them; empty for a forecast that is not calibrated.
CREATE TABLE IF NOT EXISTS forecast_raw (
    forecast_id CHAR(32)   NOT NULL,
    volatility  DOUBLE     NOT NULL,
    by_horizon  MEDIUMTEXT NOT NULL,
    PRIMARY KEY (forecast_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- What the record says before the forecasts of a session are made: once for each exchange and session, by whoever comes first.
-- hash is that of body, which has the hash of state.
CREATE TABLE IF NOT EXISTS assessments (
    exchange   CHAR(4)      NOT NULL,
    session    DATE         NOT NULL,
    hash       CHAR(64)     NOT NULL,
    previous   CHAR(64)     NOT NULL,
    through    DATE         NULL,
    made_at    DATETIME(6)  NOT NULL,
    run_id     VARCHAR(160) NOT NULL,
    body       MEDIUMTEXT   NOT NULL,
    state_size INT UNSIGNED NOT NULL,
    state      MEDIUMBLOB   NOT NULL,
    PRIMARY KEY (exchange, session),
    UNIQUE KEY assessments_hash (hash)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The gate's verdicts of every assessment, so that its history can be listed.
CREATE TABLE IF NOT EXISTS gate_verdicts (
    session    DATE              NOT NULL,
    exchange   CHAR(4)           NOT NULL,
    horizon    SMALLINT UNSIGNED NOT NULL,
    model      VARCHAR(32)       NOT NULL,
    passed     TINYINT(1)        NOT NULL,
    is_served  TINYINT(1)        NOT NULL,
    increments INT UNSIGNED      NOT NULL,
    mean       DOUBLE            NOT NULL,
    low        DOUBLE            NOT NULL,
    high       DOUBLE            NOT NULL,
    error_level DOUBLE           NOT NULL,
    PRIMARY KEY (session, exchange, horizon, model)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS gate_verdicts;
DROP TABLE IF EXISTS assessments;
DROP TABLE IF EXISTS forecast_raw;
