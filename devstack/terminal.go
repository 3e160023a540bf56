package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is the terminal devstack has in the foreground, if it has one. The command takes the foreground over, so
// that it can read keys and gets Ctrl-C itself.
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

// takeBack makes devstack the foreground again, else its caller would be left with a terminal it cannot read.
func (t terminal) takeBack() {
	if t.fd >= 0 {
		t.give(unix.Getpgrp())
	}
}

// give puts a process group in the foreground.
func (t terminal) give(group int) {
	// A background process that changes the foreground is stopped unless it ignores this signal.
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) // the terminal may be gone
}

// watch tells when a child may have been stopped. It never does without a terminal: there is no Ctrl-Z then.
func (t terminal) watch() (<-chan os.Signal, func()) {
	changes := make(chan os.Signal, 1)
	if t.fd < 0 {
		return changes, func() {}
	}
	signal.Notify(changes, syscall.SIGCHLD)
	return changes, func() { signal.Stop(changes) }
}

// suspendWith does for devstack's own group what Ctrl-Z did for the command's, if it did: the shell that started
// devstack waits for devstack, and would wait for ever on a command that sleeps. It returns after the shell's fg.
func (t terminal) suspendWith(child int) {
	if !isStopped(child) {
		return
	}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	t.takeBack()
	_ = syscall.Kill(0, syscall.SIGTSTP)
	// The stop may reach this thread a moment after the call returns, and never does where no shell could resume us.
	select {
	case <-continued:
	case <-time.After(time.Second):
	}
	t.give(child)
	_ = syscall.Kill(-child, syscall.SIGCONT)
}
