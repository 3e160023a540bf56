package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"time"
)

// How often a transaction that lost to another is retried. With 16 writers of one ETF on a server without row locks,
// the unluckiest one loses about 16 times; the rest is margin. The pauses are random up to a limit that doubles.
const (
	maxAttempts = 60
	firstPause  = time.Millisecond
	maxPause    = 128 * time.Millisecond
)

// transaction runs do in a transaction, stores the events that it has emitted, and commits it. A transaction that loses to another one is retried from the start,
// and is KindConflict after too many attempts. do must have no effect except through its arguments.
func (s *Store) transaction(ctx context.Context, what string, do func(q *writing, tx *sql.Tx) error) error {
	return s.retry(ctx, what, func() error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after a commit it is a no-op
		w := &writing{Queries: s.q.WithTx(tx)}
		if err := do(w, tx); err != nil {
			return err
		}
		if err := w.storeEvents(ctx, tx, s.now()); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// retry calls do until it neither loses to another transaction nor finds LOAD DATA LOCAL refused.
func (s *Store) retry(ctx context.Context, what string, do func() error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := do()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errNoLocal):
			continue // at most once: the store remembers it
		case !collision(err) || attempt == maxAttempts:
			return translate(err, what)
		}
		timer := time.NewTimer(mathrand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return translate(ctx.Err(), what)
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}

// newWriter returns an ID that no other transaction has.
func newWriter() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
