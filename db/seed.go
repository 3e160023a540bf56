package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"

	"github.com/etfcast/etfcast/etf"
)

// SeedBars stores bars of a registered ETF the way every fetch does, by staging and Persist, but keeps every row and
// stores no response. For benchmarks and demonstrations. Each call makes a new fetch, but a repeat finds every row
// unchanged.
func (s *Store) SeedBars(ctx context.Context, symbol etf.Symbol, source string, basis etf.Basis, bars []etf.Bar) (etf.Persisted, error) {
	if len(bars) == 0 {
		return etf.Persisted{}, nil
	}
	none := sha256.Sum256(nil)
	now := s.now()
	f := etf.Fetch{
		ID: newWriter(), Symbol: symbol, Source: source, Basis: basis, Rows: len(bars), FetchedAt: now,
		Window:  etf.Window{From: bars[0].Session, To: bars[len(bars)-1].Session},
		Request: "seed", MediaType: "none", Hash: hex.EncodeToString(none[:]),
	}
	if err := s.saveFetch(ctx, f, etf.Response{Bars: bars, Basis: basis}, sql.NullTime{Time: now, Valid: true}); err != nil {
		return etf.Persisted{}, err
	}
	return s.Persist(ctx, f.ID)
}
