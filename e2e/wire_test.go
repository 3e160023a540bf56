package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// place is a place in what a process asks of the database.
type place struct {
	name string
	// at and within are parts of statements. A transaction is at the place when it sends at; it must have sent within before.
	at, within string
	// answered: the server has executed the statement, and the process does not know yet. Otherwise it has not been sent.
	answered bool
}

// wire is a proxy in front of the database that reads the statements of a process, and holds one connection at each place: the process
// can be killed exactly there, at several places at once.
type wire struct {
	addr  string
	mu    sync.Mutex
	free  []place
	held  map[*wireConn]place // taken
	there map[*wireConn]bool  // of held: the connection is at its place
	dying bool                // the process is being killed
}

// wireConn is one connection of the process.
type wireConn struct {
	*wire
	process, server net.Conn
	sent            []string // in this transaction
	swallow         bool     // keep the responses
}

// newWire puts a wire in front of the database of the DSN, and returns the DSN that leads through it.
func newWire(t *testing.T, dsn string) (*wire, string) {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{addr: l.Addr().String(), held: map[*wireConn]place{}, there: map[*wireConn]bool{}}
	target := cfg.Addr
	go func() {
		for {
			process, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = process.Close()
				continue
			}
			c := &wireConn{wire: w, process: process, server: server}
			go c.requests()
			go c.responses()
		}
	}()
	cfg.Addr = w.addr
	return w, cfg.FormatDSN()
}

// hold holds one connection at each of the places from now on.
func (w *wire) hold(places ...place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, places...)
}

// await waits until there is a connection at each place.
func (w *wire) await(t *testing.T) {
	t.Helper()
	eventually(t, "the process to be at each place", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.complete()
	})
}

func (w *wire) complete() error {
	var missing []string
	for _, p := range w.free {
		missing = append(missing, p.name)
	}
	for c, p := range w.held {
		if !w.there[c] {
			missing = append(missing, p.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no connection is at %q", missing)
	}
	return nil
}

// kill kills the process while it is at each place.
func (w *wire) kill(t *testing.T, p *process) {
	t.Helper()
	eventually(t, "the process to be at each place", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		err := w.complete()
		w.dying = err == nil
		return err
	})
	p.kill()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.there, w.dying = map[*wireConn]place{}, map[*wireConn]bool{}, false
}

// requests passes on what the process sends.
func (c *wireConn) requests() {
	defer c.end()
	in := bufio.NewReader(c.process)
	for {
		packet, err := readPacket(in)
		if err != nil {
			return
		}
		if c.stops(packet) {
			continue // the process waits for the response; what comes next is its end
		}
		if _, err := c.server.Write(packet); err != nil {
			return
		}
	}
}

// readPacket returns a packet of the MySQL protocol with its header: three bytes of length and its number in the exchange.
func readPacket(in io.Reader) ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(in, header); err != nil {
		return nil, err
	}
	packet := append(header, make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)...)
	_, err := io.ReadFull(in, packet[4:])
	return packet, err
}

// stops notes a statement and reports whether it must not reach the server.
func (c *wireConn) stops(packet []byte) bool {
	const query = 3
	if len(packet) < 5 || packet[3] != 0 || packet[4] != query {
		return false
	}
	statement := string(packet[5:])
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.HasPrefix(statement, "START TRANSACTION") {
		c.sent = nil
	}
	for i, p := range c.free {
		if !strings.Contains(statement, p.at) || p.within != "" && !c.has(p.within) {
			continue
		}
		c.free = append(c.free[:i:i], c.free[i+1:]...)
		c.held[c], c.there[c], c.swallow = p, !p.answered, p.answered
		return !p.answered
	}
	if statement == "COMMIT" || statement == "ROLLBACK" {
		c.sent = nil
	} else {
		c.sent = append(c.sent, statement[:min(len(statement), 200)])
	}
	return false
}

func (c *wireConn) has(part string) bool {
	for _, s := range c.sent {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// responses passes on what the server sends, unless the process must not see it.
func (c *wireConn) responses() {
	defer c.end()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.server.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		swallow := c.swallow
		if swallow {
			c.there[c] = true
		}
		c.mu.Unlock()
		if swallow {
			continue
		}
		if _, err := c.process.Write(buf[:n]); err != nil {
			return
		}
	}
}

// end closes both sides. A place that the connection held is free again.
func (c *wireConn) end() {
	_ = c.process.Close()
	_ = c.server.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, held := c.held[c]; held && !c.dying {
		delete(c.held, c)
		delete(c.there, c)
		c.free = append(c.free, p)
	}
}
