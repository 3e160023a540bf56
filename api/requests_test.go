package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"/nothing", "/v1", "/v1/etf", "/v1/etfs/SPY/prices", "/v2/etfs", "/healthz/x", "/problems/none", "/../etc/passwd"} {
		a := f.get(path)
		if a.status != http.StatusNotFound {
			t.Errorf("%s responds %d", path, a.status)
		}
	}
	for _, tc := range []struct{ method, path, allow string }{
		{http.MethodDelete, "/v1/etfs", "OPTIONS, GET, POST, HEAD"},
		{http.MethodPut, "/v1/etfs/SPY", "OPTIONS, GET, PATCH, HEAD"},
		{http.MethodGet, "/v1/schedules/daily-XNYS/pause", "OPTIONS, POST"},
		{http.MethodHead, "/v1/runs/daily:XNYS:2025-09-26/cancel", "OPTIONS, POST"},
		{http.MethodPost, "/healthz", "OPTIONS, GET, HEAD"},
		{http.MethodPatch, "/metrics", "OPTIONS, GET, HEAD"},
		{"BREW", "/v1/runs", "OPTIONS, GET, POST, HEAD"},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), tc.method, f.server.URL+tc.path, nil)
		resp, err := f.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		quietly(resp.Body)
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d, Allow %q, want %q", tc.method, tc.path, resp.StatusCode, resp.Header.Get("Allow"), tc.allow)
		}
		if tc.method != http.MethodHead {
			checkProblem(t, response{resp.StatusCode, resp.Header, body})
		}
	}
	if a := f.send(http.MethodOptions, "/v1/etfs", ""); a.status != http.StatusNoContent || a.header.Get("Allow") == "" {
		t.Errorf("OPTIONS: %d %v", a.status, a.header)
	}
}

func TestSameResourceHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.post("/v1/runs", friday)
	for _, path := range []string{"/v1/etfs/SPY", "/v1/etfs/SPY/", "/v1/etfs/%53PY", "/%76%31/etfs/SPY", "/v1/etfs/S%50Y/"} {
		f.get(path).want(t, http.StatusOK)
	}
	for _, path := range []string{"/v1/runs/daily:XNYS:2025-09-26", "/v1/runs/daily%3AXNYS%3a2025-09-26", "/v1/runs/daily%3AXNYS%3A2025-09-26/"} {
		f.get(path).want(t, http.StatusOK)
	}
	f.get("/v1/etfs/").want(t, http.StatusOK)
	f.get("/v1/etfs//").want(t, http.StatusNotFound) // no route has an empty symbol
	f.get("/v1/runs/daily%2FXNYS%2F2025-09-26").wantProblem(t, http.StatusBadRequest, "id")
}

func TestHead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	for _, path := range []string{"/v1/etfs/SPY", "/v1/etfs", "/healthz", "/openapi.json", "/", "/metrics"} {
		// The client asks by itself for compressed bodies, which have another ETag, unless there is to be none.
		plain := header("Accept-Encoding", "identity")
		get, head := f.get(path, plain), f.send(http.MethodHead, path, "", plain)
		if head.status != http.StatusOK || len(head.body) != 0 || head.header.Get("Content-Type") != get.header.Get("Content-Type") ||
			head.header.Get("ETag") != get.header.Get("ETag") {
			t.Errorf("HEAD %s: %d %v, GET has %v", path, head.status, head.header, get.header)
		}
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, f.server.URL+"/v1/etfs/ZZZ", nil)
	resp, err := f.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	quietly(resp.Body)
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of an unknown ETF: %d", resp.StatusCode)
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, media := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/v1/etfs", strings.NewReader(spy))
		r.Header.Set("Content-Type", media)
		if a := f.do(r); a.status > 201 {
			t.Errorf("%s: %d", media, a.status)
		}
	}
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "json", "application/problem+json"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/v1/runs", strings.NewReader(friday))
		if media != "" {
			r.Header.Set("Content-Type", media)
		}
		f.do(r).wantProblem(t, http.StatusUnsupportedMediaType, "Content-Type")
	}
	if f.starts() != 0 {
		t.Error("a run was started")
	}
}

// raw sends what write writes over a new connection and returns the response, which must arrive even though the client
// reads nothing until it has sent everything.
func (f *fixture) raw(write func(io.Writer) error) (status int, closed bool, body []byte) {
	f.t.Helper()
	address, _ := url.Parse(f.server.URL)
	var d net.Dialer
	conn, err := d.DialContext(f.t.Context(), "tcp", address.Host)
	if err != nil {
		f.t.Fatal(err)
	}
	defer quietly(conn)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := write(conn); err != nil {
		f.t.Fatalf("sending: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		f.t.Fatalf("no response: %v", err)
	}
	defer quietly(resp.Body)
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatalf("incomplete response: %v", err)
	}
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		checkProblem(f.t, response{resp.StatusCode, resp.Header, body})
	}
	return resp.StatusCode, resp.Close, body
}

func TestOversizedBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pad := func(n int) string { return `{"symbol":"` + strings.Repeat("A", n-13) + `"}` }
	plain := func(path string, n int) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, n, pad(n))
			return err
		}
	}
	chunked := func(path string, n int) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", path)
			for body := pad(n); err == nil && body != ""; {
				k := min(len(body), 32<<10)
				_, err = fmt.Fprintf(w, "%x\r\n%s\r\n", k, body[:k])
				body = body[k:]
			}
			if err == nil {
				_, err = io.WriteString(w, "0\r\n\r\n")
			}
			return err
		}
	}
	for _, tc := range []struct {
		name   string
		write  func(io.Writer) error
		status int
	}{
		{"1 MiB", plain("/v1/etfs", 1<<20), 400},
		{"1 MiB in chunks", chunked("/v1/etfs", 1<<20), 400},
		{"1 MiB and a byte", plain("/v1/etfs", 1<<20+1), 413},
		{"1 MiB and a byte in chunks", chunked("/v1/runs", 1<<20+1), 413},
		{"15 MiB", plain("/v1/runs", 15<<20), 413},
		{"15 MiB in chunks", chunked("/v1/etfs", 15<<20), 413},
		{"15 MiB in chunks to a path that takes no body", chunked("/v1/schedules/daily-XNYS/pause", 15<<20), 413},
		{"3 MiB in chunks to an unknown path", chunked("/nothing", 3<<20), 404},
		{"3 MiB to a wrong method", chunked("/healthz", 3<<20), 405},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fixture{t: t, server: f.server, router: f.router}
			status, _, body := f.raw(tc.write)
			if status != tc.status {
				t.Errorf("status %d, want %d: %s", status, tc.status, body)
			}
		})
	}
	t.Run("Expect: 100-continue", func(t *testing.T) {
		f := &fixture{t: t, server: f.server, router: f.router}
		status, closed, _ := f.raw(func(w io.Writer) error {
			_, err := io.WriteString(w, "POST /v1/etfs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 99000000\r\n\r\n")
			return err
		})
		if status != 413 || !closed {
			t.Errorf("status %d, closed %v; want 413 at once and the connection closed", status, closed)
		}
	})
	t.Run("body shorter than Content-Length", func(t *testing.T) {
		f := &fixture{t: t, server: f.server, router: f.router}
		status, _, _ := f.raw(func(w io.Writer) error {
			_, err := io.WriteString(w, "POST /v1/etfs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{}")
			if err == nil {
				err = w.(*net.TCPConn).CloseWrite()
			}
			return err
		})
		if status != 400 {
			t.Errorf("status %d, want 400", status)
		}
	})
}

// The server reads 16 MiB of an endless body and then closes the connection.
func TestEndlessBodyIsCut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const all = 64 << 20
	sent, done := 0, make(chan struct{})
	reader, writer := io.Pipe()
	go func() {
		defer close(done)
		chunk := make([]byte, 64<<10)
		for sent < all {
			n, err := writer.Write(chunk)
			sent += n
			if err != nil {
				return
			}
		}
		_ = writer.Close()
	}()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/v1/runs", reader)
	r.Header.Set("Content-Type", "application/json")
	resp, err := f.server.Client().Do(r)
	_ = reader.Close()
	<-done
	if sent == all {
		t.Errorf("the server read all %d bytes", sent)
	}
	// The client sees either the response or the closed connection.
	if err == nil {
		quietly(resp.Body)
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
}

func TestCrossOriginIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.post("/v1/runs", friday, header("Sec-Fetch-Site", "cross-site"), header("Origin", "http://evil.example"))
	a.wantProblem(t, http.StatusForbidden, "Origin")
	if f.starts() != 0 {
		t.Error("a run was started")
	}
	f.get("/v1/etfs", header("Sec-Fetch-Site", "cross-site")).want(t, http.StatusOK)
	f.post("/v1/runs", friday, header("Sec-Fetch-Site", "same-origin"), header("Origin", f.server.URL)).want(t, http.StatusAccepted)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if got := f.get("/healthz", header("X-Request-Id", "my-id.1")).header.Get("X-Request-Id"); got != "my-id.1" {
		t.Errorf("request ID %q", got)
	}
	one, two := f.get("/healthz").header.Get("X-Request-Id"), f.get("/healthz", header("X-Request-Id", "a b\"")).header.Get("X-Request-Id")
	if len(one) != 16 || len(two) != 16 || one == two {
		t.Errorf("request IDs %q and %q", one, two)
	}
}

func TestPanicIsAProblem(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.onRun = func(etf.RunID) { panic("secret inside") }
	a := f.get("/v1/runs/daily:XNYS:2025-09-26")
	a.wantProblem(t, http.StatusInternalServerError)
	if strings.Contains(string(a.body), "secret") {
		t.Errorf("the response exposes internals: %s", a.body)
	}
	log := f.log.String()
	if !strings.Contains(log, "secret inside") || !strings.Contains(log, `"stack"`) || !strings.Contains(log, a.header.Get("X-Request-Id")) {
		t.Errorf("log: %s", log)
	}
	f.get("/healthz").want(t, http.StatusOK)
}

func TestInternalErrorsAreNotExposed(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		errors.New("Error 1064 near SELECT password"), etf.Wrap(etf.KindCorrupt, errors.New("row 5 of password"), "unreadable"),
		etf.Wrap(etf.KindInternal, errors.New("password"), "broken"),
	} {
		f := newFixture(t)
		f.store.err = err
		a := f.get("/v1/etfs")
		a.wantProblem(t, http.StatusInternalServerError)
		if strings.Contains(string(a.body), "password") || !strings.Contains(f.log.String(), "password") {
			t.Errorf("response %s, log %s", a.body, f.log.String())
		}
	}
	f := newFixture(t)
	// A service without its privileges, as before the first migration, is unavailable for now.
	f.store.err = etf.Wrap(etf.KindDenied, errors.New("user password"), "refused password")
	if a := f.get("/v1/etfs"); a.status != http.StatusServiceUnavailable || strings.Contains(string(a.body), "password") {
		t.Errorf("%d %s", a.status, a.body)
	}
	f.store.err = context.DeadlineExceeded
	f.get("/v1/etfs").wantProblem(t, http.StatusServiceUnavailable)
	f.store.err = &etf.Error{Kind: etf.KindRateLimited, Message: "slowly", RetryAfter: 90 * time.Second}
	if a := f.get("/v1/etfs"); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "90" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.get("/v1/etfs/ZZZ")
	line := ""
	for one := range strings.Lines(f.log.String()) {
		line = one
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	if got["method"] != "GET" || got["path"] != "/v1/etfs/ZZZ" || got["status"] != 404.0 || got["level"] != "INFO" || got["bytes"].(float64) == 0 {
		t.Errorf("log line %s", line)
	}
}

func TestServeStopsCleanly(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, handler) }()
	type result struct {
		body string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			got <- result{err: err}
			return
		}
		defer quietly(resp.Body)
		body, err := io.ReadAll(resp.Body)
		got <- result{string(body), err}
	}()
	<-entered
	stop()
	close(release)
	if r := <-got; r.err != nil || r.body != "done" {
		t.Errorf("the request in flight got %q, %v", r.body, r.err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	var d net.Dialer
	if conn, err := d.DialContext(t.Context(), "tcp", listener.Addr().String()); err == nil {
		quietly(conn)
		t.Error("the listener is still open")
	}
}
