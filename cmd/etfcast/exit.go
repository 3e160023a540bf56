package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/etfcast/etfcast/etf"
)

// The exit codes, as `etfcast help exit-codes` prints them.
const (
	exitOK          = 0
	exitError       = 1   // it did not work
	exitUsage       = 2   // bad command line or bad input: the message names the field and the remedy
	exitIncomplete  = 3   // the run ended, but ETFs failed or are quarantined
	exitUnavailable = 4   // the database or Temporal can't be reached
	exitInterrupted = 130 // stopped by a signal before it was done
)

const exitCodesHelp = `Exit codes:
  0    done
  1    it did not work; the message says why
  2    bad command line or bad input; the message names the field and the remedy
  3    the run ended, but some ETFs failed or are quarantined
  4    the database or Temporal can't be reached
  130  stopped by Ctrl-C or a signal before it was done; a server told to stop ends with 0
`

// errIncomplete is returned by commands that wait for a run in which not every ETF was updated.
var errIncomplete = errors.New("not every ETF was updated")

// errGoesOn is what a command says that was interrupted while it watched a run: the run does not end with it.
type errGoesOn struct{ run string }

func (e errGoesOn) Error() string {
	return fmt.Sprintf("no longer watching; run %[1]s goes on (`etfcast run show %[1]s`, `etfcast run cancel %[1]s`)", e.run)
}

func (errGoesOn) Unwrap() error { return context.Canceled }

// usageError marks an error of the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errIncomplete):
		return exitIncomplete
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	}
	switch etf.KindOf(err) {
	case etf.KindInvalid, etf.KindNotFound, etf.KindConflict:
		return exitUsage
	case etf.KindUnavailable, etf.KindRateLimited:
		return exitUnavailable
	}
	return exitError
}

func report(stderr io.Writer, err error) {
	var goesOn errGoesOn
	if err == nil || errors.Is(err, context.Canceled) && !errors.As(err, &goesOn) {
		return
	}
	fmt.Fprintf(stderr, "etfcast: %v\n", err)
}
