package service

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// manyChains is a Store with so many ETFs of two models each, whose chains fail as they are told.
type manyChains struct {
	Store
	etfs   int
	verify func(etf.Symbol, string) error
	pruned time.Time
}

func (s *manyChains) ETFs(_ context.Context, _ etf.Exchange, after etf.Symbol, limit int) (page []etf.ETF, _ error) {
	for i := range s.etfs {
		if symbol := etf.Symbol(fmt.Sprintf("E%04d", i)); symbol > after && len(page) < limit {
			page = append(page, etf.ETF{Symbol: symbol})
		}
	}
	return page, nil
}

func (s *manyChains) ForecastModels(context.Context, etf.Symbol) ([]string, error) {
	return []string{"drift", "prophet"}, nil
}

func (s *manyChains) VerifyChain(_ context.Context, symbol etf.Symbol, model string) error {
	return s.verify(symbol, model)
}

func (s *manyChains) PruneFetches(_ context.Context, olderThan time.Time) (int, error) {
	s.pruned = olderThan
	return 7, nil
}

func TestVerifyChainsReadsEveryPage(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 199, 200, 201, 400, 450, MaxPage - 1, MaxPage, MaxPage + 1, 2 * MaxPage} {
		var named []string
		store := &manyChains{etfs: n, verify: func(symbol etf.Symbol, model string) error {
			if symbol == "E0200" && model == "prophet" {
				return &etf.Error{Kind: etf.KindCorrupt, Message: "position 3 does not match its hash"}
			}
			return nil
		}}
		v, err := New(Deps{Store: store}).VerifyChains(t.Context(), func(symbol etf.Symbol, model string, err error) {
			named = append(named, fmt.Sprint(symbol, " ", model, ": ", err))
		})
		want := Verification{ETFs: n, Chains: 2 * n}
		if n > 200 {
			want.Broken = 1
		}
		if err != nil || v != want || len(named) != want.Broken {
			t.Errorf("%d ETFs: %+v, %v, named %q", n, v, err, named)
		}
	}
}

// What can't be read is not a broken chain.
func TestVerifyChainsEndsWhereItCannotRead(t *testing.T) {
	t.Parallel()
	away := etf.Wrap(etf.KindUnavailable, errors.New("connection refused"), "reading")
	store := &manyChains{etfs: 3, verify: func(etf.Symbol, string) error { return away }}
	v, err := New(Deps{Store: store}).VerifyChains(t.Context(), func(etf.Symbol, string, error) { t.Error("called a chain broken") })
	if !errors.Is(err, away) || v.Chains != 1 || v.Broken != 0 {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC)
	store := &manyChains{}
	s := New(Deps{Store: store, Now: func() time.Time { return now }})
	if n, err := s.Prune(t.Context(), 30); n != 7 || err != nil || !store.pruned.Equal(now.AddDate(0, 0, -30)) {
		t.Errorf("pruned %d before %s, %v", n, store.pruned, err)
	}
	for _, days := range []int{0, -1} {
		if _, err := s.Prune(t.Context(), days); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%d days: %v", days, err)
		}
	}
}
