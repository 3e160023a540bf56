// Package migrations holds the schema's history, embedded: one goose file a step, expand first, contract a release
// later. It owns no code; package db runs it.
package migrations

import "embed"

// Files are the goose migrations in order of their numbers.
//
//go:embed *.sql
var Files embed.FS
