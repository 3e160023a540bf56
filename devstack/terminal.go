package main

import (
	"os"
	"os/signal"
	"syscall"

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
	if t.fd < 0 {
		return
	}
	// A background process that takes the foreground is stopped unless it ignores this signal.
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, unix.Getpgrp())
}
