package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithParent makes the kernel kill the command when devstack is killed, because its servers are gone then.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// isStopped reports, once per stop, whether the child was stopped. It does not reap the child.
func isStopped(child int) bool {
	const cldStopped = 5 // CLD_STOPPED of <asm-generic/siginfo.h>
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, child, &info, unix.WSTOPPED|unix.WNOHANG, nil)
	return err == nil && info.Code == cldStopped
}
