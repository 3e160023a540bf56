package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is an `etfcast up` process and its API.
type server struct {
	base string
	cmd  *exec.Cmd
	done chan error
	once sync.Once
	err  error
	mu   sync.Mutex
	log  bytes.Buffer
}

// startServer starts `etfcast up` on a free port and waits until it is ready.
func startServer(ctx context.Context, binary, fileDir string) (*server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{base: "http://" + port, done: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, binary, "up", "--listen", port)
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGINT) }
	s.cmd.Stdout, s.cmd.Stderr = s, s
	s.cmd.Env = os.Environ()
	if fileDir != "" {
		s.cmd.Env = append(s.cmd.Env, "ETFCAST_FILE_DIR="+fileDir)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.done <- s.cmd.Wait() }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if code, _, _ := s.do(ctx, http.MethodGet, "/readyz", nil, ""); code == http.StatusOK {
			return s, nil
		}
		select {
		case <-ctx.Done():
			_ = s.stop()
			return nil, fmt.Errorf("etfcast up did not become ready: %w\n%s", ctx.Err(), s.tail())
		case err := <-s.done:
			return nil, fmt.Errorf("etfcast up ended: %w\n%s", err, s.tail())
		case <-tick.C:
		}
	}
}

func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Write collects the process's output.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// tail returns the end of the process's output.
func (s *server) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	return "--- the end of etfcast's output\n" + strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// stop interrupts the process as Ctrl-C would, and returns an error if it did not stop cleanly.
func (s *server) stop() error {
	s.once.Do(func() {
		_ = s.cmd.Process.Signal(syscall.SIGINT)
		select {
		case err := <-s.done:
			var exit *exec.ExitError
			if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 130) {
				s.err = fmt.Errorf("etfcast up did not stop cleanly: %w\n%s", err, s.tail())
			}
		case <-time.After(40 * time.Second):
			_ = s.cmd.Process.Kill()
			s.err = fmt.Errorf("etfcast up did not stop within 40 s of an interrupt\n%s", s.tail())
		}
	})
	return s.err
}

// do sends one request and returns status, body and headers.
func (s *server) do(ctx context.Context, method, path string, body any, accept string) (int, []byte, http.Header) {
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, []byte(err.Error()), nil
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, r)
	if err != nil {
		return 0, []byte(err.Error()), nil
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, []byte(err.Error()), nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, []byte(err.Error()), nil
	}
	return resp.StatusCode, raw, resp.Header
}

// get sends a GET request and decodes the JSON response, whose status must be 200.
func (s *server) get(ctx context.Context, path string, into any) error {
	code, body, _ := s.do(ctx, http.MethodGet, path, nil, "")
	if code != http.StatusOK {
		return fmt.Errorf("GET %s returned %d: %s", path, code, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}
