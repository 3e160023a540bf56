package activities

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// available returns how many places are free.
func (p *Places) available() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.free
}

// waiting returns how many wait in a queue.
func (p *Places) waiting(r rank) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queues[r])
}

// until waits for a condition.
func until(condition func() bool) {
	for !condition() {
		runtime.Gosched()
	}
}

// Forecasts come before backtests that have waited longer, and whoever stops waiting takes no place along.
func TestPlaces(t *testing.T) {
	p := NewPlaces(1)
	release, err := p.acquire(t.Context(), forBacktests)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []string
	var wg sync.WaitGroup
	enter := func(ctx context.Context, name string, r rank) {
		before := p.waiting(r)
		wg.Go(func() {
			done, err := p.acquire(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				order = append(order, name+" left")
				return
			}
			order = append(order, name)
			done()
		})
		until(func() bool { return p.waiting(r) == before+1 })
	}
	enter(t.Context(), "backtest 1", forBacktests)
	enter(t.Context(), "backtest 2", forBacktests)
	ctx, stop := context.WithCancel(t.Context())
	enter(ctx, "forecast 1", forForecasts)
	enter(t.Context(), "forecast 2", forForecasts)
	enter(t.Context(), "forecast 3", forForecasts)
	stop()
	until(func() bool { return p.waiting(forForecasts) == 2 })
	until(func() bool { mu.Lock(); defer mu.Unlock(); return len(order) == 1 })
	release()
	wg.Wait()
	if want := []string{"forecast 1 left", "forecast 2", "forecast 3", "backtest 1", "backtest 2"}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
	if p.available() != 1 {
		t.Errorf("%d places are free", p.available())
	}
	if _, err := p.acquire(ctx, forForecasts); err != nil {
		t.Errorf("a free place is refused: %v", err)
	}
	if _, err := p.acquire(ctx, forForecasts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if release, err := (*Places)(nil).acquire(t.Context(), forBacktests); err != nil {
		t.Error(err)
	} else {
		release()
	}
}

// However many come and leave, no more than the places are held at once, and none is lost.
func TestPlacesUnderLoad(t *testing.T) {
	p := NewPlaces(3)
	var mu sync.Mutex
	held, most := 0, 0
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if i%4 == 0 {
				go stop()
			}
			for range 50 {
				release, err := p.acquire(ctx, rank(i%2))
				if err != nil {
					return
				}
				mu.Lock()
				held++
				most = max(most, held)
				mu.Unlock()
				mu.Lock()
				held--
				mu.Unlock()
				release()
			}
		})
	}
	wg.Wait()
	if most > 3 || p.available() != 3 {
		t.Errorf("at most %d were held, %d are free", most, p.available())
	}
}
