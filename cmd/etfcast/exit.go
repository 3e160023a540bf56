package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitIncomplete  = 3
	exitUnavailable = 4
	exitLeak        = 5
	exitInterrupted = 130
)

// exitCodes documents the exit codes for `etfcast help exit-codes` and docs/operations.md.
var exitCodes = []struct {
	code    int
	meaning string
	remedy  string // for a script
}{
	{exitOK, "success; also a server that was asked to stop", "continue"},
	{exitError, "the command failed; the message says why (doctor: a check failed; check: a file has errors; ledger verify: something was changed; reproduce: other numbers)", "alert a person"},
	{exitUsage, "invalid command line or input (check: a file can't be read; ledger: a checkpoint or proof that is unreadable, of another instance or wrongly signed); the message names the field and the remedy", "correct it; a retry gives the same error"},
	{exitIncomplete, "run daily --wait: the run ended, but some ETFs failed or are quarantined; backtest start --wait: it did not complete; backfill start --wait: it did not complete, or ETFs failed; freshness: something that is due is missing; gaps: a session is missing that a source can have and has not answered for, or with --all any", "see `etfcast run show RUN` or `etfcast freshness`"},
	{exitUnavailable, "the database or Temporal can't be reached (ready: not ready)", "retry later"},
	{exitLeak, "backtest: a model is so much better than the benchmark that a leak is suspected; the results are written nevertheless", "look at the places that the message names, or give --expect-signal"},
	{exitInterrupted, "interrupted by Ctrl-C or a signal; a run, backtest or backfill that --wait was following continues", "none"},
}

// exitCodesHelp is the short form, for the root command's help.
func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "  %-4d %s\n", c.code, c.meaning)
	}
	return b.String()
}

// errIncomplete is returned by commands that waited for a run in which not every ETF was updated.
var errIncomplete = errors.New("not every ETF was updated")

// errContinues is returned by a command that was interrupted while watching a run, backtest or backfill, which continues without it.
type errContinues struct{ what, id string }

func (e errContinues) Error() string {
	return fmt.Sprintf("interrupted, but %[1]s %[2]s continues (`etfcast %[1]s show %[2]s`, `etfcast %[1]s cancel %[2]s`)", e.what, e.id)
}

func (errContinues) Unwrap() error { return context.Canceled }

// usageError marks an error in the command line or the settings.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var child childExit
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errIncomplete), errors.Is(err, errStale), errors.Is(err, errNoResult), errors.Is(err, errNotFilled), errors.Is(err, errGaps), errors.Is(err, errMissing):
		return exitIncomplete
	case errors.Is(err, errLeak):
		return exitLeak
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &child):
		return int(child)
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
	var continues errContinues
	var child childExit
	if err == nil || errors.As(err, &child) || errors.Is(err, context.Canceled) && !errors.As(err, &continues) {
		return
	}
	fmt.Fprintf(stderr, "etfcast: %v\n", err)
}
