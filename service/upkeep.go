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

// Verification sums up a verification of the hash chains.
type Verification struct{ ETFs, Chains, Broken int }

// VerifyChains recomputes the hash chain of every ETF and model, including former models, and calls broken for each chain
// that does not verify. If something can't be read, it stops and returns that error. It reads every forecast.
func (s *Service) VerifyChains(ctx context.Context, broken func(etf.Symbol, string, error)) (Verification, error) {
	var v Verification
	err := s.eachETF(ctx, func(e etf.ETF) error { return s.verifyETF(ctx, e.Symbol, &v, broken) })
	return v, err
}

func (s *Service) verifyETF(ctx context.Context, symbol etf.Symbol, v *Verification, broken func(etf.Symbol, string, error)) error {
	models, err := s.store.ForecastModels(ctx, symbol)
	if err != nil {
		return err
	}
	v.ETFs++
	for _, model := range models {
		v.Chains++
		switch err := s.store.VerifyChain(ctx, symbol, model); {
		case err == nil:
		case etf.KindOf(err) == etf.KindCorrupt:
			v.Broken++
			broken(symbol, model, err)
		default:
			return err
		}
	}
	return nil
}

// Prune deletes the bodies of responses stored more than so many days ago, at least 1, and returns how many. The records of
// the fetches stay, with the bodies' hashes. Errors are of KindInvalid with Field "older-than".
func (s *Service) Prune(ctx context.Context, days int) (int, error) {
	if days < 1 {
		return 0, etf.Invalid("older-than", fmt.Sprintf("%d days are too few", days), "write for example 365d; at least 1d")
	}
	return s.store.PruneFetches(ctx, s.now().Add(-time.Duration(days)*24*time.Hour))
}
