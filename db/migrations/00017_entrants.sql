-- +goose Up
-- The names under which others enter forecasts. Their forecasts are kept, chained and scored like all others, and never served.
CREATE TABLE IF NOT EXISTS entrants (
    model         VARCHAR(32) NOT NULL,
    registered_at DATETIME(6) NOT NULL,
    PRIMARY KEY (model)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS entrants;
