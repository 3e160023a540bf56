-- +goose Up
-- A component is one row for all horizons: it is never read in part, and a row for each horizon would be 21 times as
-- many of them (docs/adr/0010-stored-fits.md).
CREATE TABLE IF NOT EXISTS forecast_components (
    forecast_id CHAR(32)     NOT NULL,
    component   VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    by_horizon  TEXT         NOT NULL,
    PRIMARY KEY (forecast_id, component)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS forecast_fits (
    forecast_id CHAR(32)    NOT NULL,
    hash        CHAR(64)    NOT NULL,
    encoding    VARCHAR(8)  NOT NULL,
    size        INT         NOT NULL,
    fit         MEDIUMBLOB  NOT NULL,
    PRIMARY KEY (forecast_id)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS forecast_fits;
DROP TABLE IF EXISTS forecast_components;
