// Package db keeps everything etfcast knows in MySQL, MariaDB or Dolt: registry, fetches, bars and what was believed
// before them, findings and decisions, forecasts and the record of runs. It owns the schema (migrations), the
// statements (queries, compiled by sqlc into sqlcgen) and the rules of storing: what is new, unchanged or revised, how
// a data version advances, how the forecasts' hash chain grows.
//
// It speaks the words of package etf. It refuses to judge prices, to say what a person's decision does to findings and
// rows (both are package quality's), to decide when something is fetched or forecast (workflows), and to know Temporal
// or HTTP. Tests get databases from db/dbtest.
//
// Three servers are supported and tested alike, so statements keep to what all three speak. Two things shape them: Dolt
// has no row locks and merges transactions cell by cell at COMMIT, so every compare-and-set writes a value unique to its
// writer; and every method may be called again after a crash at any point, so each finds out first whether it has
// happened already.
package db
