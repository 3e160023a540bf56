-- +goose Up
CREATE TABLE IF NOT EXISTS forecasts (
    id                  CHAR(32)        NOT NULL,
    etf_id              INT UNSIGNED    NOT NULL,
    model               VARCHAR(32)     NOT NULL,
    origin              DATE            NOT NULL,
    data_version        BIGINT          NOT NULL,
    data_version_writer CHAR(32)        NOT NULL,
    basis               VARCHAR(16)     NOT NULL,
    params              TEXT            CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    params_hash         VARCHAR(64)     NOT NULL,
    seed                BIGINT UNSIGNED NOT NULL,
    code_version        VARCHAR(100)    NOT NULL,
    diagnostics         TEXT            CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    run_id              VARCHAR(160)    NOT NULL,
    as_of               DATETIME(6)     NOT NULL,
    issued_at           DATETIME(6)     NOT NULL,
    chain               BIGINT          NOT NULL,
    prev_hash           VARCHAR(64)     NOT NULL,
    hash                CHAR(64)        NOT NULL,
    PRIMARY KEY (etf_id, model, chain),
    UNIQUE KEY forecasts_id (id),
    UNIQUE KEY forecasts_identity (etf_id, model, origin, data_version, data_version_writer, params_hash, seed, code_version)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS forecast_points (
    forecast_id CHAR(32)          NOT NULL,
    horizon     SMALLINT UNSIGNED NOT NULL,
    target      DATE              NOT NULL,
    mean        DOUBLE            NOT NULL,
    q05         DOUBLE            NOT NULL,
    q10         DOUBLE            NOT NULL,
    q25         DOUBLE            NOT NULL,
    q50         DOUBLE            NOT NULL,
    q75         DOUBLE            NOT NULL,
    q90         DOUBLE            NOT NULL,
    q95         DOUBLE            NOT NULL,
    PRIMARY KEY (forecast_id, horizon)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS forecast_points;
DROP TABLE IF EXISTS forecasts;
