package service

import (
	"context"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Contents counts what is stored. It reads every ETF and forecast: not for a hot path.
func (s *Service) Contents(ctx context.Context) (etf.Contents, error) { return s.store.Contents(ctx) }

// LastCompleted returns the newest session whose run over the whole exchange completed; zero when there is none.
func (s *Service) LastCompleted(ctx context.Context, exchange etf.Exchange) (etf.Session, error) {
	return s.store.LastCompleted(ctx, exchange)
}

// Prune deletes the bodies of responses stored more than so many days ago, at least 1, and returns how many. The records of
// the fetches stay, with the bodies' hashes. Errors are of KindInvalid with Field "older-than".
func (s *Service) Prune(ctx context.Context, days int) (int, error) {
	if days < 1 {
		return 0, etf.Invalid("older-than", fmt.Sprintf("%d days are too few", days), "write for example 365d; at least 1d")
	}
	return s.store.PruneFetches(ctx, s.now().Add(-time.Duration(days)*24*time.Hour))
}
