package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

// This file is the one place where error kinds become Temporal application errors. Workflows decide by the type,
// never by the text. Types are wire names: they are in histories and in the table of runs.

// The types of errors of the database, the pure packages and the request itself.
const (
	TypeInvalid     = "Invalid"
	TypeNotFound    = "NotFound"
	TypeConflict    = "Conflict"
	TypeUnavailable = "Unavailable"
	TypeRateLimited = "RateLimited"
	TypeDenied      = "Denied"
	TypeCorrupt     = "Corrupt"
	TypeInternal    = "Internal"
)

// The types of errors of one source. After any of them the next source is asked.
const (
	TypeSourceUnavailable = "SourceUnavailable"
	TypeSourceRateLimited = "SourceRateLimited"
	TypeSourceNotFound    = "SourceNotFound"
	TypeSourceDenied      = "SourceDenied"
	TypeSourceCorrupt     = "SourceCorrupt"
	TypeSourceInvalid     = "SourceInvalid"
	TypeSourceMismatch    = "SourceMismatch"
	TypeSourceFault       = "SourceFault"
)

// The types the workflows themselves end with.
const (
	TypeSessionMissing = "SessionMissing"
	TypeNoWorker       = "NoWorker"
	TypeTimedOut       = "TimedOut"
)

// TypeModelFailed ends nothing: it stands in the row of an update that is complete but for a model's forecast.
const TypeModelFailed = "ModelFailed"

const (
	// SourceAttempts is how often a source that is down or busy is asked before the next one is. With the waits of
	// workflows/policy.go (2 s, 6 s, 18 s) that covers a restart on the other side.
	SourceAttempts = 4
	// conflictAttempts: each lost race means another writer won, and no ETF has twenty writers.
	conflictAttempts = 20
	// internalAttempts: our own fault seldom goes away, but a crash in a dependency may.
	internalAttempts = 3
	// longestRetryAfter is the longest wait asked for by the other side that is waited for.
	longestRetryAfter = time.Hour
	// errorText bounds messages, which are kept in histories and in the table of runs: fifty of them in one batch of
	// outcomes stay within 32 KB.
	errorText = 300
)

// ErrorType documents one error type for operators; docs/operations.md is made from ErrorTypes.
type ErrorType struct {
	Name    string
	Meaning string
	// Retried says what happened before the operator gets to see it.
	Retried string
	// Remedy is what the operator does about it.
	Remedy string
}

// ErrorTypes lists every error type a workflow or activity of etfcast ends with or a run records, in the order they are
// documented.
func ErrorTypes() []ErrorType {
	return slices.Clone(errorTypes)
}

var errorTypes = []ErrorType{
	{TypeSessionMissing, "No source has a price for the session yet. What came otherwise is stored; there is no forecast.",
		"every source, by its own waits (up to 1 h 40 min)", "Nothing if the next session comes: it fills the gap. Run the session again with `--rerun` once the provider has it; check that the ETF still trades."},
	{TypeSourceUnavailable, "The source is down, slow, or its answer broke off.",
		"4 times within half a minute, then the next source", "Wait and run again. If it lasts, check the network and the provider's status; add a second source."},
	{TypeSourceRateLimited, "The source says it is asked too often.",
		"4 times, each after the wait the source asked for, then the next source", "Lower the source's rate (`--source-rate`) or wait until its quota starts anew."},
	{TypeSourceNotFound, "The source does not know the reference.",
		"no; the next source at once", "Correct the ETF's reference for this source; the ETF may have been renamed or delisted."},
	{TypeSourceDenied, "Key missing or wrong, plan too small, or a challenge page.",
		"no; the next source at once", "Check the key and the plan, then run again."},
	{TypeSourceCorrupt, "The answer can't be understood; the message says where.",
		"no; the next source at once", "For a file, correct the line named. For a provider, look at the stored raw answer: the format may have changed."},
	{TypeSourceInvalid, "The source refuses the question as wrong in itself.",
		"no; the next source at once", "Correct the ETF's reference or the session asked for."},
	{TypeSourceMismatch, "The answer's price basis or currency differs from the stored series.",
		"no; the next source at once", "Use one source of one basis for an ETF, or register the series under another symbol."},
	{TypeSourceFault, "The adapter itself went wrong.",
		"no; the next source at once", "Report it with the message and the workflow's history."},
	{TypeNoWorker, "No worker served the source's task queue for 4 hours.",
		"the next source", "Start a worker with this source, or take the source off the ETF. The Web UI lists the pollers of a task queue."},
	{TypeModelFailed, "One model gave no forecast; the message says which and why. The benchmark's forecast and all else are stored, and the outcome is as without it.",
		"no: a model would fail on the same data again", "Report it with the message, the ETF and the session. The session run again (`--rerun`) with a version that mends it makes up for it."},
	{TypeUnavailable, "The database is down, restarting or overloaded.",
		"for a day, at most every 30 s", "Bring the database back; nothing has to be started again within the day."},
	{TypeConflict, "Another writer was faster, or the data differ from what is stored.",
		"20 times from the start of the step", "Look for two runs of the same ETF. If the message speaks of a decision, it was taken before."},
	{TypeInvalid, "The request is wrong; the message names the field and the remedy.",
		"no", "Do what the message says and start it again."},
	{TypeNotFound, "Something named does not exist (any more).",
		"no", "Register the ETF named, or take it out of the request."},
	{TypeRateLimited, "A service other than a source says it is asked too often.",
		"after the wait asked for", "Wait, or lower the worker's concurrency."},
	{TypeDenied, "The database refuses the user.",
		"no", "Check ETFCAST_MYSQL_DSN and the grants (`etfcast migrate --grant`, `etfcast doctor`)."},
	{TypeCorrupt, "Stored data can't be understood.",
		"no", "Run `etfcast doctor`; restore the rows named from a backup or fetch them again."},
	{TypeInternal, "Our own fault.",
		"3 times", "Report it with the message and the workflow's history."},
	{TypeTimedOut, "A step took longer than allowed, again and again.",
		"for a day", "Look at the load of database and workers; run the session again."},
}

// ErrorDetail is the first detail of every application error made here.
type ErrorDetail struct {
	Attempt int32  `json:"attempt"`
	Field   string `json:"field,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

// fail translates an error of the database or of a pure package. nil stays nil.
func fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if stopped := whenStopped(ctx); stopped != nil {
		return stopped
	}
	attempt := activity.GetInfo(ctx).Attempt
	switch kind := etf.KindOf(err); kind {
	case etf.KindUnavailable:
		return appError(err, TypeUnavailable, attempt, true)
	case etf.KindRateLimited:
		return appError(err, TypeRateLimited, attempt, true)
	case etf.KindConflict:
		return appError(err, TypeConflict, attempt, attempt < conflictAttempts)
	case etf.KindInvalid:
		return appError(err, TypeInvalid, attempt, false)
	case etf.KindNotFound:
		return appError(err, TypeNotFound, attempt, false)
	case etf.KindDenied:
		return appError(err, TypeDenied, attempt, false)
	case etf.KindCorrupt:
		return appError(err, TypeCorrupt, attempt, false)
	default:
		return appError(err, TypeInternal, attempt, attempt < internalAttempts)
	}
}

// failSource translates an error of the named source. nil stays nil.
func failSource(ctx context.Context, source string, err error) error {
	if err == nil {
		return nil
	}
	if stopped := whenStopped(ctx); stopped != nil {
		return stopped
	}
	attempt := activity.GetInfo(ctx).Attempt
	again := attempt < SourceAttempts
	if !strings.HasPrefix(err.Error(), source) { // adapters that name their reference name themselves with it
		err = fmt.Errorf("%s: %w", source, err)
	}
	switch etf.KindOf(err) {
	case etf.KindUnavailable:
		return appError(err, TypeSourceUnavailable, attempt, again)
	case etf.KindRateLimited:
		var e *etf.Error
		patient := errors.As(err, &e) && e.RetryAfter <= longestRetryAfter
		return appError(err, TypeSourceRateLimited, attempt, again && patient)
	case etf.KindNotFound:
		return appError(err, TypeSourceNotFound, attempt, false)
	case etf.KindDenied:
		return appError(err, TypeSourceDenied, attempt, false)
	case etf.KindCorrupt:
		return appError(err, TypeSourceCorrupt, attempt, false)
	case etf.KindInvalid:
		return appError(err, TypeSourceInvalid, attempt, false)
	default:
		return appError(err, TypeSourceFault, attempt, false)
	}
}

// IsSourceError reports whether an error type speaks of one source only, so that the next one is worth asking.
func IsSourceError(errorType string) bool {
	switch errorType {
	case TypeSourceUnavailable, TypeSourceRateLimited, TypeSourceNotFound, TypeSourceDenied, TypeSourceCorrupt,
		TypeSourceInvalid, TypeSourceMismatch, TypeSourceFault:
		return true
	}
	return false
}

// whenStopped returns what an activity whose context has ended answers: the cancellation itself if the workflow
// asked for it, else an error that is tried again elsewhere, because only this worker stops.
func whenStopped(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if temporal.IsCanceledError(context.Cause(ctx)) {
		return ctx.Err()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return temporal.NewApplicationError("the activity ran out of time", TypeUnavailable, ErrorDetail{Attempt: activity.GetInfo(ctx).Attempt})
	}
	return temporal.NewApplicationError("the worker is stopping", TypeUnavailable, ErrorDetail{Attempt: activity.GetInfo(ctx).Attempt})
}

func appError(err error, errorType string, attempt int32, retry bool) error {
	detail := ErrorDetail{Attempt: attempt}
	options := temporal.ApplicationErrorOptions{NonRetryable: !retry}
	var e *etf.Error
	if errors.As(err, &e) {
		detail.Field, detail.Remedy = etf.Clip(e.Field, 100), etf.Clip(e.Remedy, 200)
		if retry && e.RetryAfter > 0 {
			options.NextRetryDelay = min(e.RetryAfter, longestRetryAfter)
		}
	}
	options.Details = []any{detail}
	return temporal.NewApplicationErrorWithOptions(etf.Clip(err.Error(), errorText), errorType, options)
}
