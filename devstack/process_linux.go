package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithParent has the kernel end the command when devstack is killed: its servers are gone then.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// isStopped tells, once for each time, whether the child was stopped. It leaves the child's end to whoever waits for it.
func isStopped(child int) bool {
	const cldStopped = 5 // CLD_STOPPED of <asm-generic/siginfo.h>
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, child, &info, unix.WSTOPPED|unix.WNOHANG, nil)
	return err == nil && info.Code == cldStopped
}
