-- +goose Up
-- How forecasts fared: a row for each forecast, horizon and version of the actual price. The row with the highest version counts.
CREATE TABLE IF NOT EXISTS scores (
    etf_id                INT UNSIGNED      NOT NULL,
    model                 VARCHAR(32)       NOT NULL,
    horizon               SMALLINT UNSIGNED NOT NULL,
    origin                DATE              NOT NULL,
    forecast_id           CHAR(32)          NOT NULL,
    version               INT               NOT NULL,
    target                DATE              NOT NULL,
    standing              VARCHAR(8)        NOT NULL,
    withdrawn             TINYINT(1)        NOT NULL,
    data_version          BIGINT            NOT NULL,
    forecast_data_version BIGINT            NOT NULL,
    scored_at             DATETIME(6)       NOT NULL,
    actual                DOUBLE            NOT NULL,
    scale_absolute        DOUBLE            NOT NULL,
    scale_squared         DOUBLE            NOT NULL,
    error                 DOUBLE            NOT NULL,
    absolute_error        DOUBLE            NOT NULL,
    squared_error         DOUBLE            NOT NULL,
    crps                  DOUBLE            NOT NULL,
    pin025                DOUBLE            NULL,
    pin05                 DOUBLE            NOT NULL,
    pin10                 DOUBLE            NOT NULL,
    pin25                 DOUBLE            NOT NULL,
    pin50                 DOUBLE            NOT NULL,
    pin75                 DOUBLE            NOT NULL,
    pin90                 DOUBLE            NOT NULL,
    pin95                 DOUBLE            NOT NULL,
    pin975                DOUBLE            NULL,
    inside50              TINYINT(1)        NOT NULL,
    inside80              TINYINT(1)        NOT NULL,
    inside90              TINYINT(1)        NOT NULL,
    inside95              TINYINT(1)        NULL,
    winkler80             DOUBLE            NOT NULL,
    winkler90             DOUBLE            NOT NULL,
    width80               DOUBLE            NOT NULL,
    width90               DOUBLE            NOT NULL,
    pit                   DOUBLE            NOT NULL,
    PRIMARY KEY (etf_id, model, horizon, origin, forecast_id, version)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The scores that count, summed over ETFs: sums of losses in billionths, so that they add up exactly in any order. The sum of a
-- session is that of its shards: writers of the same session at the same time use different ones.
CREATE TABLE IF NOT EXISTS score_sums (
    exchange         CHAR(4)           NOT NULL,
    model            VARCHAR(32)       NOT NULL,
    horizon          SMALLINT UNSIGNED NOT NULL,
    standing         VARCHAR(8)        NOT NULL,
    origin           DATE              NOT NULL,
    shard            SMALLINT UNSIGNED NOT NULL,
    n                BIGINT            NOT NULL,
    absolute         BIGINT            NOT NULL,
    squared          BIGINT            NOT NULL,
    crps             BIGINT            NOT NULL,
    pinball          BIGINT            NOT NULL,
    winkler80        BIGINT            NOT NULL,
    winkler90        BIGINT            NOT NULL,
    width80          BIGINT            NOT NULL,
    width90          BIGINT            NOT NULL,
    inside50         BIGINT            NOT NULL,
    inside80         BIGINT            NOT NULL,
    inside90         BIGINT            NOT NULL,
    tailed           BIGINT            NOT NULL,
    inside95         BIGINT            NOT NULL,
    pit0             BIGINT            NOT NULL,
    pit1             BIGINT            NOT NULL,
    pit2             BIGINT            NOT NULL,
    pit3             BIGINT            NOT NULL,
    pit4             BIGINT            NOT NULL,
    pit5             BIGINT            NOT NULL,
    pit6             BIGINT            NOT NULL,
    pit7             BIGINT            NOT NULL,
    pit8             BIGINT            NOT NULL,
    pit9             BIGINT            NOT NULL,
    paired           BIGINT            NOT NULL,
    paired_absolute  BIGINT            NOT NULL,
    paired_squared   BIGINT            NOT NULL,
    paired_crps      BIGINT            NOT NULL,
    against_absolute BIGINT            NOT NULL,
    against_squared  BIGINT            NOT NULL,
    against_crps     BIGINT            NOT NULL,
    difference       BIGINT            NOT NULL,
    PRIMARY KEY (exchange, model, horizon, standing, origin, shard)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- As of which data version an ETF's scores are complete, at which horizons, and for each model up to which position of its chain
-- (a JSON object). sessions is how many sessions the calendar had up to the newest stored one, last_session: another number now
-- means that a closure has been announced since.
CREATE TABLE IF NOT EXISTS scorings (
    etf_id       INT UNSIGNED NOT NULL,
    data_version BIGINT       NOT NULL,
    writer       CHAR(32)     NOT NULL,
    horizons     VARCHAR(200) NOT NULL,
    chains       TEXT         NOT NULL,
    last_session DATE         NULL,
    sessions     INT          NOT NULL,
    scored_at    DATETIME(6)  NOT NULL,
    PRIMARY KEY (etf_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- The sessions to which targets were moved by closures announced after the forecast was issued.
CREATE TABLE IF NOT EXISTS forecast_targets (
    forecast_id CHAR(32)          NOT NULL,
    horizon     SMALLINT UNSIGNED NOT NULL,
    target      DATE              NOT NULL,
    moved_at    DATETIME(6)       NOT NULL,
    PRIMARY KEY (forecast_id, horizon, target)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS forecast_targets;
DROP TABLE IF EXISTS scorings;
DROP TABLE IF EXISTS score_sums;
DROP TABLE IF EXISTS scores;
