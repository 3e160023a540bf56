package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// waitLimit is how long a test waits for a condition before it fails.
const waitLimit = 10 * time.Minute

// stack is one test's database and namespace.
type stack struct {
	dsn, adminDSN string
	temporal      string
	user          string // of dsn
	namespace     string
	client        client.Client
	program       string // the etfcast to start; "" is the one under test
}

// newStack returns an empty database and a namespace on the servers of the environment.
func newStack(t *testing.T) *stack {
	t.Helper()
	return newStackOn(t, dbtest.Embedded(t), testenv.Temporal.Value(t))
}

// newStackOn is newStack on other servers. The database's two users are made as docs/operations.md says, with nothing granted
// to the pipeline's yet.
func newStackOn(t *testing.T, server, temporal string) *stack {
	t.Helper()
	d := dbtest.Empty(t, server)
	cfg, err := mysql.ParseDSN(d.UserDSN)
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{dsn: d.UserDSN, adminDSN: d.AdminDSN, user: cfg.User, temporal: temporal, namespace: strings.ReplaceAll(d.Name, "_", "-")}
	s.register(t)
	return s
}

// register registers the stack's namespace with Temporal.
func (s *stack) register(t *testing.T) {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.temporal, Namespace: s.namespace, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s.client = c
	if _, err := c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: s.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	// It takes a while until every part of the server knows a new namespace.
	eventually(t, "the namespace to be usable", func() error {
		_, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1})
		return err
	})
}

// quiet discards the SDK's log.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// eventually waits until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(waitLimit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s: %v", what, err)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("waiting for %s: %v", what, t.Context().Err())
		}
	}
}

// process is one etfcast process.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	base string // its HTTP address, empty if it has none
	done chan struct{}
	err  error
	out  syncBuffer
}

// syncBuffer keeps what a process writes.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// binary returns the path of the program under test.
func binary(t *testing.T) string { return built(t, "etfcast", "make build") }

// built returns the path of a program in bin, which a make target builds.
func built(t *testing.T, name, target string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run `%s` first", err, target)
	}
	return path
}

func (s *stack) environment(extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"TEMPORAL_ADDRESS=" + s.temporal, "TEMPORAL_NAMESPACE=" + s.namespace,
		"ETFCAST_MYSQL_DSN=" + s.dsn, "ETFCAST_MYSQL_ADMIN_DSN=" + s.adminDSN,
		"ETFCAST_DAILY_MODELS=drift,prophet"}, extra...)
}

// start starts etfcast with args. A command that listens gets a free address, which base has.
func (s *stack) start(t *testing.T, extraEnv []string, args ...string) *process {
	t.Helper()
	program := s.program
	if program == "" {
		program = binary(t)
	}
	p := &process{t: t, name: args[0], done: make(chan struct{})}
	switch args[0] {
	case "up", "api", "worker":
		addr := freeAddress(t)
		p.base = "http://" + addr
		args = append(args, "--listen", addr)
	}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = s.environment(extraEnv...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("--- output of etfcast %s\n%s", p.name, p.tail())
		}
	})
	return p
}

func (p *process) tail() string {
	lines := strings.Split(p.out.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// kill kills the process, without giving it a chance to clean up.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// interrupt stops the process as Ctrl-C would and waits for it to end.
func (p *process) interrupt() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	p.wait()
}

// wait waits for the process to end and returns its exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(waitLimit):
		p.t.Fatalf("etfcast %s did not end", p.name)
	}
	return p.cmd.ProcessState.ExitCode()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// request sends one request to the process.
func (p *process) request(method, path string, body any) (int, []byte, http.Header, error) {
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, nil, err
		}
		r = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, r)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, resp.Header, err
}

// must sends a request and fails the test unless the response has the wanted status.
func (p *process) must(method, path string, body any, want int) ([]byte, http.Header) {
	p.t.Helper()
	code, raw, header, err := p.request(method, path, body)
	if err != nil || code != want {
		p.t.Fatalf("%s %s: status %d, want %d: %s %v", method, path, code, want, raw, err)
	}
	return raw, header
}

type readiness struct {
	Ready      bool     `json:"ready"`
	WaitingFor []string `json:"waiting_for"`
}

func (p *process) readiness() (readiness, error) {
	var r readiness
	code, raw, _, err := p.request(http.MethodGet, "/readyz", nil)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("/readyz: status %d, %s: %w", code, raw, err)
	}
	if r.Ready != (code == http.StatusOK) {
		return r, fmt.Errorf("/readyz: status %d with %s", code, raw)
	}
	return r, nil
}

// waitReady waits until the process is ready.
func (p *process) waitReady() {
	p.t.Helper()
	eventually(p.t, "etfcast "+p.name+" to be ready", func() error {
		select {
		case <-p.done:
			p.t.Fatalf("etfcast %s ended: %v\n%s", p.name, p.err, p.tail())
		default:
		}
		r, err := p.readiness()
		if err == nil && !r.Ready {
			err = fmt.Errorf("waiting for %v", r.WaitingFor)
		}
		return err
	})
}

// waitsFor waits until the process reports that it is waiting for the named thing.
func (p *process) waitsFor(name string) {
	p.t.Helper()
	eventually(p.t, "etfcast "+p.name+" to report that it is waiting for "+name, func() error {
		select {
		case <-p.done:
			p.t.Fatalf("etfcast %s ended: %v\n%s", p.name, p.err, p.tail())
		default:
		}
		r, err := p.readiness()
		if err != nil {
			return err
		}
		for _, w := range r.WaitingFor {
			if w == name || strings.HasPrefix(w, name+":") {
				return nil
			}
		}
		return fmt.Errorf("it is waiting for %v", r.WaitingFor)
	})
}

type runResponse struct {
	etf.Run
	ETFs struct {
		Items []etf.RunETF `json:"items"`
	} `json:"etfs"`
}

// registerSimulated registers n simulated ETFs of the exchange, each with a short history.
func (p *process) registerSimulated(exchange etf.Exchange, n int) []etf.Symbol {
	p.t.Helper()
	symbols := make([]etf.Symbol, n)
	for i := range symbols {
		symbols[i] = etf.Symbol(fmt.Sprintf("SIM%s%03d", exchange[1:3], i))
		p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbols[i], "exchange": exchange, "currency": exchange.DefaultCurrency(),
			"sources": []etf.SourceRef{{Name: "simulated", Ref: string(symbols[i]) + "?inception=2024-01-02"}}}, http.StatusCreated)
	}
	return symbols
}

// startRun requests a run and returns its path.
func (p *process) startRun(request map[string]any) string {
	p.t.Helper()
	_, header := p.must(http.MethodPost, "/v1/runs", request, http.StatusAccepted)
	return header.Get("Location")
}

// waitRun waits until the run has ended.
func (p *process) waitRun(location string) runResponse {
	p.t.Helper()
	var r runResponse
	eventually(p.t, "run "+location+" to end", func() error {
		code, raw, _, err := p.request(http.MethodGet, location, nil)
		if err != nil {
			return err
		}
		if code != http.StatusOK {
			return fmt.Errorf("status %d: %s", code, raw)
		}
		r = runResponse{}
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		if r.Status == etf.RunRunning {
			return errors.New("it is still running")
		}
		return nil
	})
	return r
}

// marketRows returns what is stored for the ETFs, except for what differs between two installations (IDs, times): one
// line per bar and one per model's latest forecast.
func (s *stack) marketRows(t *testing.T, symbols []etf.Symbol, p *process) []string {
	t.Helper()
	var rows []string
	for _, symbol := range symbols {
		code, raw, _, err := p.request(http.MethodGet, "/v1/etfs/"+string(symbol)+"/bars?limit=10000", nil)
		if err != nil || code != http.StatusOK {
			t.Fatalf("bars of %s: %d %v", symbol, code, err)
		}
		var page struct {
			Items      []etf.StoredBar `json:"items"`
			NextCursor *string         `json:"next_cursor"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			t.Fatal(err)
		}
		if page.NextCursor != nil {
			t.Fatalf("%s has more bars than one page", symbol)
		}
		seen := map[etf.Session]bool{}
		for _, b := range page.Items {
			if seen[b.Session] {
				t.Errorf("%s has session %s twice", symbol, b.Session)
			}
			seen[b.Session] = true
			rows = append(rows, fmt.Sprint(symbol, " ", b.Session, " ", b.Open, " ", b.High, " ", b.Low, " ", b.Close, " ", b.Volume, " ", b.Basis, " ", b.Source, " ", b.Quarantined, " v", b.DataVersion))
		}
		for _, model := range p.models() {
			raw, _ = p.must(http.MethodGet, "/v1/etfs/"+string(symbol)+"/forecasts/latest?model="+model, nil, http.StatusOK)
			var view struct {
				Model      string          `json:"model"`
				Origin     etf.Session     `json:"origin"`
				Points     json.RawMessage `json:"points"`
				Components json.RawMessage `json:"components"`
			}
			if err := json.Unmarshal(raw, &view); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, fmt.Sprint(symbol, " ", view.Model, " ", view.Origin, " ", string(view.Points), " ", string(view.Components)))
		}
	}
	return rows
}

// models lists the models every ETF is forecast with.
func (p *process) models() []string {
	p.t.Helper()
	raw, _ := p.must(http.MethodGet, "/v1/models", nil, http.StatusOK)
	var list struct {
		Items []struct {
			Name string `json:"name"`
		} `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list.Items) < 2 {
		p.t.Fatalf("/v1/models returned %s: %v", raw, err)
	}
	names := make([]string, len(list.Items))
	for i, m := range list.Items {
		names[i] = m.Name
	}
	return names
}

// count runs a query that counts rows in the test's database.
func (s *stack) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	db, err := sql.Open("mysql", s.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
