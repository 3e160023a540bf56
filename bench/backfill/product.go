package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// server is an etfcast that listens.
type server struct {
	cmd   *exec.Cmd
	base  string
	log   lockedBuffer
	ended chan struct{}
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := strings.Split(b.text.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// startServer starts the program and waits until it is ready.
func startServer(ctx context.Context, binary, command string, env []string) (*server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	_ = l.Close()
	s := &server{cmd: exec.CommandContext(ctx, binary, command, "--listen", addr), base: "http://" + addr, ended: make(chan struct{})}
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = env, &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	for {
		if err := s.do(ctx, http.MethodGet, "/readyz", nil, nil); err == nil {
			return s, nil
		}
		select {
		case <-s.ended:
			return nil, fmt.Errorf("etfcast %s ended:\n%s", command, s.log.tail())
		case <-ctx.Done():
			s.stop()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	<-s.ended
}

// do sends a request and decodes the response into a value, or into a []byte as it is.
func (s *server) do(ctx context.Context, method, path string, body, into any) error {
	var text io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, text)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, raw)
	}
	if err != nil || into == nil {
		return err
	}
	if plain, ok := into.(*[]byte); ok {
		*plain = raw
		return nil
	}
	return json.Unmarshal(raw, into)
}

// backfillStatus is what the API says about a backfill.
type backfillStatus struct {
	ID         string             `json:"id"`
	Status     etf.RunStatus      `json:"status"`
	Counts     etf.BackfillCounts `json:"counts"`
	StartedAt  time.Time          `json:"started_at"`
	FinishedAt time.Time          `json:"finished_at"`
}

// product backfills the window with the real program, worker and API in two processes, and returns how many rows it stored, how long it took, the
// worker's peak memory in MB, and which part of the activities' time Persist had.
func product(ctx context.Context, binary string, env []string, window etf.Window, stderr io.Writer) (rows int, took time.Duration, rss, share float64, err error) {
	worker, err := startServer(ctx, binary, "worker", env)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer worker.stop()
	api, err := startServer(ctx, binary, "api", env)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer api.stop()
	var b backfillStatus
	if err := api.do(ctx, http.MethodPost, "/v1/backfills", map[string]any{"exchange": etf.XNYS, "from": window.From, "to": window.To}, &b); err != nil {
		return 0, 0, 0, 0, err
	}
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	for b.Status == etf.RunRunning {
		select {
		case <-ctx.Done():
			return 0, 0, 0, 0, ctx.Err()
		case <-worker.ended:
			return 0, 0, 0, 0, fmt.Errorf("the worker ended:\n%s", worker.log.tail())
		case <-poll.C:
		}
		if err := api.do(ctx, http.MethodGet, "/v1/backfills/"+b.ID, nil, &b); err != nil {
			return 0, 0, 0, 0, err
		}
	}
	if b.Status != etf.RunCompleted || b.Counts.ETFsFailed > 0 {
		return 0, 0, 0, 0, fmt.Errorf("the backfill ended %s, %+v; the worker's last lines:\n%s", b.Status, b.Counts, worker.log.tail())
	}
	if rss, err = peakMemory(worker.cmd.Process.Pid); err != nil {
		return 0, 0, 0, 0, err
	}
	if share, err = persistShare(ctx, worker, stderr); err != nil {
		return 0, 0, 0, 0, err
	}
	return b.Counts.RowsNew, b.FinishedAt.Sub(b.StartedAt), rss, share, nil
}

// persistShare returns the part of the time of all activities that Persist had, by the worker's metrics, and prints the time of each.
func persistShare(ctx context.Context, worker *server, stderr io.Writer) (float64, error) {
	var raw []byte
	if err := worker.do(ctx, http.MethodGet, "/metrics", nil, &raw); err != nil {
		return 0, err
	}
	seconds := map[string]float64{}
	total := 0.0
	for line := range strings.Lines(string(raw)) {
		rest, ok := strings.CutPrefix(line, "etfcast_activity_seconds_sum{")
		if !ok {
			continue
		}
		labels, value, _ := strings.Cut(rest, "} ")
		_, name, _ := strings.Cut(labels, `activity="`)
		name, _, _ = strings.Cut(name, `"`)
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, fmt.Errorf("/metrics: %q: %w", line, err)
		}
		seconds[name] += n
		total += n
	}
	if total == 0 {
		return 0, fmt.Errorf("/metrics has no etfcast_activity_seconds_sum")
	}
	for _, name := range slices.Sorted(maps.Keys(seconds)) {
		fmt.Fprintf(stderr, "  %s %.1f s\n", name, seconds[name])
	}
	return seconds["Persist"] / total, nil
}

// peakMemory returns the peak resident memory of a process in MB, as reported by Linux.
func peakMemory(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
}
