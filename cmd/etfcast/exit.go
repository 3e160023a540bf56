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
	exitInterrupted = 130 // stopped by a signal
)

const exitCodesHelp = `Exit codes:
  0    done
  1    it did not work; the message says why
  2    bad command line or bad input; the message names the field and the remedy
  3    the run ended, but some ETFs failed or are quarantined
  4    the database or Temporal can't be reached
  130  stopped by Ctrl-C or a signal
`

// errIncomplete is returned by commands that wait for a run in which not every ETF was updated.
var errIncomplete = errors.New("not every ETF was updated")

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
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	fmt.Fprintf(stderr, "etfcast: %v\n", err)
}
