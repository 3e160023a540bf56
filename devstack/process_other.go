//go:build !linux

package main

import "syscall"

// endWithParent does nothing: only Linux can tie a child's life to its parent's.
func endWithParent(*syscall.SysProcAttr) {}

// isStopped never sees a stopped child: Ctrl-Z stops the command alone here, and "kill -CONT" wakes it.
func isStopped(int) bool { return false }
