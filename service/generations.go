package service

import (
	"context"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// generations tells whether something has happened to an ETF. A check reads the events since the last one.
type generations struct {
	checks rounds[generationCheck]

	// The rest belongs to the check that runs.
	begun bool
	marks marks
	count uint64
	all   uint64 // the newest generation of every ETF
	of    map[etf.Symbol]uint64
}

type generationCheck struct {
	all uint64
	of  map[etf.Symbol]uint64 // never changed
}

// generationTimeout limits a check, which no request can cancel: others wait for it too.
const generationTimeout = 5 * time.Second

// Generation returns a number that is another one after every event that names the ETF, or no ETF. Everything that was committed
// with an event before the call counts.
func (s *Service) Generation(ctx context.Context, symbol etf.Symbol) (uint64, error) {
	g := &s.generations
	c, err := g.checks.get(ctx, "reading what has changed", func() (generationCheck, error) {
		err := g.check(s)
		return generationCheck{g.all, g.of}, err
	})
	return max(c.all, c.of[symbol]), err
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
