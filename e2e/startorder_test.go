package e2e

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/etf"
)

// gate is a proxy on a loopback address that makes a server unreachable while it is shut.
type gate struct {
	t      *testing.T
	addr   string
	target string
	mu     sync.Mutex
	l      net.Listener
	conns  map[net.Conn]bool
}

func newGate(t *testing.T, target string) *gate {
	g := &gate{t: t, addr: freeAddress(t), target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(g.shut)
	return g
}

// open lets connections through from now on.
func (g *gate) open() {
	g.t.Helper()
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	g.l = l
	g.mu.Unlock()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go g.pipe(in)
		}
	}()
}

func (g *gate) pipe(in net.Conn) {
	out, err := net.Dial("tcp", g.target)
	if err != nil {
		_ = in.Close()
		return
	}
	g.mu.Lock()
	g.conns[in], g.conns[out] = true, true
	g.mu.Unlock()
	var once sync.Once
	end := func() {
		_ = in.Close()
		_ = out.Close()
		g.mu.Lock()
		delete(g.conns, in)
		delete(g.conns, out)
		g.mu.Unlock()
	}
	go func() { _, _ = io.Copy(out, in); once.Do(end) }()
	_, _ = io.Copy(in, out)
	once.Do(end)
}

// shut cuts every connection and refuses new ones.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l != nil {
		_ = g.l.Close()
		g.l = nil
	}
	for c := range g.conns {
		_ = c.Close()
	}
}

// behindGates returns a stack whose database and Temporal server are behind gates, both shut.
func behindGates(t *testing.T) (s *stack, database, temporal *gate) {
	t.Helper()
	s = newStack(t)
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	database, temporal = newGate(t, cfg.Addr), newGate(t, s.temporal)
	cfg.Addr = database.addr
	s.dsn = cfg.FormatDSN()
	admin, err := mysql.ParseDSN(s.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	admin.Addr = database.addr
	s.adminDSN = admin.FormatDSN()
	s.temporal = temporal.addr
	return s, database, temporal
}

// works checks that a ready process works: one ETF, one run, one forecast.
func works(t *testing.T, p *process) {
	t.Helper()
	symbols := p.registerSimulated(etf.XNYS, 1)
	done := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-26"}))
	if done.Status != etf.RunCompleted || done.Counts.Updated != 1 {
		t.Fatalf("the run ended %s, %+v", done.Status, done.Counts)
	}
	p.must(http.MethodGet, "/v1/etfs/"+string(symbols[0])+"/forecasts/latest", nil, http.StatusOK)
}

func TestDatabaseComesUpLast(t *testing.T) {
	t.Parallel()
	s, database, temporal := behindGates(t)
	temporal.open()
	p := s.start(t, nil, "up")
	p.waitsFor("database")
	p.must(http.MethodGet, "/healthz", nil, http.StatusOK)
	_, header := p.must(http.MethodGet, "/v1/etfs", nil, http.StatusServiceUnavailable)
	if header.Get("Retry-After") == "" {
		t.Error("the 503 response has no Retry-After")
	}
	database.open()
	p.waitReady()
	works(t, p)
}

func TestTemporalComesUpLast(t *testing.T) {
	t.Parallel()
	s, database, temporal := behindGates(t)
	database.open()
	p := s.start(t, nil, "up")
	p.waitsFor("temporal")
	eventually(t, "the registry to respond", func() error {
		_, _, _, err := p.request(http.MethodGet, "/v1/etfs", nil)
		return err
	})
	temporal.open()
	p.waitReady()
	works(t, p)
}

// API, then worker, then the migration: the reverse of the order in which they depend on each other.
func TestProcessesInReverseOrder(t *testing.T) {
	t.Parallel()
	s, database, temporal := behindGates(t)
	api := s.start(t, nil, "api")
	api.waitsFor("database")
	worker := s.start(t, nil, "worker")
	worker.waitsFor("database")
	database.open()
	api.waitsFor("schema")
	worker.waitsFor("schema")
	user, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if code := s.start(t, nil, "migrate", "--grant", user.User).wait(); code != 0 {
		t.Fatalf("migrate ended with %d", code)
	}
	api.waitsFor("temporal")
	temporal.open()
	worker.waitReady()
	api.waitReady()
	works(t, api)
}

// The database and Temporal go down in the middle of a run, and come back.
func TestBothGoDownAndComeBack(t *testing.T) {
	t.Parallel()
	s, database, temporal := behindGates(t)
	database.open()
	temporal.open()
	p := s.start(t, nil, "up")
	p.waitReady()
	p.registerSimulated(etf.XKRX, 5)
	location := p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XKRX, "session": "2025-09-26"})
	database.shut()
	p.waitsFor("database")
	temporal.shut()
	p.waitsFor("temporal")
	database.open()
	temporal.open()
	p.waitReady()
	done := p.waitRun(location)
	if done.Status != etf.RunCompleted || done.Counts.Updated+done.Counts.Unchanged != 5 {
		t.Fatalf("the run ended %s, %+v: %+v", done.Status, done.Counts, done.ETFs.Items)
	}
	works(t, p)
}
