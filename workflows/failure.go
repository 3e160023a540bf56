package workflows

import (
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// failure is what a workflow knows about an activity or child that did not succeed. Decisions depend on Type only.
type failure struct {
	Type    string
	Message string
	Attempt int
	RetryAt time.Time // when another attempt is worth making; zero if that is not known
}

// failureOf reads an activity's or a child's error. A cancellation is not a failure: check temporal.IsCanceledError
// first.
func failureOf(err error) failure {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		f := failure{Type: app.Type(), Message: app.Message()}
		var detail activities.ErrorDetail
		if app.HasDetails() && app.Details(&detail) == nil {
			f.Attempt, f.RetryAt = int(detail.Attempt), detail.RetryAt
		}
		return f
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		if timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
			return failure{Type: activities.TypeNoWorker, Message: "no worker picked up the task in time"}
		}
		// A timeout of all attempts together wraps the last attempt's failure, if it failed.
		if cause := errors.Unwrap(timeout); cause != nil {
			if f := failureOf(cause); f.Type != activities.TypeInternal {
				return f
			}
		}
		return failure{Type: activities.TypeTimedOut, Message: "no attempt finished in time"}
	}
	return failure{Type: activities.TypeInternal, Message: etf.Clip(err.Error(), 500)}
}

// nextSource reports whether another source is worth trying.
func (f failure) nextSource() bool {
	return activities.IsSourceError(f.Type) || f.Type == activities.TypeNoWorker
}

// updateError ends an update as failed, so that the Web UI shows it as failed. Its detail is the etf.RunETF, from which
// the parent reads how far it got.
func updateError(r etf.RunETF) error {
	return temporal.NewApplicationErrorWithOptions(r.ErrorMessage, r.ErrorType, temporal.ApplicationErrorOptions{
		NonRetryable: true,
		Details:      []any{r},
	})
}

// runStatusOf reads how a child daily run ended.
func runStatusOf(err error) etf.RunStatus {
	var terminated *temporal.TerminatedError
	var timeout *temporal.TimeoutError
	switch {
	case err == nil:
		return etf.RunCompleted
	case temporal.IsCanceledError(err):
		return etf.RunCancelled
	case errors.As(err, &terminated):
		return etf.RunTerminated
	case errors.As(err, &timeout):
		return etf.RunTimedOut
	default:
		return etf.RunFailed
	}
}

// ErrorOf turns the application error of one of our workflows, queries or updates back into an error of its kind, with its field and
// remedy, or returns nil if err is not an application error. Long texts may be clipped.
func ErrorOf(err error) error {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return nil
	}
	e := &etf.Error{Kind: activities.KindOf(app.Type()), Message: app.Message()}
	var detail activities.ErrorDetail
	if !app.HasDetails() || app.Details(&detail) != nil {
		return e
	}
	e.Field, e.Remedy = detail.Field, detail.Remedy
	// The message is that of etf.Error: "field: message; remedy".
	if e.Field != "" {
		e.Message = strings.TrimPrefix(e.Message, e.Field+": ")
	}
	if e.Remedy != "" {
		begin := "; " + e.Remedy[:min(len(e.Remedy), 40)] // the ends may be clipped
		if i := strings.LastIndex(e.Message, begin); i > 0 {
			if text := e.Message[i+len("; "):]; len(text) > len(e.Remedy) {
				e.Remedy = text
			}
			e.Message = e.Message[:i]
		}
	}
	return e
}
