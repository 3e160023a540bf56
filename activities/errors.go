package activities

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

// This file is the only place where error kinds become Temporal application errors; Interceptor calls it for every error
// an activity returns. Workflows decide by type, never by text. Types are wire names: they are in histories and in the
// runs table. Each constant Type... has an entry in errorTypes; a test reads the constants from this package.

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

// The types of errors of one source. After any of them the next source is tried.
const (
	TypeSourceUnavailable = "SourceUnavailable"
	TypeSourceRateLimited = "SourceRateLimited"
	TypeSourceNotFound    = "SourceNotFound"
	TypeSourceDenied      = "SourceDenied"
	TypeSourceCorrupt     = "SourceCorrupt"
	TypeSourceInvalid     = "SourceInvalid"
	TypeSourceMismatch    = "SourceMismatch"
	TypeSourceFault       = "SourceFault"
	TypeSourceQuota       = "SourceQuota"
	TypeSourceOpen        = "SourceOpen"
)

// The types the workflows themselves end with.
const (
	TypeSessionMissing = "SessionMissing"
	TypeNoWorker       = "NoWorker"
	TypeTimedOut       = "TimedOut"
)

// TypeModelFailed fails nothing: it is recorded for an update that is complete except for one model's forecast.
const TypeModelFailed = "ModelFailed"

// TypeHeldClose fails nothing: it is recorded for an update that is complete, but whose new price is held.
const TypeHeldClose = "HeldClose"

const (
	// SourceAttempts is how many attempts a source that is down or busy gets before the next source. With the waits between
	// them (2 s, 6 s, 18 s) they outlast a restart of the source.
	SourceAttempts = 4
	// conflictAttempts: each lost race means another writer won, and no ETF has twenty writers.
	conflictAttempts = 20
	// internalAttempts: our own bugs seldom go away on a retry, but a crash in a dependency may.
	internalAttempts = 3
	// timedOutAttempts: a step that takes too long because of its data will do so again; one that was slow because of the
	// load may not.
	timedOutAttempts = 3
	// ShortWait is how long a source is always waited for, even if the exchange closes soon.
	ShortWait = time.Minute
	// longestRetryAfter is the longest Retry-After that is honoured.
	longestRetryAfter = time.Hour
	// errorText bounds messages, in bytes. They are kept in histories and in the runs table: fifty of them in one batch of
	// outcomes stay within 32 KB.
	errorText = 300
)

// ErrorType documents one error type for operators; docs/operations.md has a table generated from ErrorTypes.
type ErrorType struct {
	Name    string
	Meaning string
	// Retried says how it was retried before the operator sees it.
	Retried string
	// Remedy is what the operator does about it.
	Remedy string
}

// ErrorTypes lists every error type that a workflow or activity can end with or a run can record, in the order of the
// documentation.
func ErrorTypes() []ErrorType {
	return slices.Clone(errorTypes)
}

var errorTypes = []ErrorType{
	{TypeSessionMissing, "No source has a price for the session yet. The other rows are stored; there is no forecast.",
		"every source, after its own waits (up to 1 h 40 min)", "Nothing: the next session's update fills the gap. To have it sooner, run the session again with `--rerun` once the provider has it. Check that the ETF still trades."},
	{TypeSourceUnavailable, "The source is down or slow, or its response was cut off.",
		"4 attempts within half a minute, then the next source", "Wait, then run the session again. If the error persists, check the network and the provider's status, and add a second source."},
	{TypeSourceRateLimited, "The source refuses because it gets too many requests.",
		"4 attempts, each after the wait the source asked for, then the next source", "Lower the source's rate (`--source-rate`), or wait until its quota resets."},
	{TypeSourceNotFound, "The source does not know the reference.",
		"no; the next source at once", "Correct the ETF's reference for this source (`etfcast etf edit`). An ETF that was delisted can be retired (`etfcast etf retire`)."},
	{TypeSourceDenied, "The key is missing or wrong, the plan does not cover the request, or the source returned a challenge page.",
		"no; the next source at once", "Check the key and the plan, then run the session again."},
	{TypeSourceCorrupt, "The response can't be parsed, or it exceeds a limit (docs/limits.md); the message says where and which.",
		"no; the next source at once", "For a file, correct the line named. For a provider, look at the stored raw response: the format may have changed."},
	{TypeSourceInvalid, "The source rejects the request as invalid.",
		"no; the next source at once", "Correct the ETF's reference (`etfcast etf edit`) or the session requested."},
	{TypeSourceMismatch, "The response's price basis or currency differs from the stored series.",
		"no; the next source at once", "Name only sources with the same basis (`etfcast etf edit`), or register the series under another symbol."},
	{TypeSourceFault, "The adapter has a bug.",
		"no; the next source at once", "Report it with the message and the workflow's history."},
	{TypeSourceQuota, "The source's daily quota of requests is used up; the message says until when.",
		"no; the next source at once. A backfill waits until the quota is renewed", "Nothing: a later run has it again. `etfcast source show NAME` shows what is left; `--source-quota` sets the limit that your plan has."},
	{TypeSourceOpen, "The source has failed so often that it is not asked for now: its circuit breaker is open.",
		"no; the next source at once", "Nothing: the source is tried again after a while. `etfcast source show NAME` shows why it failed and when that is."},
	{TypeNoWorker, "No worker polled the source's task queue for 4 hours.",
		"the next source", "Start a worker with this source. The Web UI lists the pollers of a task queue."},
	{TypeModelFailed, "One model made no forecast; the message says which and why. Everything else is stored, including the benchmark's forecast, and the outcome is the same as without the error.",
		"no: the model would fail again on the same data", "Report it with the message, the ETF and the session. Once a version fixes the model, run the session again with `--rerun`."},
	{TypeHeldClose, "The session's price is held: nothing explains so large a move yet, or the session was not over. It is stored but not used; the forecasts are made from the last believed price and marked held.",
		"no", "Nothing: the next session decides, and at the end of a run over the whole exchange the moves of the other ETFs may. To decide sooner, look at the finding in the message (`etfcast finding list --all`)."},
	{TypeUnavailable, "The database is down, restarting or overloaded.",
		"for a day, every 4 s", "Bring the database back; within that day nothing has to be restarted."},
	{TypeConflict, "Another writer was faster, or the data differ from what is stored.",
		"20 attempts, each from the start of the step", "Look for two runs of the same ETF. If the message is about a decision, the finding was already decided."},
	{TypeInvalid, "The request is wrong; the message names the field and the remedy.",
		"no", "Do what the message says and start it again."},
	{TypeNotFound, "Something the request names does not exist, or no longer does.",
		"no", "Register the ETF named, or remove it from the request."},
	{TypeRateLimited, "A service other than a source refuses because it gets too many requests.",
		"after the wait asked for", "Wait, or lower the worker's concurrency."},
	{TypeDenied, "The database refuses the user.",
		"no", "Check ETFCAST_MYSQL_DSN and the grants (`etfcast migrate --grant USER`, `etfcast doctor`)."},
	{TypeCorrupt, "Stored data can't be read.",
		"no", "Run `etfcast doctor`; restore the rows named from a backup or fetch them again."},
	{TypeInternal, "A bug in etfcast.",
		"3 attempts", "Report it with the message and the workflow's history."},
	{TypeTimedOut, "A step took longer than allowed, every time, although the database answered.",
		"3 attempts", "For one ETF, look at its file or response: it has probably more rows than an ETF has sessions. For many, check the load on the database and the workers. Then run the session again."},
}

// ErrorDetail is the first detail of every application error made here.
type ErrorDetail struct {
	Attempt int32  `json:"attempt"`
	Field   string `json:"field,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	// RetryAt is when another attempt is worth making: a quota is renewed, or a breaker lets a request through. Zero if that is not known.
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// IsSourceError reports whether an error type concerns one source only, so that the next source is worth trying.
func IsSourceError(errorType string) bool {
	switch errorType {
	case TypeSourceUnavailable, TypeSourceRateLimited, TypeSourceNotFound, TypeSourceDenied, TypeSourceCorrupt,
		TypeSourceInvalid, TypeSourceMismatch, TypeSourceFault, TypeSourceQuota, TypeSourceOpen:
		return true
	}
	return false
}

// errWorkerStopping is retried by another worker, or by this one after a restart.
var errWorkerStopping = &etf.Error{Kind: etf.KindUnavailable, Message: "the worker is stopping"}

// sourceError is an error of one source: it becomes one of the TypeSource... types.
type sourceError struct {
	source   string
	mismatch bool // the response can't continue the stored series
	open     bool // its breaker is open: it was not asked
	// A source that asks to wait beyond until is not waited for, if until is set.
	until, now time.Time
	err        error
}

// Error returns the cause's text, beginning with the source's name.
func (e *sourceError) Error() string {
	text := e.err.Error()
	if strings.HasPrefix(text, e.source) { // an adapter that names the reference also names itself
		return text
	}
	return e.source + ": " + text
}

// tooLate reports whether the source must not be waited for that long.
func (e *sourceError) tooLate(wait time.Duration) bool {
	return wait > ShortWait && !e.until.IsZero() && e.now.Add(wait).After(e.until)
}

// Unwrap returns the cause.
func (e *sourceError) Unwrap() error { return e.err }

// reason is why an attempt failed, as far as the number of attempts depends on it. It is part of what heartbeats carry.
type reason string

const (
	hopeless reason = ""         // another attempt would fail again
	outage   reason = "outage"   // the database or the worker: waited for until the activity's own time limit
	refusal  reason = "refusal"  // the source is down or busy
	lostRace reason = "conflict" // another writer won
	bug      reason = "internal"
	overrun  reason = "timeout" // the attempt used all of its time
)

// allowances are how many attempts may fail for each reason, and how long to wait after each.
var allowances = map[reason]struct {
	attempts       int32
	first, longest time.Duration
	factor         int
}{
	// Whoever waits for the database goes on within seconds of its return.
	outage:   {math.MaxInt32, 500 * time.Millisecond, 4 * time.Second, 2},
	refusal:  {SourceAttempts, 2 * time.Second, 2 * time.Minute, 3},
	lostRace: {conflictAttempts, 500 * time.Millisecond, 30 * time.Second, 2},
	bug:      {internalAttempts, 2 * time.Second, 30 * time.Second, 3},
	overrun:  {timedOutAttempts, 2 * time.Second, 30 * time.Second, 3},
}

// pause returns the wait after the n-th attempt that failed for the reason.
func (r reason) pause(n int32) time.Duration {
	a := allowances[r]
	pause := a.first
	for ; n > 1 && pause < a.longest; n-- {
		pause *= time.Duration(a.factor)
	}
	return min(pause, a.longest)
}

// spent counts the failed attempts of an activity by reason, except for outages. Temporal's own count is not used: an
// attempt lost to the database or to a killed worker must not cost the source one of its attempts. Heartbeats carry spent
// from one attempt to the next. If the worker is killed before the last of them was sent, at most one failure is forgotten.
type spent map[reason]int32

// failed counts one more failure and reports whether another attempt is allowed.
func (s spent) failed(r reason) (retry bool) {
	if r != outage {
		s[r]++
	}
	return s[r] < allowances[r].attempts
}

// pause returns the wait before the next attempt, after the given one failed for the reason.
func (s spent) pause(r reason, attempt int32) time.Duration {
	if r != outage {
		return r.pause(s[r])
	}
	for _, n := range s { // outages are those of the attempts that count as nothing else
		attempt -= n
	}
	return r.pause(attempt)
}

// translation is the type an error becomes, and the reason it counts as.
type translation struct {
	errorType string
	reason    reason
}

// translations are for errors of the database, the pure packages and the request itself.
var translations = map[etf.Kind]translation{
	etf.KindUnavailable: {TypeUnavailable, outage},
	etf.KindRateLimited: {TypeRateLimited, outage},
	etf.KindConflict:    {TypeConflict, lostRace},
	etf.KindInvalid:     {TypeInvalid, hopeless},
	etf.KindNotFound:    {TypeNotFound, hopeless},
	etf.KindDenied:      {TypeDenied, hopeless},
	etf.KindCorrupt:     {TypeCorrupt, hopeless},
	etf.KindInternal:    {TypeInternal, bug},
}

// sourceTranslations are for errors of a source.
var sourceTranslations = map[etf.Kind]translation{
	etf.KindUnavailable: {TypeSourceUnavailable, refusal},
	etf.KindRateLimited: {TypeSourceRateLimited, refusal},
	etf.KindConflict:    {TypeSourceFault, hopeless},
	etf.KindInvalid:     {TypeSourceInvalid, hopeless},
	etf.KindNotFound:    {TypeSourceNotFound, hopeless},
	etf.KindDenied:      {TypeSourceDenied, hopeless},
	etf.KindCorrupt:     {TypeSourceCorrupt, hopeless},
	etf.KindInternal:    {TypeSourceFault, hopeless},
}

// KindOf returns the kind of the errors that become the given type; KindInternal for the types of sources and of the
// workflows themselves. Clients of the workflows use it to reverse translate.
func KindOf(errorType string) etf.Kind {
	for kind, t := range translations {
		if t.errorType == errorType {
			return kind
		}
	}
	return etf.KindInternal
}

// errOverran is the cause of the end of an attempt that has used all of its time.
var errOverran = errors.New("out of time")

// errTooSlow is what such an attempt ends with.
var errTooSlow = &etf.Error{Kind: etf.KindInternal, Message: "the step took longer than allowed",
	Remedy: "check whether the ETF's response has far more rows than an ETF has sessions, and the load on the database"}

// translate turns the error returned by an attempt of an activity into what the workflow sees: an application error, or
// the cancellation the workflow requested. An application error is left unchanged. ctx is the activity's context; overran
// says that the attempt used all of its time. The failure is counted in s.
func (s spent) translate(ctx context.Context, err error, attempt int32, overran bool) error {
	switch {
	case ctx.Err() == nil:
	case temporal.IsCanceledError(context.Cause(ctx)):
		return ctx.Err() // the workflow cancelled it
	case overran:
		return s.appError(errTooSlow, translation{TypeTimedOut, overrun}, attempt, s.failed(overrun))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err := &etf.Error{Kind: etf.KindUnavailable, Message: "the activity ran out of time"}
		return s.appError(err, translation{TypeUnavailable, outage}, attempt, true)
	default:
		return s.appError(errWorkerStopping, translation{TypeUnavailable, outage}, attempt, true) // whatever error the activity returned
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app
	}
	to := translationOf(err)
	return s.appError(err, to, attempt, s.failed(to.reason))
}

func translationOf(err error) translation {
	kind := etf.KindOf(err)
	if _, known := translations[kind]; !known {
		kind = etf.KindInternal
	}
	var source *sourceError
	if !errors.As(err, &source) {
		return translations[kind]
	}
	if source.mismatch {
		return translation{TypeSourceMismatch, hopeless}
	}
	if source.open {
		return translation{TypeSourceOpen, hopeless}
	}
	var e *etf.Error
	if errors.As(err, &e) && !e.Until.IsZero() {
		return translation{TypeSourceQuota, hopeless}
	}
	if errors.As(err, &e) && e.RetryAfter > 0 && (e.RetryAfter > longestRetryAfter || source.tooLate(e.RetryAfter)) {
		return translation{sourceTranslations[kind].errorType, hopeless}
	}
	return sourceTranslations[kind]
}

func (s spent) appError(err error, to translation, attempt int32, retry bool) error {
	detail := ErrorDetail{Attempt: attempt}
	options := temporal.ApplicationErrorOptions{NonRetryable: !retry}
	if retry {
		options.NextRetryDelay = s.pause(to.reason, attempt)
	}
	var e *etf.Error
	if errors.As(err, &e) {
		detail.Field, detail.Remedy, detail.RetryAt = etf.Clip(e.Field, 100), etf.Clip(e.Remedy, 200), e.Until
		if retry && e.RetryAfter > 0 {
			options.NextRetryDelay = min(e.RetryAfter, longestRetryAfter)
		}
	}
	options.Details = []any{detail}
	return temporal.NewApplicationErrorWithOptions(etf.Clip(err.Error(), errorText), to.errorType, options)
}

// SourceErrorType returns the type that a source's error becomes.
func SourceErrorType(err error) string { return translationOf(&sourceError{err: err}).errorType }
