// Package column converts the domain's exact types for database/sql: DECIMAL(20,8) to etf.Price, DECIMAL(24,4) to
// etf.Volume and DATE to etf.Session, through decimal text and never through a float. sqlc's overrides name these
// types, so generated rows use them. It has no queries and no rules.
package column
