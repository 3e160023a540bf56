// Package ledger is the transparency log over the chains of forecasts: an append-only Merkle tree (golang.org/x/mod/sumdb/tlog)
// whose leaves are the heads of the chains. Its head at some size is a checkpoint; whoever has kept one can tell whether
// anything that came before has been changed, removed or inserted since, by the log's owner too.
//
// The package owns the texts of leaves, checkpoints and proofs, and their verification. It does not own storage (package db) or
// when heads are anchored (package activities).
package ledger
