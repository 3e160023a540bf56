package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// gatedStore counts the pages of bars that are read at once, and holds each back until it is released.
type gatedStore struct {
	*fakeStore
	release chan struct{}

	mu        sync.Mutex
	now, most int
}

func (g *gatedStore) BarsPage(ctx context.Context, s etf.Symbol, w etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	g.mu.Lock()
	g.now++
	g.most = max(g.most, g.now)
	g.mu.Unlock()
	defer func() { g.mu.Lock(); g.now--; g.mu.Unlock() }()
	select {
	case <-g.release:
	case <-ctx.Done():
		return nil, etf.Wrap(etf.KindUnavailable, ctx.Err(), "reading bars")
	}
	return g.fakeStore.BarsPage(ctx, s, w, after, limit)
}

func gated(t *testing.T) (*fixture, *gatedStore) {
	t.Helper()
	var g *gatedStore
	f := newFixtureOn(t, func(store *fakeStore) service.Store {
		g = &gatedStore{fakeStore: store, release: make(chan struct{})}
		return g
	})
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 1000)
	return f, g
}

// Heavy reads take turns; one that has waited too long gets 429, and everything else goes on.
func TestHeavyReadsTakeTurns(t *testing.T) {
	t.Parallel()
	f, g := gated(t)
	slots := cap(newTurnstile().slots)
	const requests = 20
	done := make(chan response, requests)
	for range requests {
		go func() { done <- f.get("/v1/etfs/SPY/bars?limit=10000") }()
	}
	// All but those that have their turn give up.
	for range requests - slots {
		a := <-done
		a.wantProblem(t, http.StatusTooManyRequests)
		if a.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
	f.get("/v1/etfs/SPY").want(t, 200)
	f.get("/v1/runs?limit=10").want(t, 200)
	close(g.release)
	for range slots {
		(<-done).want(t, 200)
	}
	if g.most != slots {
		t.Errorf("%d heavy reads at once, want %d", g.most, slots)
	}
	f.get("/v1/etfs/SPY/bars").want(t, 200)
}

// A client that does not read its response keeps no turn: neither of a page nor of an export.
func TestSlowReadersKeepNoTurn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 60_000)
	for _, accept := range []string{"application/json", "text/csv"} {
		for range cap(newTurnstile().slots) + 2 {
			conn, err := net.Dial("tcp", f.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer quietly(conn)
			_ = conn.(*net.TCPConn).SetReadBuffer(1)
			if _, err := io.WriteString(conn, "GET /v1/etfs/SPY/bars?limit=10000 HTTP/1.1\r\nHost: localhost\r\nAccept: "+accept+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 10)); err != nil { // its turn has come
				t.Fatal(err)
			}
		}
	}
	// On a busy machine a turn can take longer than a request waits for one. A turn that a slow reader kept would never end.
	patient := func(url string, options ...option) response {
		for range 20 {
			if a := f.get(url, options...); a.status != http.StatusTooManyRequests {
				return a
			}
		}
		return f.get(url, options...)
	}
	for range 3 {
		patient("/v1/etfs/SPY/bars?limit=10000").want(t, 200)
	}
	if body := string(patient("/v1/etfs/SPY/bars", header("Accept", "text/csv")).want(t, 200).body); strings.Count(body, "\n") != 60_001 {
		t.Errorf("%d lines", strings.Count(body, "\n"))
	}
}

// A database that has stopped answering is reported within seconds.
func TestReadsAreGivenUp(t *testing.T) {
	t.Parallel()
	f, _ := gated(t)
	start := time.Now()
	a := f.get("/v1/etfs/SPY/bars")
	a.wantProblem(t, http.StatusServiceUnavailable)
	if took := time.Since(start); took > readTimeout+2*time.Second || a.header.Get("Retry-After") == "" {
		t.Errorf("given up after %s, Retry-After %q", took, a.header.Get("Retry-After"))
	}
}
