package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// run is the whole program: it reads the arguments and returns what the process should end with. A nil error is exit
// code 0, a usageError 2, an exitError the code of the command that ran, anything else 1.
func run(ctx context.Context, args, environ []string, stdin, stdout, stderr *os.File) error {
	opts, err := parseArgs(args)
	if err != nil {
		return err
	}
	switch opts.verb {
	case "help":
		_, err := io.WriteString(stdout, usage)
		return err
	case "version":
		_, err := fmt.Fprintln(stdout, versions())
		return err
	case "env":
		return printEnv(ctx, stdout, opts.folder)
	}
	began := time.Now()
	spareCollector()

	// From here on signals are ours: an interrupt must stop the servers in order, whatever moment it comes at.
	signals := catchSignals()
	defer signals.release()

	folder, err := openFolder(opts)
	if err != nil {
		return err
	}
	defer folder.close()

	starting, stopStarting := signals.interruptible(ctx)
	stack, err := startStack(starting, opts, folder)
	stopStarting()
	if err != nil {
		if sig := signals.caught(); sig != 0 {
			return exitError(128 + int(sig))
		}
		return err
	}
	if err := stack.writeEnv(); err != nil {
		return errors.Join(err, stack.stop())
	}
	defer os.Remove(folder.file(envFile))
	if !opts.quiet {
		stack.banner(stderr, time.Since(began))
	}

	var result error
	if len(opts.command) == 0 {
		signals.wait(ctx)
	} else {
		result = runCommand(signals, opts.command, append(environ, stack.environ()...), stdin, stdout, stderr)
	}
	if err := stack.stop(); err != nil {
		return errors.Join(result, err)
	}
	return result
}

// exitError carries the exit code of the command out of run without a message of our own: the command has said
// whatever there was to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("command ended with exit code %d", int(e)) }

// usageError marks an error in how devstack was called.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }
