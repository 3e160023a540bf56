package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// testNow is a Saturday: the last closed session of both exchanges is Friday, 2025-09-26.
var testNow = time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC)

// fixture is the whole API over fakes, behind a real HTTP server.
type fixture struct {
	t        testing.TB
	store    *fakeStore
	temporal *fakeTemporal
	service  *service.Service
	server   *httptest.Server
	router   routers.Router
	log      *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureOn(t, func(store *fakeStore) service.Store { return store })
}

// newFixtureOn is newFixture on a store that wraps the fake one.
func newFixtureOn(t testing.TB, wrap func(*fakeStore) service.Store) *fixture {
	t.Helper()
	return newFixtureWith(t, wrap, nil)
}

// newFixtureWith is newFixtureOn with a folder that keeps files; nil = none.
func newFixtureWith(t testing.TB, wrap func(*fakeStore) service.Store, files service.PriceFolder) *fixture {
	t.Helper()
	f := &fixture{t: t, store: newFakeStore(), temporal: newFakeTemporal(), now: testNow, log: &lockedBuffer{}}
	f.temporal.now = f.clock
	f.service = service.New(service.Deps{
		Store: wrap(f.store), Temporal: f.temporal, Now: f.clock, Sources: []string{"file", "simulated", "yahoo"},
		Models: []service.Model{
			{Name: "drift", MinSessions: 21, Params: `{"half_life":60}`}, {Name: "prophet", MinSessions: 2, Params: `{"growth":"linear"}`},
		},
		Remedies: map[string]string{"SourceCorrupt": "correct the line named"}, Files: files,
		UI: "http://127.0.0.1:8233/", Namespace: "default", Quotas: map[string]int{"simulated": 20},
	})
	handler, err := New(Deps{
		Service: f.service, Version: "v0.1.0-test", Workers: f.service.QueueProbes([]string{"etfcast", "etfcast-fit"}),
		Log: slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.server = httptest.NewServer(handler)
	t.Cleanup(f.server.Close)
	doc, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	if f.router, err = router(doc.spec); err != nil {
		t.Fatal(err)
	}
	return f
}

var routerOnce sync.Once
var theRouter routers.Router
var routerErr error

// router validates the document once and returns a router for its paths.
func router(spec *openapi3.T) (routers.Router, error) {
	routerOnce.Do(func() {
		if routerErr = spec.Validate(context.Background()); routerErr == nil {
			theRouter, routerErr = gorillamux.NewRouter(spec)
		}
	})
	return theRouter, routerErr
}

func init() {
	text := func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		data, err := io.ReadAll(body)
		return string(data), err
	}
	for _, media := range []string{"text/csv", "text/html", "text/plain", "text/event-stream"} {
		openapi3filter.RegisterBodyDecoder(media, text)
	}
}

// quietly closes c and ignores the error.
func quietly(c io.Closer) { _ = c.Close() }

// response is an HTTP response with its whole body.
type response struct {
	status int
	header http.Header
	body   []byte
}

type option func(*http.Request)

func header(name, value string) option { return func(r *http.Request) { r.Header.Add(name, value) } }

func (f *fixture) get(path string, options ...option) response {
	f.t.Helper()
	return f.send(http.MethodGet, path, "", options...)
}

func (f *fixture) post(path, body string, options ...option) response {
	f.t.Helper()
	if body != "" {
		options = append([]option{header("Content-Type", "application/json")}, options...)
	}
	return f.send(http.MethodPost, path, body, options...)
}

// send sends a request and checks the response against openapi.yaml, unless the document has no such path.
func (f *fixture) send(method, path, body string, options ...option) response {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, o := range options {
		o(r)
	}
	return f.do(r)
}

func (f *fixture) do(r *http.Request) response {
	f.t.Helper()
	resp, err := f.server.Client().Do(r)
	if err != nil {
		f.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer quietly(resp.Body)
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatalf("%s %s: reading the response: %v", r.Method, r.URL, err)
	}
	a := response{resp.StatusCode, resp.Header, data}
	f.checkContract(r, a)
	return a
}

func (f *fixture) checkContract(r *http.Request, a response) {
	f.t.Helper()
	if a.status >= 400 && a.status != 503 || a.header.Get("Content-Type") == "application/problem+json" {
		checkProblem(f.t, a)
	}
	if a.header.Get("X-Request-Id") == "" {
		f.t.Errorf("%s %s: no X-Request-Id", r.Method, r.URL)
	}
	plain := r.Clone(r.Context())
	plain.URL = normalisedURL(r.URL)
	route, params, err := f.router.FindRoute(plain)
	if err != nil {
		// The dashboard's pages and files are not part of the API.
		page := strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || strings.HasPrefix(plain.URL.Path, "/app/") || strings.HasPrefix(plain.URL.Path, "/docs")
		if a.status < 400 && a.status != http.StatusNotModified && !page && r.Method != http.MethodHead && r.Method != http.MethodOptions {
			f.t.Errorf("%s %s responds %d, but openapi.yaml has no such path: %v", r.Method, r.URL, a.status, err)
		}
		return
	}
	err = openapi3filter.ValidateResponse(f.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		f.t.Errorf("%s %s: the response with status %d violates openapi.yaml: %v\n%s", r.Method, r.URL, a.status, err, a.body)
	}
}

func checkProblem(t testing.TB, a response) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type of a %d is %q, want application/problem+json\n%s", a.status, got, a.body)
		return
	}
	p := decode[gen.Problem](t, a)
	if p.Status != a.status || p.Title == "" || p.Detail == "" || p.RequestId != a.header.Get("X-Request-Id") {
		t.Errorf("incomplete problem for status %d: %s", a.status, a.body)
	}
	known := false
	for _, c := range problemClasses {
		known = known || p.Type == "/problems/"+c.name && p.Status == c.status && p.Title == c.title
	}
	if !known {
		t.Errorf("problem type %q with status %d and title %q is unknown", p.Type, p.Status, p.Title)
	}
}

func decode[T any](t testing.TB, a response) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("status %d: %v in %s", a.status, err, a.body)
	}
	return v
}

// wantProblem checks the status and that the problem names exactly these fields.
func (a response) wantProblem(t testing.TB, status int, fields ...string) gen.Problem {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	p := decode[gen.Problem](t, a)
	var got []string
	if p.Errors != nil {
		for _, e := range *p.Errors {
			got = append(got, e.Field)
			if e.Message == "" {
				t.Errorf("field %s has no message", e.Field)
			}
		}
	}
	if strings.Join(got, " ") != strings.Join(fields, " ") {
		t.Errorf("the problem names the fields %q, want %q: %s", got, fields, a.body)
	}
	return p
}

func (a response) want(t testing.TB, status int) response {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// register puts ETFs directly into the store.
func (f *fixture) register(exchange etf.Exchange, symbols ...etf.Symbol) {
	for _, s := range symbols {
		f.store.etfs[s] = etf.ETF{
			Symbol: s, Exchange: exchange, Currency: exchange.DefaultCurrency(), CreatedAt: testNow, PermanentID: permanentID,
			Sources: []etf.SourceRef{{Name: "file", Ref: string(s) + ".csv"}}, DataVersion: etf.DataVersion{Number: 3, Writer: "ab12"},
		}
	}
}

func (f *fixture) starts() int {
	f.temporal.mu.Lock()
	defer f.temporal.mu.Unlock()
	return len(f.temporal.starts)
}

// atOnce calls f(0) to f(n-1) concurrently and returns when all have returned.
func atOnce(n int, f func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
