package db

import (
	"context"
	"sync/atomic"
)

// turns lets the writers of one store write one after another where the server is Dolt. Dolt merges a transaction,
// table by table, with whatever was committed since it began, at several times the cost of the work itself; and it
// commits one at a time anyway. Writers of other processes are still merged or collide, and are done again. Servers with row
// locks need none of this: there nobody waits here.
type turns struct {
	server atomic.Int32 // one of the below
	one    chan struct{}
}

const (
	serverUnknown = iota
	serverMerges
	serverLocks
)

func newTurns() turns { return turns{one: make(chan struct{}, 1)} }

// turn waits for the turn to write and returns what gives it back.
func (s *Store) turn(ctx context.Context) (done func(), err error) {
	if s.turns.server.Load() == serverUnknown {
		c, err := s.Capabilities(ctx)
		if err != nil {
			return nil, err
		}
		server := int32(serverLocks)
		if c.Server == "Dolt" {
			server = serverMerges
		}
		s.turns.server.Store(server)
	}
	if s.turns.server.Load() == serverLocks {
		return func() {}, nil
	}
	select {
	case s.turns.one <- struct{}{}:
		return func() { <-s.turns.one }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// write is again for what writes.
func (s *Store) write(ctx context.Context, what string, do func() error) error {
	return s.again(ctx, what, func() error {
		done, err := s.turn(ctx)
		if err != nil {
			return err
		}
		defer done()
		return do()
	})
}
