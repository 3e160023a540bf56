// Package db keeps everything etfcast knows in MySQL, MariaDB or Dolt: registry, fetches, bars and their revisions,
// findings and decisions, forecasts and runs. It owns the schema (migrations), the statements (queries, compiled by sqlc
// into sqlcgen) and the rules of storing: which rows are new, unchanged or revised, how a data version advances, how the
// forecasts' hash chain grows.
//
// It uses the types of package etf. It does not check prices or decide what a person's decision does to findings and
// rows (package quality does both), nor when to fetch or forecast (workflows), and it knows neither Temporal nor HTTP.
// Tests get databases from db/dbtest.
//
// Three servers are supported and tested alike, so statements use only what all three support. Two things shape them:
// Dolt has no row locks and merges transactions cell by cell at COMMIT, so every compare-and-set writes a value unique
// to its writer; and every method may be called again after a crash at any point, so each first checks whether its work
// is done already.
package db
