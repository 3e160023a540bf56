package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// program is the release's etfcast, used through its commands and their JSON, which later releases keep.
type program struct {
	path  string
	files string // folder of price files
}

// incomplete is the exit code of a run in which ETFs failed or are quarantined.
const incomplete = 3

// call runs a command and returns its output.
func (p *program) call(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == incomplete {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("etfcast %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

// read runs a command that prints JSON.
func (p *program) read(ctx context.Context, into any, args ...string) error {
	text, err := p.call(ctx, append(args, "--json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading the JSON of etfcast %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// up runs the worker and the API with the faults while do runs.
func (p *program) up(ctx context.Context, faults string, do func() error) (err error) {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, p.path, "up", "--listen", port, "--file-dir", p.files, "--sim-faults", faults)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	running := true
	defer func() {
		if running {
			_ = cmd.Process.Signal(syscall.SIGINT)
			if err := <-ended; err != nil {
				fmt.Fprintf(&log, "ended: %v\n", err)
			}
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, log.Bytes())
		}
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx, port) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("etfcast up did not become ready: %w", ctx.Err())
		case err := <-ended:
			running = false
			return fmt.Errorf("etfcast up ended before it was ready: %w", err)
		case <-tick.C:
		}
	}
	return do()
}

func ready(ctx context.Context, port string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+port+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// write puts a price file into the program's folder.
func (p *program) write(name, text string) error {
	return os.WriteFile(p.files+"/"+name, []byte(text), 0o644)
}
