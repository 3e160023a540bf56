package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// problemClass is one type of problem document. Its name is the last part of the type's URI and never changes.
type problemClass struct {
	name   string
	status int
	title  string
	about  string // for whoever looks the type up
}

var (
	problemInvalid = problemClass{"invalid-request", http.StatusBadRequest, "The request is not valid",
		"Something in the request is wrong. `errors` names every field, parameter or header at fault, what is wrong and what to write instead. Nothing was done; the same request will always be refused."}
	problemForbidden = problemClass{"cross-origin", http.StatusForbidden, "The request comes from another site's page",
		"A browser sent this on behalf of a page of another origin. Only pages of this server, and clients that are no browsers, may change anything."}
	problemNotFound = problemClass{"not-found", http.StatusNotFound, "There is no such thing",
		"The path, or what its ID names, does not exist. The remedy says how to find or make it."}
	problemMethod = problemClass{"method-not-allowed", http.StatusMethodNotAllowed, "The path does not know this method",
		"The header Allow lists the methods the path knows."}
	problemAccept = problemClass{"not-acceptable", http.StatusNotAcceptable, "None of the media types asked for can be given",
		"The header Accept excludes every media type there is for this path. The remedy lists them."}
	problemConflict = problemClass{"conflict", http.StatusConflict, "The request contradicts what is there",
		"What is stored or running rules the request out, for example another registration of the same symbol, or cancelling a run that has ended."}
	problemTooLarge = problemClass{"body-too-large", http.StatusRequestEntityTooLarge, "The body is too large",
		"A body may have 1 MiB. Nothing was done."}
	problemMediaType = problemClass{"unsupported-media-type", http.StatusUnsupportedMediaType, "The body has the wrong media type",
		"Send the body as JSON with the header Content-Type: application/json."}
	problemRate = problemClass{"rate-limited", http.StatusTooManyRequests, "Asked too often",
		"Wait for the number of seconds in the header Retry-After."}
	problemInternal = problemClass{"internal", http.StatusInternalServerError, "Something went wrong on this side",
		"A fault of the service. Its log has the cause under the problem's request_id."}
	problemUnavailable = problemClass{"unavailable", http.StatusServiceUnavailable, "A service this needs can't be reached now",
		"The database or Temporal is down or starting. Nothing was lost; ask again after the number of seconds in the header Retry-After. GET /readyz says what is awaited."}

	problemClasses = []problemClass{
		problemInvalid, problemForbidden, problemNotFound, problemMethod, problemAccept, problemConflict,
		problemTooLarge, problemMediaType, problemRate, problemInternal, problemUnavailable,
	}
)

// retryAfter is what a client is told to wait while something is down.
const retryAfter = 5 * time.Second

// httpError is an error of HTTP itself, which the kinds of package etf have no word for.
type httpError struct {
	class problemClass
	cause *etf.Error
}

func (e *httpError) Error() string { return e.cause.Error() }

func refuse(class problemClass, field, message, remedy string) error {
	return &httpError{class, etf.Invalid(field, message, remedy)}
}

// problemOf is the one bridge from errors to problem documents. What a client did wrong is told in full; what went
// wrong here is not: the log has it.
func problemOf(err error) (p gen.Problem, wait time.Duration) {
	class, causes := classify(err)
	p = gen.Problem{Type: "/problems/" + class.name, Title: class.title, Status: class.status}
	switch class.name {
	case problemInternal.name:
		p.Detail = "the log has the cause under this request_id"
		return p, 0
	case problemUnavailable.name:
		wait = retryAfter
	case problemRate.name:
		wait = max(causes[0].RetryAfter, time.Second)
	}
	var details []string
	var fields []gen.FieldError
	for _, e := range causes {
		details = append(details, e.Detail())
		if e.Field != "" {
			f := gen.FieldError{Field: e.Field, Message: e.Message}
			if e.Remedy != "" {
				f.Remedy = &e.Remedy
			}
			fields = append(fields, f)
		}
	}
	p.Detail = etf.Clip(strings.Join(details, "; "), 2000)
	if fields != nil {
		p.Errors = &fields
	}
	return p, wait
}

// classify finds the class of a problem and the errors it tells of. causes is never empty, except for an internal
// problem.
func classify(err error) (problemClass, []*etf.Error) {
	var h *httpError
	if errors.As(err, &h) {
		return h.class, []*etf.Error{h.cause}
	}
	var framework *echo.HTTPError
	if errors.As(err, &framework) {
		return classifyEcho(framework)
	}
	causes := etf.Errors(err)
	if len(causes) == 0 {
		if errors.Is(err, context.DeadlineExceeded) {
			return problemUnavailable, []*etf.Error{{Kind: etf.KindUnavailable, Message: "the answer took too long"}}
		}
		return problemInternal, nil
	}
	switch causes[0].Kind {
	case etf.KindInvalid:
		return problemInvalid, causes
	case etf.KindNotFound:
		return problemNotFound, causes
	case etf.KindConflict:
		return problemConflict, causes
	case etf.KindUnavailable:
		return problemUnavailable, []*etf.Error{unavailable(causes[0])}
	case etf.KindRateLimited:
		return problemRate, causes
	case etf.KindDenied:
		// The caller did nothing wrong: this service has not been given its rights, as before the first migration.
		return problemUnavailable, []*etf.Error{{Kind: etf.KindUnavailable, Message: "the database or Temporal refuses this service; /readyz says what it waits for"}}
	}
	return problemInternal, nil
}

// unavailable says that something is out of reach where an adapter only says what it was doing.
func unavailable(e *etf.Error) *etf.Error {
	if e.Remedy != "" || e.Err == nil {
		return e
	}
	c := *e
	c.Message, c.Remedy = e.Message+": what this needs can't be reached", "GET /readyz says what is awaited"
	return &c
}

func classifyEcho(e *echo.HTTPError) (problemClass, []*etf.Error) {
	told := func(message string) []*etf.Error { return []*etf.Error{{Kind: etf.KindInvalid, Message: message}} }
	switch {
	case e.Code == http.StatusNotFound:
		return problemNotFound, told("there is no such path; GET /openapi.json lists those there are")
	case e.Code == http.StatusMethodNotAllowed:
		return problemMethod, told("the header Allow lists the methods of this path")
	case e.Code >= 400 && e.Code < 500:
		if message, ok := e.Message.(string); ok {
			return problemInvalid, told(message)
		}
		return problemInvalid, told("the request can't be read")
	}
	return problemInternal, nil
}

// writeProblem answers with err's problem document. It returns the error of writing.
func writeProblem(w http.ResponseWriter, r *http.Request, requestID string, err error) error {
	p, wait := problemOf(err)
	p.Instance, p.RequestId = r.URL.Path, requestID
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("ETag")
	if wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	w.WriteHeader(p.Status)
	_, err = w.Write(append(body, '\n'))
	return err
}
