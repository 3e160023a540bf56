-- +goose Up
-- An ETF's first session, as of its change with that number (etf_changes; 0 for the registration).
CREATE TABLE IF NOT EXISTS etf_listings (
    etf_id INT UNSIGNED NOT NULL,
    number INT          NOT NULL,
    listed DATE         NULL,
    PRIMARY KEY (etf_id, number)
) DEFAULT CHARACTER SET ascii COLLATE ascii_bin;

-- +goose Down
DROP TABLE IF EXISTS etf_listings;
