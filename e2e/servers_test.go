package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
)

// servers are a Temporal server and a database of the test's own, in two processes that can be killed. devstack starts a
// killed one again on the same data and port.
type servers struct {
	devstack    *os.Process
	out         *syncBuffer // what they write
	folder      string
	environment map[string]string
	checks      map[string]func(context.Context) error // by server: returns nil if it responds
}

// startServers starts the servers and waits until they are ready.
func startServers(t *testing.T) *servers {
	t.Helper()
	return startServersIn(t, t.TempDir())
}

// startServersIn is startServers with the servers' data in a folder.
func startServersIn(t *testing.T, tmp string) *servers {
	t.Helper()
	cmd := exec.Command(built(t, "devstack", "make devstack"), "run", "--separate", "--ephemeral", "--quiet")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	out := new(syncBuffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT) // if the test failed in the middle of an outage
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("devstack ended with %v", err)
		}
		if t.Failed() {
			t.Logf("--- output of devstack\n%s", out.String())
		}
	})

	s := &servers{devstack: cmd.Process, out: out, environment: map[string]string{}}
	eventually(t, "devstack to be ready", func() error {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("devstack ended: %v\n%s", err, out.String())
		default:
		}
		found, err := filepath.Glob(filepath.Join(tmp, "*", "devstack.env"))
		if err == nil && len(found) == 0 {
			err = errors.New("it has written no devstack.env")
		}
		if err != nil {
			return err
		}
		s.folder = filepath.Dir(found[0])
		text, err := os.ReadFile(found[0])
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
			s.environment[name] = strings.Trim(value, "'")
		}
		if err == nil && s.environment["ETFCAST_MYSQL_ADMIN_DSN"] == "" {
			err = errors.New("devstack.env is not complete")
		}
		return err
	})

	db, err := sql.Open("mysql", s.environment["ETFCAST_MYSQL_ADMIN_DSN"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	temporal, err := client.NewLazyClient(client.Options{HostPort: s.environment["TEMPORAL_ADDRESS"], Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.Close)
	s.checks = map[string]func(context.Context) error{
		"database": db.PingContext,
		"temporal": func(ctx context.Context) error { _, err := temporal.CheckHealth(ctx, nil); return err },
	}
	return s
}

// newStack returns a database and namespace on these servers.
func (s *servers) newStack(t *testing.T) *stack {
	t.Helper()
	return newStackOn(t, s.environment["ETFCAST_MYSQL_ADMIN_DSN"], s.environment["TEMPORAL_ADDRESS"])
}

// pid returns the process of a server, which is starting or running; 0 if there is none at the moment.
func (s *servers) pid(name string) int {
	text, err := os.ReadFile(filepath.Join(s.folder, name+".pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// kill kills a server and returns once another process of it is starting, which devstack can't do until the server has been
// away for the given time.
func (s *servers) kill(t *testing.T, name string, away time.Duration) {
	t.Helper()
	if away > 0 {
		s.signal(t, syscall.SIGSTOP)
	}
	old := s.pid(name)
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatalf("killing the %s server, process %d: %v", name, old, err)
	}
	if away > 0 {
		<-time.After(away) // the outage is part of the case
		s.signal(t, syscall.SIGCONT)
	}
	eventually(t, "another process of the "+name+" server", func() error {
		if pid := s.pid(name); pid == 0 || pid == old {
			return fmt.Errorf("it is process %d", pid)
		}
		return nil
	})
}

// signal sends a signal to devstack, not to its servers.
func (s *servers) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.devstack.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// await waits until both servers respond.
func (s *servers) await(t *testing.T) {
	t.Helper()
	for name, check := range s.checks {
		eventually(t, "the "+name+" server to respond", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			return check(ctx)
		})
	}
}

// stop kills both servers and waits until neither responds. They stay away until again is called.
func (s *servers) stop(t *testing.T) (again func()) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	for name, check := range s.checks {
		if err := syscall.Kill(s.pid(name), syscall.SIGKILL); err != nil {
			t.Fatalf("killing the %s server: %v", name, err)
		}
		eventually(t, "the "+name+" server to be gone", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if check(ctx) == nil {
				return errors.New("it responds")
			}
			return nil
		})
	}
	return func() {
		s.signal(t, syscall.SIGCONT)
		s.await(t)
	}
}
