package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// readTimeout is for what only reads the database, which responds in milliseconds or, on a connection that broke
	// unnoticed, never.
	readTimeout = 5 * time.Second
	// temporalTimeout is for reads that also ask Temporal, whose calls have limits of their own.
	temporalTimeout = 10 * time.Second
	// requestTimeout is for everything that changes something.
	requestTimeout = 30 * time.Second
	// exportTimeout is for CSV exports of any length.
	exportTimeout = 10 * time.Minute

	barsRoute = "/v1/etfs/:symbol/bars"
)

// statusClientGone is logged for a client that disconnected before the response.
const statusClientGone = 499

type requestInfo struct {
	id        string
	accept    string
	encodings string // Accept-Encoding
	head      bool
}

type requestInfoKey struct{}

func infoOf(ctx context.Context) requestInfo {
	info, _ := ctx.Value(requestInfoKey{}).(requestInfo)
	return info
}

var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identified gives every request an ID and returns it in the response: the client's own if it is well-formed, otherwise
// a random one.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := requestInfo{
			id: r.Header.Get("X-Request-Id"), accept: strings.Join(r.Header.Values("Accept"), ","),
			encodings: strings.Join(r.Header.Values("Accept-Encoding"), ","), head: r.Method == http.MethodHead,
		}
		if !requestIDForm.MatchString(info.id) {
			var b [8]byte
			_, _ = rand.Read(b[:]) // never fails
			info.id = hex.EncodeToString(b[:])
		}
		w.Header().Set("X-Request-Id", info.id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestInfoKey{}, info)))
	})
}

// normalised makes equivalent requests look the same to the router: HEAD becomes GET (net/http omits the body), one
// trailing slash is dropped, unnecessary escapes are decoded, and repeated If-None-Match headers are joined.
func normalised(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := r
		r = r.Clone(r.Context())
		// Cloning must not replace the body: the server watches the original.
		r.Body = in.Body
		if r.Method == http.MethodHead {
			r.Method = http.MethodGet
		}
		if etags := r.Header.Values("If-None-Match"); len(etags) > 1 {
			r.Header.Set("If-None-Match", strings.Join(etags, ","))
		}
		r.URL = normalisedURL(r.URL)
		next.ServeHTTP(w, r)
	})
}

func normalisedURL(in *url.URL) *url.URL {
	u := *in
	if u.RawPath != "" && !strings.Contains(strings.ToUpper(u.RawPath), "%2F") {
		u.RawPath = ""
	}
	if len(u.Path) > 1 && strings.HasSuffix(u.Path, "/") && (u.RawPath == "" || strings.HasSuffix(u.RawPath, "/")) {
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	}
	return &u
}

// observe wraps every handler: it turns errors and panics into problem documents, and counts and logs
// the request.
func (s *server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		r, w := c.Request(), c.Response()
		ctx := r.Context()
		w.Before(func() { cacheHeaders(w.Header(), c.Path()) })

		err := recovered(next, c)
		status := w.Status
		abort := false
		switch {
		case err == nil:
		case w.Committed:
			abort = true // the status line said 200: only a broken connection can signal the failure
		default:
			if class, _ := classify(err); class.name == problemIntegrity.name {
				s.metrics.integrity.Inc()
			}
			if errors.Is(err, echo.ErrMethodNotAllowed) {
				allowHead(w.Header())
			}
			writing := error(nil)
			if errors.Is(err, echo.ErrNotFound) && wantsPage(r) {
				writing = writeUnknownPage(w)
			} else {
				writing = writeProblem(w, r, infoOf(ctx).id, err)
			}
			if writing != nil {
				err = errors.Join(err, writing)
			}
			status = w.Status
			if errors.Is(r.Context().Err(), context.Canceled) {
				status = statusClientGone // a half-closed connection looks the same, so the response was written anyway
			}
		}
		s.metrics.observe(r.Method, c.Path(), status, time.Since(start))
		s.logRequest(ctx, c, status, time.Since(start), err)
		if abort {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

// cacheHeaders lets caches store only what has an ETag, and makes them revalidate it each time; the dashboard's files say
// themselves how long they last.
func cacheHeaders(h http.Header, route string) {
	if h.Get("Cache-Control") != "" {
		return
	}
	h.Set("Cache-Control", "no-store")
	if h.Get("ETag") != "" {
		h.Set("Cache-Control", "no-cache")
	}
	if route == barsRoute {
		h.Set("Vary", "Accept")
	}
}

// allowHead adds HEAD to the router's list wherever GET is allowed.
func allowHead(h http.Header) {
	if allow := h.Get("Allow"); strings.Contains(allow, "GET") {
		h.Set("Allow", allow+", HEAD")
	}
}

// panicError is a recovered panic.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func recovered(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(v)
			}
			err = &panicError{v, debug.Stack()}
		}
	}()
	return next(c)
}

func (s *server) logRequest(ctx context.Context, c echo.Context, status int, took time.Duration, err error) {
	level := slog.LevelInfo
	switch route := c.Path(); {
	case status >= 500 && route != "/readyz":
		level = slog.LevelError
	case route == "/healthz", route == "/readyz", route == "/metrics":
		level = slog.LevelDebug
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	r := c.Request()
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.Int64("bytes", c.Response().Size), slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr), slog.String("request_id", infoOf(ctx).id),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	var p *panicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
}
