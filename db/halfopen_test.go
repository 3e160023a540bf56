package db_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// blackHole is a TCP proxy that can stop forwarding without closing a connection, as a network does whose packets are
// dropped.
type blackHole struct {
	listener net.Listener
	dead     atomic.Bool
	mu       sync.Mutex
	conns    []net.Conn
}

func newBlackHole(t *testing.T, server string) *blackHole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &blackHole{listener: l}
	t.Cleanup(func() {
		_ = l.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range b.conns {
			_ = c.Close()
		}
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			b.mu.Lock()
			b.conns = append(b.conns, near, far)
			b.mu.Unlock()
			go b.forward(near, far)
			go b.forward(far, near)
		}
	}()
	return b
}

func (b *blackHole) forward(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if b.dead.Load() {
			_, _ = io.Copy(io.Discard, from) // takes everything, passes nothing on
			return
		}
		if err != nil {
			_ = to.Close()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A statement on a connection that has gone dead, or on a new one to a server that never says anything, is given up
// after Options.Timeout; when the server is back, so is the store.
func testHalfOpen(t *testing.T, d dbtest.Database) {
	register(t, d.Store, "HALFOPEN")
	cfg, err := mysql.ParseDSN(d.UserDSN)
	if err != nil {
		t.Fatal(err)
	}
	hole := newBlackHole(t, cfg.Addr)
	cfg.Addr = hole.listener.Addr().String()
	const limit = 500 * time.Millisecond
	s, err := db.Open(cfg.FormatDSN(), db.Options{Timeout: limit, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read := func() (time.Duration, error) {
		// The context only keeps a failing test from hanging.
		ctx, stop := context.WithTimeout(t.Context(), 20*limit)
		defer stop()
		start := time.Now()
		_, err := s.ETF(ctx, "HALFOPEN")
		return time.Since(start), err
	}
	if _, err := read(); err != nil {
		t.Fatal(err)
	}
	hole.dead.Store(true)
	for _, what := range []string{"a connection that has gone dead", "a new connection"} {
		took, err := read()
		wantKind(t, err, etf.KindUnavailable, "")
		if took > 4*limit {
			t.Errorf("%s: given up after %s, want %s", what, took, limit)
		}
	}
	hole.dead.Store(false)
	if _, err := read(); err != nil {
		t.Errorf("after the server is back: %v", err)
	}
}
