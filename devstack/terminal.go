package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is the terminal in whose foreground devstack runs, if any. The command takes over the foreground, so that it
// can read input and gets Ctrl-C directly.
type terminal struct {
	fd int // -1: none
}

func foregroundTerminal(stdin *os.File) terminal {
	if stdin == nil {
		return terminal{-1}
	}
	fd := int(stdin.Fd())
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return terminal{-1}
	}
	return terminal{fd}
}

func (t terminal) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if t.fd >= 0 {
		attr.Foreground, attr.Ctty = true, t.fd
	}
	endWithParent(attr)
	return attr
}

// takeBack puts devstack in the foreground again; otherwise its caller could not read from the terminal.
func (t terminal) takeBack() {
	if t.fd >= 0 {
		t.give(unix.Getpgrp())
	}
}

// give puts a process group in the foreground.
func (t terminal) give(group int) {
	// A background process that changes the foreground group is stopped unless it ignores this signal.
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) // the terminal may be gone
}

// watch returns a channel that signals when a child may have been stopped, and a function that ends the watch. Without a
// terminal there is no Ctrl-Z, and the channel never signals.
func (t terminal) watch() (<-chan os.Signal, func()) {
	changes := make(chan os.Signal, 1)
	if t.fd < 0 {
		return changes, func() {}
	}
	signal.Notify(changes, syscall.SIGCHLD)
	return changes, func() { signal.Stop(changes) }
}

// suspendWith stops devstack's own group if Ctrl-Z has stopped the command: the shell that started devstack waits for
// devstack, and would wait forever for a stopped command. It returns after the shell's fg.
func (t terminal) suspendWith(child int) {
	if !isStopped(child) {
		return
	}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	t.takeBack()
	_ = syscall.Kill(0, syscall.SIGTSTP)
	// The stop may reach this thread a moment after the call returns, or never, if there is no shell to resume devstack.
	select {
	case <-continued:
	case <-time.After(time.Second):
	}
	t.give(child)
	_ = syscall.Kill(-child, syscall.SIGCONT)
}
