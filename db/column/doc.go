// Package column carries the domain's exact types across database/sql: DECIMAL(20,8) as etf.Price, DECIMAL(24,4) as
// etf.Volume and DATE as etf.Session, through decimal text and never through a float. sqlc's overrides name these
// types, so generated rows hold them. It owns nothing else: no queries, no rules.
package column
