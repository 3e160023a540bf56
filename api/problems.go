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

// problemClass is one type of problem document. Its name is the last segment of the type's URI and never changes.
type problemClass struct {
	name   string
	status int
	title  string
	about  string // the explanation served at the type's URI
}

var (
	problemInvalid = problemClass{"invalid-request", http.StatusBadRequest, "The request is invalid",
		"`errors` names every invalid field, parameter or header, what is wrong with it, and the remedy. Nothing was done; repeating the same request will fail again."}
	problemForbidden = problemClass{"cross-origin", http.StatusForbidden, "The request comes from another site's page",
		"A browser sent this request for a page from another origin. Only pages from this server and clients that are not browsers may change anything."}
	problemOff = problemClass{"not-enabled", http.StatusForbidden, "This installation does not do that",
		"The setting that the request needs is not set. The remedy names it; only the operator can set it."}
	problemHost = problemClass{"host-not-allowed", http.StatusMisdirectedRequest, "The host is not a name of this server",
		"The Host header names neither localhost, nor the server's own address, nor one of its allowed hosts (setting `allowed-hosts`). Refusing it keeps pages of other sites out whose name was made to resolve to this server (DNS rebinding)."}
	problemNotFound = problemClass{"not-found", http.StatusNotFound, "There is no such resource",
		"The path, or the resource its ID names, does not exist. The remedy says how to find or create it."}
	problemMethod = problemClass{"method-not-allowed", http.StatusMethodNotAllowed, "The path does not support this method",
		"The Allow header lists the methods that the path supports."}
	problemAccept = problemClass{"not-acceptable", http.StatusNotAcceptable, "None of the requested media types is available",
		"The Accept header excludes every media type that this path can respond with. The message lists them."}
	problemConflict = problemClass{"conflict", http.StatusConflict, "The request conflicts with the current state",
		"For example, the symbol is already registered with other sources, or the run to cancel has already ended."}
	problemPrecondition = problemClass{"precondition-failed", http.StatusPreconditionFailed, "The resource has changed",
		"The If-Match header names another state of the resource than the current one. Nothing was done: read the resource again."}
	problemTooLarge = problemClass{"body-too-large", http.StatusRequestEntityTooLarge, "The body is too large",
		"The limit is 1 MiB, and 8 MiB for a file of prices (POST /v1/check, POST /v1/files). Nothing was done."}
	problemMediaType = problemClass{"unsupported-media-type", http.StatusUnsupportedMediaType, "The body has the wrong media type",
		"Send JSON with the header Content-Type: application/json; POST /v1/entries takes text/csv too, and POST /v1/check and POST /v1/files take nothing else."}
	problemRate = problemClass{"rate-limited", http.StatusTooManyRequests, "Too many requests",
		"Retry after the number of seconds in the Retry-After header."}
	problemIntegrity = problemClass{"integrity", http.StatusInternalServerError, "What is stored is not as it was issued",
		"The forecast, its points, components or fit no longer match the hash they were issued with, or the ledger no longer matches its own: the database has been changed. The numbers are not shown. The operator has to run `etfcast ledger verify` and compare the database with a backup; repeating the request will fail again."}
	problemInternal = problemClass{"internal", http.StatusInternalServerError, "Internal error",
		"The service failed. Its log has the cause under the problem's request_id."}
	problemUnavailable = problemClass{"unavailable", http.StatusServiceUnavailable, "The database or Temporal can't be reached",
		"The database or Temporal is down or still starting. Nothing was lost; retry after the number of seconds in the Retry-After header. GET /readyz says what the service is waiting for."}
	problemStreams = problemClass{"too-many-streams", http.StatusServiceUnavailable, "Too many streams of events are open",
		"This process serves as many streams as it can. Close those that nobody reads, or connect again after the number of seconds in the Retry-After header."}

	problemClasses = []problemClass{
		problemInvalid, problemForbidden, problemOff, problemHost, problemNotFound, problemMethod, problemAccept, problemConflict,
		problemPrecondition,
		problemTooLarge, problemMediaType, problemRate, problemIntegrity, problemInternal, problemUnavailable, problemStreams,
	}
)

// retryAfter is the Retry-After of a 503.
const retryAfter = 5 * time.Second

// httpError is an HTTP-specific error, for which package etf has no kind.
type httpError struct {
	class problemClass
	cause *etf.Error
}

func (e *httpError) Error() string { return e.cause.Error() }

func refuse(class problemClass, field, message, remedy string) error {
	return &httpError{class, etf.Invalid(field, message, remedy)}
}

// problemOf is the only place where errors become problem documents. Client errors are reported in full; the causes of
// server errors go only to the log.
func problemOf(err error) (p gen.Problem, wait time.Duration) {
	class, causes := classify(err)
	p = gen.Problem{Type: "/problems/" + class.name, Title: class.title, Status: class.status}
	switch class.name {
	case problemInternal.name:
		p.Detail = "the log has the cause under this request_id"
		return p, 0
	case problemUnavailable.name, problemStreams.name:
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

// classify returns the class of a problem and the errors it reports. The errors are empty only for an internal problem.
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
			return problemUnavailable, []*etf.Error{{Kind: etf.KindUnavailable, Message: "the request timed out", Remedy: "retry it"}}
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
	case etf.KindCorrupt:
		if errors.Is(err, etf.ErrAltered) {
			return problemIntegrity, causes[:1]
		}
	case etf.KindDenied:
		// The client did nothing wrong: this service lacks its privileges, as it does before the first migration.
		return problemUnavailable, []*etf.Error{{Kind: etf.KindUnavailable, Message: "the database or Temporal denies this service access", Remedy: "GET /readyz says what it is waiting for"}}
	}
	return problemInternal, nil
}

// unavailable adds that something can't be reached, and a remedy, if the adapter's error only says what it was doing.
func unavailable(e *etf.Error) *etf.Error {
	if e.Remedy != "" || e.Err == nil {
		return e
	}
	c := *e
	c.Message, c.Remedy = e.Message+": the database or Temporal can't be reached", "GET /readyz says what the service is waiting for"
	return &c
}

func classifyEcho(e *echo.HTTPError) (problemClass, []*etf.Error) {
	cause := func(message, remedy string) []*etf.Error {
		return []*etf.Error{{Kind: etf.KindInvalid, Message: message, Remedy: remedy}}
	}
	switch {
	case e.Code == http.StatusNotFound:
		return problemNotFound, cause("there is no such path", "GET /openapi.json lists the paths")
	case e.Code == http.StatusMethodNotAllowed:
		return problemMethod, cause("the path does not support this method", "use one of those in the Allow header")
	case e.Code >= 400 && e.Code < 500:
		if message, ok := e.Message.(string); ok {
			return problemInvalid, cause(message, "")
		}
		return problemInvalid, cause("the request can't be read", "")
	}
	return problemInternal, nil
}

// writeProblem responds with err's problem document. It returns the error of writing it.
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
