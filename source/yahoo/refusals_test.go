package yahoo

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

var anyQuery = spyQuery("2025-09-22", "2025-09-26", "2025-09-29T12:00:00Z")

func goodBody() string {
	return spy().row("2025-09-22T13:30:00Z", "660", "662", "659", "661.5", "9").json()
}

// Every form of refusal that Yahoo sends, and what it means. asked is how many of the two hosts are tried.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json;charset=utf-8"
	fault := func(section, code, text string) string {
		return fmt.Sprintf(`{%q:{"result":null,"error":{"code":%q,"description":%q}}}`, section, code, text)
	}
	for _, c := range []struct {
		name      string
		status    int
		mediaType string
		header    map[string]string
		body      string
		kind      etf.Kind // "" = empty success
		after     time.Duration
		asked     int
		text      string
	}{
		{name: "unknown symbol", status: 404, mediaType: jsonType, body: fault("chart", "Not Found", "No data found, symbol may be delisted"), kind: etf.KindNotFound, asked: 1, text: "SPY"},
		{name: "unknown symbol with 200", status: 200, mediaType: jsonType, body: fault("chart", "Not Found", "No data found, symbol may be delisted"), kind: etf.KindNotFound, asked: 1},
		{name: "nothing in range", status: 400, mediaType: jsonType, body: fault("chart", "Bad Request", "Data doesn't exist for startDate = 1758499200, endDate = 9999999999"), asked: 1},
		{name: "nothing in range, 422", status: 422, mediaType: jsonType, body: fault("chart", "Unprocessable Entity", "Data doesn't exist for startDate = 1, endDate = 2"), asked: 1},
		{name: "bad request", status: 400, mediaType: jsonType, body: fault("chart", "Bad Request", "Invalid input - interval=1x is not supported"), kind: etf.KindInvalid, asked: 1, text: "interval"},
		{name: "rate limit without Retry-After", status: 429, mediaType: "text/html", body: "Too Many Requests\r\n", kind: etf.KindRateLimited, asked: 1},
		{name: "rate limit in seconds", status: 429, mediaType: "text/plain", header: map[string]string{"Retry-After": "120"}, body: "Too Many Requests", kind: etf.KindRateLimited, after: 2 * time.Minute, asked: 1},
		{name: "rate limit until a date", status: 429, header: map[string]string{"Retry-After": "Mon, 29 Sep 2025 12:05:00 GMT", "Date": "Mon, 29 Sep 2025 12:00:00 GMT"}, body: "x", kind: etf.KindRateLimited, after: 5 * time.Minute, asked: 1},
		{name: "rate limit until a past date", status: 429, header: map[string]string{"Retry-After": "Mon, 29 Sep 2025 11:05:00 GMT", "Date": "Mon, 29 Sep 2025 12:00:00 GMT"}, kind: etf.KindRateLimited, asked: 1},
		{name: "rate limit for a week", status: 429, header: map[string]string{"Retry-After": "604800"}, kind: etf.KindRateLimited, after: 24 * time.Hour, asked: 1},
		{name: "rate limit with 200", status: 200, mediaType: "text/plain", body: "Edge: Too Many Requests", kind: etf.KindRateLimited, asked: 1},
		{name: "rate limit on a page with 200", status: 200, mediaType: "text/html", body: "<html><title>Too Many Requests</title>", kind: etf.KindRateLimited, asked: 1},
		{name: "rate limit in JSON of 403", status: 403, mediaType: jsonType, body: `{"message":"Too Many Requests"}`, kind: etf.KindRateLimited, asked: 1},
		{name: "rate limit in JSON", status: 200, mediaType: jsonType, body: fault("finance", "Too Many Requests", "Rate limited"), kind: etf.KindRateLimited, asked: 1},
		{name: "rate limit 999", status: 999, mediaType: "text/html", body: "<html>Unable to process request at this time -- error 999</html>", kind: etf.KindRateLimited, asked: 1},
		{name: "outage page with 200", status: 200, mediaType: "text/html", body: "<!DOCTYPE html><html><title>Yahoo</title>Will be right back...</html>", kind: etf.KindUnavailable, asked: 2},
		{name: "outage page without a type", status: 200, mediaType: jsonType, body: "  <html>Will be right back</html>", kind: etf.KindUnavailable, asked: 2},
		{name: "consent page", status: 200, mediaType: "text/html", body: `<html><form action="https://consent.yahoo.com/v2/collectConsent">`, kind: etf.KindDenied, asked: 1, text: "consent"},
		{name: "consent redirect", status: 302, header: map[string]string{"Location": "https://guce.yahoo.com/consent?brandType=nonEu"}, kind: etf.KindDenied, asked: 1, text: "consent"},
		{name: "other redirect", status: 301, header: map[string]string{"Location": "https://example.invalid/"}, kind: etf.KindUnavailable, asked: 2, text: "redirects to example.invalid"},
		{name: "forbidden", status: 403, mediaType: "text/html", body: "<html>Forbidden</html>", kind: etf.KindDenied, asked: 1},
		{name: "server error page", status: 502, mediaType: "text/html", body: "<html>Bad Gateway</html>", kind: etf.KindUnavailable, asked: 2},
		{name: "server error JSON", status: 500, mediaType: jsonType, body: fault("chart", "Internal Server Error", "java.lang.NullPointerException"), kind: etf.KindUnavailable, asked: 2},
		{name: "server error without body", status: 503, kind: etf.KindUnavailable, asked: 2, text: "503: an empty body"},
		{name: "not found page", status: 404, mediaType: "text/html", body: "<html>Not found on Accelerator</html>", kind: etf.KindUnavailable, asked: 2},
		{name: "broken JSON with a server error", status: 500, mediaType: jsonType, body: `{"chart":`, kind: etf.KindUnavailable, asked: 2},
		{name: "no such method", status: 405, mediaType: jsonType, body: `{}`, kind: etf.KindCorrupt, asked: 1},
		{name: "truncated", status: 200, mediaType: jsonType, body: goodBody()[:150], kind: etf.KindUnavailable, asked: 2},
		{name: "no body", status: 200, mediaType: jsonType, kind: etf.KindUnavailable, asked: 2, text: "an empty body"},
		{name: "garbage in the middle", status: 200, mediaType: jsonType, body: strings.Replace(goodBody(), "[660]", "[6;60]", 1), kind: etf.KindCorrupt, asked: 1},
		{name: "plain text", status: 200, mediaType: "text/plain", body: "hello", kind: etf.KindCorrupt, asked: 1},
		{name: "null", status: 200, mediaType: jsonType, body: "null", kind: etf.KindCorrupt, asked: 1},
		{name: "an unknown error with 200", status: 200, mediaType: jsonType, body: fault("chart", "Odd", "something"), kind: etf.KindUnavailable, asked: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := func(w http.ResponseWriter, r *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				if c.mediaType != "" {
					w.Header().Set("Content-Type", c.mediaType)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}
			hosts := map[string]int{}
			a, b := httptest.NewServer(counted(hosts, "a", h)), httptest.NewServer(counted(hosts, "b", h))
			defer a.Close()
			defer b.Close()
			s := New(Options{BaseURLs: []string{a.URL + "/", b.URL}, Transport: a.Client().Transport})
			got, err := s.Fetch(t.Context(), anyQuery)
			if len(hosts) != c.asked {
				t.Errorf("asked %v, want %d hosts", hosts, c.asked)
			}
			if string(got.Raw) != c.body {
				t.Errorf("body kept as %q", got.Raw)
			}
			if c.kind == "" {
				if err != nil || len(got.Bars) != 0 {
					t.Fatalf("%v, %d bars; want an empty response", err, len(got.Bars))
				}
				return
			}
			if err == nil || etf.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("error %v, want %s naming %q", err, c.kind, c.text)
			}
			var e *etf.Error
			if errors.As(err, &e) && e.RetryAfter != c.after {
				t.Errorf("retry after %s, want %s", e.RetryAfter, c.after)
			}
			if e.Remedy == "" && c.kind != etf.KindUnavailable { // KindUnavailable is retried, so nobody has to do anything
				t.Errorf("no remedy in %v", err)
			}
		})
	}
}

func counted(hosts map[string]int, name string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		hosts[name]++ // requests come one at a time here
		h(w, r)
	}
}

// A byte order mark, and a chart that is called a web page, change nothing.
func TestDressedChart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mediaType, body string }{
		{"application/json", "\xef\xbb\xbf" + goodBody()},
		{"text/html; charset=utf-8", goodBody()},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.mediaType)
			fmt.Fprint(w, c.body)
		}))
		if got := fetch(t, New(Options{BaseURLs: []string{srv.URL}}), anyQuery); len(got.Bars) != 1 {
			t.Errorf("%s %.20q: %d bars", c.mediaType, c.body, len(got.Bars))
		}
		srv.Close()
	}
}

func TestSecondHostResponds(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close() // nothing listens there anymore
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, goodBody()) }))
	defer up.Close()
	got := fetch(t, New(Options{BaseURLs: []string{down.URL, up.URL}}), anyQuery)
	if len(got.Bars) != 1 || !strings.HasPrefix(got.Request, up.URL) {
		t.Errorf("%d bars from %s", len(got.Bars), got.Request)
	}
	_, err := New(Options{BaseURLs: []string{down.URL, down.URL}}).Fetch(t.Context(), anyQuery)
	if etf.KindOf(err) != etf.KindUnavailable || !strings.Contains(err.Error(), "none of Yahoo's 2 hosts") {
		t.Errorf("both down: %v", err)
	}
}

// crumbServer refuses charts without the crumb it issued with its cookie.
type crumbServer struct {
	charts, crumbs atomic.Int32
	wanted         atomic.Value // string: the crumb charts need
	crumbStatus    int
	crumbBody      func(n int32) string
}

func (c *crumbServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/cookie":
		http.SetCookie(w, &http.Cookie{Name: "A3", Value: "d=x", Path: "/"})
		w.WriteHeader(http.StatusNotFound) // as the real one does
	case "/v1/test/getcrumb":
		n := c.crumbs.Add(1)
		if ck, err := r.Cookie("A3"); err != nil || ck.Value != "d=x" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if c.crumbStatus != 0 {
			w.WriteHeader(c.crumbStatus)
		}
		fmt.Fprint(w, c.crumbBody(n))
	default:
		c.charts.Add(1)
		if r.URL.Query().Get("crumb") != c.wanted.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}`)
			return
		}
		fmt.Fprint(w, goodBody())
	}
}

func newCrumbServer(t *testing.T, wanted string) (*crumbServer, *Source) {
	c := &crumbServer{crumbBody: func(int32) string { return "se/cret.1\n" }}
	c.wanted.Store(wanted)
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	return c, New(Options{BaseURLs: []string{srv.URL}, CookieURL: srv.URL + "/cookie", Transport: srv.Client().Transport})
}

func TestCrumbIsFetchedOnceAndKept(t *testing.T) {
	t.Parallel()
	c, s := newCrumbServer(t, "se/cret.1")
	for i, charts := range []int32{2, 3} { // the second call already has the crumb
		got := fetch(t, s, anyQuery)
		if len(got.Bars) != 1 || c.charts.Load() != charts || c.crumbs.Load() != 1 {
			t.Errorf("call %d: %d bars, %d chart requests, %d crumb requests", i, len(got.Bars), c.charts.Load(), c.crumbs.Load())
		}
		if strings.Contains(got.Request, "crumb") || strings.Contains(got.Request, "cret") {
			t.Errorf("the crumb is in the request: %s", got.Request)
		}
	}
	// An expired crumb is renewed once.
	c.wanted.Store("two")
	c.crumbBody = func(int32) string { return "two" }
	fetch(t, s, anyQuery)
	if c.crumbs.Load() != 2 || c.charts.Load() != 5 {
		t.Errorf("%d crumb requests, %d chart requests; want 2 and 5", c.crumbs.Load(), c.charts.Load())
	}
}

func TestCrumbThatDoesNotHelp(t *testing.T) {
	t.Parallel()
	c, s := newCrumbServer(t, "another")
	_, err := s.Fetch(t.Context(), anyQuery)
	if etf.KindOf(err) != etf.KindDenied || c.charts.Load() != 2 || c.crumbs.Load() != 1 {
		t.Errorf("%v after %d charts and %d crumbs, want denied after 2 and 1", err, c.charts.Load(), c.crumbs.Load())
	}
	if strings.Contains(err.Error(), "cret") {
		t.Errorf("the error contains the crumb: %v", err)
	}
}

func TestNoCrumbAvailable(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		status int
		body   string
		kind   etf.Kind
	}{
		{0, "", etf.KindDenied},
		{0, "<html>consent</html>", etf.KindDenied},
		{0, `{"finance":{"error":{}}}`, etf.KindDenied},
		{0, strings.Repeat("x", 65), etf.KindDenied},
		{401, "no", etf.KindDenied},
		{429, "Too Many Requests", etf.KindRateLimited},
		{0, "Too Many Requests\r\n", etf.KindRateLimited},
		{503, "down", etf.KindUnavailable},
	} {
		c, s := newCrumbServer(t, "one")
		c.crumbStatus, c.crumbBody = x.status, func(int32) string { return x.body }
		if _, err := s.Fetch(t.Context(), anyQuery); etf.KindOf(err) != x.kind || c.charts.Load() != 1 {
			t.Errorf("crumb %d %q: %v after %d charts, want %s after 1", x.status, x.body, err, c.charts.Load(), x.kind)
		}
	}
}

// Calls refused at the same time share one renewal, and all succeed.
func TestConcurrentCallsShareACrumb(t *testing.T) {
	t.Parallel()
	c, s := newCrumbServer(t, "se/cret.1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a, err := s.Fetch(context.Background(), anyQuery); err != nil || len(a.Bars) != 1 {
				t.Errorf("%d bars, %v", len(a.Bars), err)
			}
		})
	}
	wg.Wait()
	if c.crumbs.Load() != 1 {
		t.Errorf("%d crumb requests, want 1", c.crumbs.Load())
	}
}

// The text of a network error contains the address, which contains the crumb.
func TestErrorsDoNotContainTheCrumb(t *testing.T) {
	t.Parallel()
	_, s := newCrumbServer(t, "se/cret.1")
	fetch(t, s, anyQuery)
	s.http.http.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("wire cut") })
	_, err := s.Fetch(t.Context(), anyQuery)
	if err == nil || strings.Contains(err.Error(), "cret") || !strings.Contains(err.Error(), "wire cut") {
		t.Errorf("error %v", err)
	}
}

// A response that repeats the crumb is kept without it.
func TestResponsesAreKeptWithoutTheCrumb(t *testing.T) {
	t.Parallel()
	c := &crumbServer{crumbBody: func(int32) string { return "se/cret.1" }}
	c.wanted.Store("se/cret.1")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if crumb := r.URL.Query().Get("crumb"); crumb != "" {
			fmt.Fprintf(w, `{"chart":{"result":[{"uri":"?crumb=%s","same":"se\u002Fcret.1"}]}}`, url.QueryEscape(crumb))
			return
		}
		c.ServeHTTP(w, r)
	}))
	defer srv.Close()
	got, err := New(Options{BaseURLs: []string{srv.URL}, CookieURL: srv.URL + "/cookie", Transport: srv.Client().Transport}).Fetch(t.Context(), anyQuery)
	if err == nil || strings.Contains(fmt.Sprint(err, string(got.Raw)), "cret.1") || strings.Count(string(got.Raw), "***") != 2 {
		t.Errorf("%v: %s", err, got.Raw)
	}
}

// A body of many tiny values takes far more memory decoded than it has bytes, so it is rejected first.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	for n, field := range map[int]string{maxValues + 1: "body: ", maxRows: "chart.result[0].timestamp: "} {
		body := `{"chart":{"result":[{"meta":{"symbol":"SPY"},"timestamp":[` + strings.Repeat("1,", n) + `1]}]}}`
		_, err := serve(t, body).Fetch(t.Context(), anyQuery)
		if etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), field) || !strings.Contains(err.Error(), "more than any ETF's history has") {
			t.Errorf("%d values: %v, want corrupt at %s", n, err, field)
		}
	}
}

// A base URL that no request can be made to is a configuration error, which no retry fixes. A user name and password in
// it are sent to the host and appear nowhere else.
func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"query1.finance.yahoo.com", "ftp://127.0.0.1", "file:///etc", "https://", "http://a b"} {
		_, err := New(Options{BaseURLs: []string{bad}}).Fetch(t.Context(), anyQuery)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "base_url" || e.Remedy == "" {
			t.Errorf("%s: %v, want invalid base_url with a remedy", bad, err)
		}
	}
	var user, password string
	s := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, goodBody())
	})
	plain := s.http.bases[0]
	s.http.bases[0] = strings.Replace(plain, "://", "://me:hidden@", 1)
	got := fetch(t, s, anyQuery)
	if user != "me" || password != "hidden" || strings.Contains(got.Request, "hidden") || !strings.HasPrefix(got.Request, plain+"/v8/finance/chart/SPY?") {
		t.Errorf("sent %q %q, stored request %s", user, password, got.Request)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransportAndUserAgentArePluggable(t *testing.T) {
	t.Parallel()
	var agent, host string
	s := New(Options{UserAgent: "me/1", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		agent, host = r.UserAgent(), r.URL.String()
		rec := httptest.NewRecorder()
		_, _ = rec.WriteString(goodBody())
		return rec.Result(), nil
	})})
	if got := fetch(t, s, anyQuery); len(got.Bars) != 1 || agent != "me/1" || !strings.HasPrefix(host, "https://query1.finance.yahoo.com/v8/finance/chart/SPY?") {
		t.Errorf("%d bars, agent %q, requested %s", len(got.Bars), agent, host)
	}
}

func TestSlowResponsesTimeOut(t *testing.T) {
	t.Parallel()
	s := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, goodBody()[:100])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // until the client gives up
	})
	s.http.timeout = 50 * time.Millisecond
	_, err := s.Fetch(t.Context(), anyQuery)
	if etf.KindOf(err) != etf.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want unavailable by deadline", err)
	}
}

func TestCancelledCalls(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := serveWith(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	if _, err := s.Fetch(ctx, anyQuery); !errors.Is(err, context.Canceled) || etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("%v, want cancelled", err)
	}
	if _, err := s.Fetch(ctx, anyQuery); !errors.Is(err, context.Canceled) {
		t.Errorf("already cancelled: %v", err)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(goodBody()))
	_ = z.Close()
	var bomb bytes.Buffer
	z = gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	for _, c := range []struct {
		name   string
		gzip   bool
		length int
		body   []byte
		kind   etf.Kind
	}{
		{name: "gzip", gzip: true, body: zipped.Bytes()},
		{name: "truncated gzip", gzip: true, body: zipped.Bytes()[:zipped.Len()/2], kind: etf.KindUnavailable},
		{name: "not gzip", gzip: true, body: []byte(goodBody()), kind: etf.KindUnavailable},
		{name: "gzip bomb", gzip: true, body: bomb.Bytes(), kind: etf.KindCorrupt},
		{name: "connection breaks", length: len(goodBody()), body: []byte(goodBody()[:200]), kind: etf.KindUnavailable},
		{name: "too large", body: bytes.Repeat([]byte(" "), 5001), kind: etf.KindCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Accept-Encoding") != "gzip" {
					t.Errorf("accepts %q", r.Header.Get("Accept-Encoding"))
				}
				w.Header().Set("Content-Type", "application/json")
				if c.gzip {
					w.Header().Set("Content-Encoding", "gzip")
				}
				if c.length > 0 {
					w.Header().Set("Content-Length", fmt.Sprint(c.length))
				}
				_, _ = w.Write(c.body)
			})
			s.http.limit = 5000
			got, err := s.Fetch(t.Context(), anyQuery)
			if c.kind == "" {
				if err != nil || len(got.Bars) != 1 || string(got.Raw) != goodBody() {
					t.Errorf("%v, %d bars, raw %.60q", err, len(got.Bars), got.Raw)
				}
			} else if err == nil || etf.KindOf(err) != c.kind {
				t.Errorf("%v, want %s", err, c.kind)
			}
		})
	}
}
