package e2e

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// link is a connection to a server that can be made bad: slow, cut, or silent.
type link struct {
	addr   string
	target string

	mu    sync.Mutex
	delay time.Duration
	state linkState
	conns map[net.Conn]bool // of both sides
	// atBytes cuts everything once so many more bytes have been sent to the server; 0 = never.
	atBytes int
	wasCut  chan struct{} // closed by the cut that atBytes asks for
	// holdText holds what is sent to the server with this text in it until released is closed; empty = nothing.
	holdText       string
	held, released chan struct{} // held: closed by the first that is held
}

type linkState int

const (
	sound  linkState = iota
	cut              // connections are reset, new ones too
	silent           // half-open: what is sent gets lost, and nobody says so
)

// newLink puts a link in front of the server.
func newLink(t *testing.T, target string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{addr: l.Addr().String(), target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = l.Close(); k.reset() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go k.serve(from)
		}
	}()
	return k
}

func (k *link) serve(from net.Conn) {
	k.mu.Lock()
	state := k.state
	k.mu.Unlock()
	if state == cut {
		resetConn(from)
		return
	}
	to, err := net.Dial("tcp", k.target)
	if err != nil {
		resetConn(from)
		return
	}
	k.mu.Lock()
	k.conns[from], k.conns[to] = true, true
	k.mu.Unlock()
	go k.pass(from, to, true)
	k.pass(to, from, false)
}

// pass passes on what one side sends, as the state allows.
func (k *link) pass(from, to net.Conn, request bool) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
		k.mu.Lock()
		delete(k.conns, from)
		delete(k.conns, to)
		k.mu.Unlock()
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		k.mu.Lock()
		delay, state := k.delay, k.state
		var released chan struct{}
		if request && k.holdText != "" && bytes.Contains(buf[:n], []byte(k.holdText)) {
			released = k.released
			select {
			case <-k.held:
			default:
				close(k.held)
			}
		}
		cutNow := false
		if request && k.atBytes > 0 {
			if k.atBytes -= n; k.atBytes <= 0 {
				n, k.atBytes, k.state, cutNow = n/2, 0, cut, true
			}
		}
		k.mu.Unlock()
		if released != nil {
			<-released
		}
		if delay > 0 {
			<-time.After(delay) // the latency is the case
		}
		if state == silent {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
		if cutNow {
			k.reset()
			close(k.wasCut)
		}
	}
}

// slow delays everything from now on, each way.
func (k *link) slow(delay time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.delay = delay
}

// cutAt cuts the link in the middle of what is sent to the server once so many more bytes have been, and waits for it.
func (k *link) cutAt(t *testing.T, bytes int) {
	t.Helper()
	k.mu.Lock()
	k.atBytes, k.wasCut = bytes, make(chan struct{})
	done := k.wasCut
	k.mu.Unlock()
	select {
	case <-done:
	case <-time.After(waitLimit):
		t.Fatalf("less than %d bytes were sent", bytes)
	}
}

// holdAt holds what is sent to the server with a text in it until release is called, which can be called again.
func (k *link) holdAt(text string) (release func()) {
	released := make(chan struct{})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holdText, k.held, k.released = text, make(chan struct{}), released
	return sync.OnceFunc(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.holdText = ""
		close(released)
	})
}

// waitHeld waits until something is held.
func (k *link) waitHeld(t *testing.T) {
	t.Helper()
	select {
	case <-k.held:
	case <-time.After(waitLimit):
		t.Fatal("nothing was sent that is to be held")
	}
}

// silence makes the link half-open.
func (k *link) silence() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = silent
}

// heal makes the link whole. Connections from before stay as they are: what was lost on them stays lost.
func (k *link) heal() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.delay = sound, 0
}

// reset resets every connection.
func (k *link) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		resetConn(c)
	}
}

func resetConn(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST instead of FIN
	}
	_ = c.Close()
}
