//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what a command writes to tty, a person would see.
type terminal struct {
	tty   *os.File
	ended chan struct{}

	mu    sync.Mutex
	all   strings.Builder
	await map[string]chan struct{}
}

// openTerminal opens a pseudo-terminal of the given size.
func openTerminal(t *testing.T, columns, rows int) *terminal {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close() })
	fd := int(control.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}); err != nil { //nolint:gosec // small
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{tty: tty, ended: make(chan struct{}), await: map[string]chan struct{}{}}
	go func() {
		defer close(p.ended)
		_, _ = io.Copy(p, control) // ends with an error once the other side is closed
	}()
	return p
}

// Write takes what is shown.
func (p *terminal) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all.Write(text)
	for awaited, found := range p.await {
		if strings.Contains(p.all.String(), awaited) {
			close(found)
			delete(p.await, awaited)
		}
	}
	return len(text), nil
}

// shown returns a channel that is closed once the text, which is awaited once, is shown.
func (p *terminal) shown(text string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := make(chan struct{})
	if strings.Contains(p.all.String(), text) {
		close(found)
	} else {
		p.await[text] = found
	}
	return found
}

// close ends the session and returns what was shown, with the line ends of a terminal.
func (p *terminal) close() string {
	p.tty.Close()
	<-p.ended
	return p.all.String()
}
