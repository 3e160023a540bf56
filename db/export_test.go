package db

import (
	"context"
	"database/sql"
	"maps"
	"math"

	"github.com/pressly/goose/v3"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// MigrateTo migrates an empty database to the schema of an earlier release.
func MigrateTo(ctx context.Context, adminDSN string, version int64) error {
	cfg, err := parseDSN(adminDSN, AdminDSNVariable)
	if err != nil {
		return err
	}
	return withMigrator(ctx, cfg, AdminDSNVariable, func(_ *sql.DB, p *goose.Provider) error {
		_, err := p.UpTo(ctx, version)
		return err
	})
}

// Rights are the privileges of the pipeline's user, table by table.
func Rights() map[string]string { return maps.Clone(rights) }

// VerifyChain verifies one chain, without the log. What does not verify is KindCorrupt with Field "chain".
func (s *Store) VerifyChain(ctx context.Context, symbol etf.Symbol, model string) error {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return err
	}
	v := &verification{store: s, limit: math.MaxInt, claimed: map[chain]int{}}
	symbols, err := s.symbols(ctx)
	if err != nil {
		return err
	}
	if v.names, err = allNames(ctx, s.q, symbols); err != nil {
		return err
	}
	r, err := s.newPartReader(ctx) // it keeps a connection: whoever waits for another one with it may wait for ever
	if err != nil {
		return err
	}
	defer r.close()
	if err := v.etf(ctx, r, id, symbol, model); err != nil {
		return translate(err, "reading the chain of "+string(symbol))
	}
	if len(v.problems) > 0 {
		return &etf.Error{Kind: etf.KindCorrupt, Field: "chain", Message: v.problems[0].Message,
			Remedy: "compare the database with a backup: a stored forecast has been changed or removed"}
	}
	return nil
}

// Rehash calls set with the hashes that the forecasts of a chain would have if they had been stored as they are now.
func (s *Store) Rehash(ctx context.Context, symbol etf.Symbol, model string, set func(id, previous, hash string)) error {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return err
	}
	rows, err := s.q.ListForecastsAfter(ctx, sqlcgen.ListForecastsAfterParams{EtfID: id, Model: model, Limit: 1000})
	if err != nil {
		return err
	}
	list, err := s.withParts(ctx, rows)
	previous := ""
	for _, f := range list {
		f.PrevHash = previous
		if f.Hash, err = chainHash(f); err != nil {
			return err
		}
		set(f.ID, previous, f.Hash)
		previous = f.Hash
	}
	return err
}

// FailOn lets a statement fail on n connections of the pool.
func (s *Store) FailOn(ctx context.Context, n int) {
	var conns []*sql.Conn
	for range n {
		if c, err := s.db.Conn(ctx); err == nil {
			conns = append(conns, c)
			_, _ = c.ExecContext(ctx, "INSERT INTO etfs (id) VALUES (1)")
		}
	}
	for _, c := range conns {
		_ = c.Close()
	}
}
