package service

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/etfcast/etfcast/etf"
)

// rounds makes checks for requests, one after another. Each request gets the result of a check that began after it had arrived;
// requests that arrive during a check share the next one, so many requests cost few checks.
type rounds[T any] struct {
	mu      sync.Mutex
	next    *round[T] // not begun yet
	running bool
}

type round[T any] struct {
	done   chan struct{}
	result T
	err    error
}

// get waits for the result of a check that begins after the call. reading says in an error what it reads.
func (r *rounds[T]) get(ctx context.Context, reading string, check func() (T, error)) (T, error) {
	r.mu.Lock()
	c := r.next
	if c == nil {
		c = &round[T]{done: make(chan struct{})}
		r.next = c
		if !r.running {
			r.running = true
			go r.run(check)
		}
	}
	r.mu.Unlock()
	select {
	case <-c.done:
		return c.result, c.err
	case <-ctx.Done():
		var none T
		return none, etf.Wrap(etf.KindUnavailable, ctx.Err(), reading)
	}
}

// run makes checks as long as requests wait for one.
func (r *rounds[T]) run(check func() (T, error)) {
	for {
		r.mu.Lock()
		c := r.next
		r.next = nil
		r.running = c != nil
		r.mu.Unlock()
		if c == nil {
			return
		}
		c.result, c.err = recovered(check)
		close(c.done)
	}
}

// recovered makes the check. A panic in it is an error of KindInternal: no request is there to recover from it, and the process must not end.
func recovered[T any](check func() (T, error)) (result T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	return check()
}
