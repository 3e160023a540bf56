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

// runCommand runs the command until it ends, forwarding signals, and returns its exit code as an exitError.
//
// The command leads its own process group. The terminal sends Ctrl-C to its whole foreground group; if the command were
// in devstack's group, it would get the signal twice, from the terminal and from devstack. In its own group it gets every
// signal exactly once: from the terminal if it is in the foreground there, otherwise from devstack.
func runCommand(s *signals, command []string, environ []string, stdin, stdout, stderr *os.File) error {
	// Pdeathsig fires when the thread that started the child ends, so that thread must live as long as devstack.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	terminal := foregroundTerminal(stdin)
	// No context ends the command: it gets the signals and decides for itself.
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
			// To the group, as a terminal does: shells and go test have children. The group may have ended by now.
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
