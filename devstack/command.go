package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// runCommand runs the command to its end, passing signals on, and returns its exit code as an exitError.
//
// The command leads a process group of its own. A Ctrl-C goes to the whole foreground group of the terminal; were the
// command in devstack's, it would get the signal once from the terminal and once from here. In its own group, every
// signal reaches it exactly once: from the terminal when it is in the foreground there, else from devstack.
func runCommand(s *signals, command []string, environ []string, stdin, stdout, stderr *os.File) error {
	// The kernel ties "end the child when the parent dies" to the thread that made the child, so it must live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	terminal := foregroundTerminal(stdin)
	// No context ends the command: signals are passed on to it, and it decides.
	cmd := exec.CommandContext(context.Background(), command[0], command[1:]...)
	cmd.Env = environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.SysProcAttr = terminal.attributes()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the command %s: %w", command[0], err)
	}
	defer terminal.takeBack()

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped, ignoreStops := terminal.watch()
	defer ignoreStops()
	for {
		select {
		case <-stopped:
			terminal.suspendWith(cmd.Process.Pid)
		case sig := <-s.incoming:
			// To the group, as a terminal would: shells and go test have children of their own. It may have ended by now.
			_ = syscall.Kill(-cmd.Process.Pid, sig.(syscall.Signal))
		case err := <-ended:
			return commandResult(command[0], err)
		}
	}
}

func commandResult(name string, err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("waiting for the command %s: %w", name, err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitError(128 + int(status.Signal()))
	}
	return exitError(exit.ExitCode())
}
