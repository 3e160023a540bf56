package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/worker"
)

// readiness is what a worker waits for, in the order it needs it. Its JSON form is that of the API's /readyz.
type readiness struct {
	mu     sync.Mutex
	now    func() time.Time
	checks []check
}

type check struct {
	Name   string    `json:"name"`
	State  string    `json:"state"` // ok or waiting
	Detail string    `json:"detail"`
	Since  time.Time `json:"since"`
}

func newReadiness(now func() time.Time) *readiness {
	r := &readiness{now: now}
	for _, name := range []string{"database", "schema", "temporal", "workers"} {
		r.checks = append(r.checks, check{Name: name, State: "waiting", Detail: "not reached yet", Since: now().UTC()})
	}
	return r
}

// set records that a check passes (nil) or why it does not.
func (r *readiness) set(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.checks {
		c := &r.checks[i]
		if c.Name != name {
			continue
		}
		state, detail := "ok", ""
		if err != nil {
			state, detail = "waiting", err.Error()
		}
		if c.State != state {
			c.Since = r.now().UTC()
		}
		c.State, c.Detail = state, detail
	}
}

func (r *readiness) report() (ready bool, waitingFor []string, checks []check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waitingFor = []string{}
	for _, c := range r.checks {
		if c.State != "ok" {
			waitingFor = append(waitingFor, c.Name)
		}
	}
	return len(waitingFor) == 0, waitingFor, append([]check(nil), r.checks...)
}

// serveHealth serves /healthz, /readyz and /metrics of a process without an API, and keeps looking whether what was
// there is still there.
func (p *process) serveHealth(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		p.look(req.Context())
		ready, waitingFor, checks := p.ready.report()
		code := http.StatusOK
		if !ready {
			code = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "1")
		}
		writeJSON(w, code, map[string]any{"ready": ready, "waiting_for": waitingFor, "checks": checks})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(end)
	}()
	p.log.Info("health server listening", "address", p.listener.Addr().String())
	if err := server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return etf.Wrap(etf.KindUnavailable, err, "serving health")
	}
	return <-stopped
}

// look asks the database and Temporal again, once they have been there: they may have gone.
func (p *process) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err := p.store.Ping(ctx)
	p.ready.set("database", err)
	if err == nil {
		p.ready.set("schema", p.schemaReady(ctx))
	}
	_, err = worker.Pollers(ctx, p.temporal, queues()[:1], time.Now())
	p.ready.set("temporal", err)
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
