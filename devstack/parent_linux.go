package main

import "syscall"

// endWithParent has the kernel end the command when devstack is killed: its servers are gone then.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
