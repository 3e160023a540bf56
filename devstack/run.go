package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// run is the whole program. Its error determines the exit code: nil is 0, a usageError 2, an exitError the exit code of
// the command, anything else 1.
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
	tuneCollector()

	// From here on devstack handles signals: an interrupt at any time must stop the servers cleanly.
	signals := catchSignals()
	defer signals.release()

	if opts.verb == "serve" {
		return serve(ctx, signals, opts)
	}
	folder, err := openFolder(opts)
	if err != nil {
		return err
	}
	defer folder.close()

	starting, stopStarting := signals.interruptible(ctx)
	stack, err := startStack(starting, opts, folder, stderr)
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

// exitError is the exit code of the command. No message is printed for it: the command has printed its own.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", int(e)) }

// usageError marks an error in the command line.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }
