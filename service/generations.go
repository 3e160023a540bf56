package service

import (
	"context"
	"sync"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// generations tells whether something has happened to an ETF. A check reads the events since the last one. Requests that arrive
// during a check share the next one, so many requests cost few checks.
type generations struct {
	mu      sync.Mutex
	next    *generationCheck // not begun yet
	running bool

	// The rest belongs to the check that runs.
	begun bool
	marks marks
	count uint64
	all   uint64 // the newest generation of every ETF
	of    map[etf.Symbol]uint64
}

type generationCheck struct {
	done chan struct{}
	all  uint64
	of   map[etf.Symbol]uint64 // never changed
	err  error
}

// generationTimeout limits a check, which no request can cancel: others wait for it too.
const generationTimeout = 5 * time.Second

// Generation returns a number that is another one after every event that names the ETF, or no ETF. Everything that was committed
// with an event before the call counts.
func (s *Service) Generation(ctx context.Context, symbol etf.Symbol) (uint64, error) {
	g := &s.generations
	g.mu.Lock()
	c := g.next
	if c == nil {
		c = &generationCheck{done: make(chan struct{})}
		g.next = c
		if !g.running {
			g.running = true
			go g.run(s)
		}
	}
	g.mu.Unlock()
	select {
	case <-c.done:
		return max(c.all, c.of[symbol]), c.err
	case <-ctx.Done():
		return 0, etf.Wrap(etf.KindUnavailable, ctx.Err(), "reading what has changed")
	}
}

// run makes checks as long as requests wait for one.
func (g *generations) run(s *Service) {
	for {
		g.mu.Lock()
		c := g.next
		g.next = nil
		g.running = c != nil
		g.mu.Unlock()
		if c == nil {
			return
		}
		c.err = g.check(s)
		c.all, c.of = g.all, g.of
		close(c.done)
	}
}

// check counts in every event that is committed now.
func (g *generations) check(s *Service) error {
	ctx, stop := context.WithTimeout(context.Background(), generationTimeout)
	defer stop()
	now := s.now()
	if !g.begun {
		newest, err := s.store.NewestEvent(ctx)
		if err != nil {
			return err
		}
		g.marks = marks{settled: max(0, newest-eventsBack), newest: newest}
	}
	found, err := s.store.EventMarks(ctx, g.marks.settled, maxMarks)
	if err != nil {
		return err
	}
	if !g.begun || len(found) == maxMarks {
		g.begun = len(found) < maxMarks // else it begins again, from the newest event
		g.count++
		g.all, g.of = g.count, nil
		g.marks = g.marks.after(found, now)
		return nil
	}
	var of map[etf.Symbol]uint64
	for _, e := range found {
		if g.marks.seen[e.ID] {
			continue
		}
		g.count++
		if e.Symbol == "" {
			g.all = g.count
			continue
		}
		if of == nil {
			of = make(map[etf.Symbol]uint64, len(g.of)+1)
			for symbol, n := range g.of {
				of[symbol] = n
			}
		}
		of[e.Symbol] = g.count
	}
	if of != nil {
		g.of = of
	}
	g.marks = g.marks.after(found, now)
	return nil
}
