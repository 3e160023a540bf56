//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what a command writes to tty, a person would see.
type terminal struct {
	tty  *os.File
	seen chan string
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
	p := &terminal{tty: tty, seen: make(chan string, 1)}
	go func() {
		var all bytes.Buffer
		_, _ = io.Copy(&all, control) // ends with an error once the other side is closed
		p.seen <- all.String()
	}()
	return p
}

// close ends the session and returns what was shown, with the line ends of a terminal.
func (p *terminal) close() string {
	p.tty.Close()
	return <-p.seen
}
