package service

import (
	"context"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// pruning is a Store that notes what it is asked to prune.
type pruning struct {
	Store
	pruned time.Time
}

func (s *pruning) PruneFetches(_ context.Context, olderThan time.Time) (int, error) {
	s.pruned = olderThan
	return 7, nil
}

func TestPrune(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC)
	store := &pruning{}
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
