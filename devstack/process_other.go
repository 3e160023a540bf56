//go:build !linux

package main

import "syscall"

// endWithParent does nothing: only Linux can kill a child when its parent dies.
func endWithParent(*syscall.SysProcAttr) {}

// isStopped never reports a stopped child: here, Ctrl-Z stops only the command, and "kill -CONT" resumes it.
func isStopped(int) bool { return false }
