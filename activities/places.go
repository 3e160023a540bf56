package activities

import (
	"context"
	"slices"
	"sync"
)

// Places is a semaphore with two queues: a place that becomes free goes to a forecast that waits for it, and to a backtest only if none
// does. Within a queue, places are given in the order in which they were asked for. Nil means no limit.
type Places struct {
	mu     sync.Mutex
	free   int
	queues [2][]chan struct{} // those that wait, by rank; a closed channel has the place
}

// rank says who is served first.
type rank int

const (
	forForecasts rank = iota
	forBacktests
)

// NewPlaces returns n free places.
func NewPlaces(n int) *Places { return &Places{free: n} }

// acquire waits for a place. The caller must call release once.
func (p *Places) acquire(ctx context.Context, r rank) (release func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	p.mu.Lock()
	if p.free > 0 { // nobody waits then
		p.free--
		p.mu.Unlock()
		return p.release, nil
	}
	turn := make(chan struct{})
	p.queues[r] = append(p.queues[r], turn)
	p.mu.Unlock()
	select {
	case <-turn:
		return p.release, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.queues[r], turn)
	if i >= 0 {
		p.queues[r] = slices.Delete(p.queues[r], i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // it was given at the same time
		p.release()
	}
	return nil, ctx.Err()
}

// release gives a place to whoever has waited longest in the first queue that is not empty.
func (p *Places) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.queues {
		if len(p.queues[r]) > 0 {
			close(p.queues[r][0])
			p.queues[r] = p.queues[r][1:]
			return
		}
	}
	p.free++
}
