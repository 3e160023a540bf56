package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/etfcast/etfcast/etf"
)

// What openapi.yaml refuses, the server refuses, and what it allows about optional fields, the server accepts.
func TestDocumentAndServerAgree(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	documented := func(method, path, body string) bool {
		r, err := http.NewRequestWithContext(t.Context(), method, f.server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		route, params, err := f.router.FindRoute(r)
		if err != nil {
			t.Fatal(err)
		}
		return openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}) == nil
	}
	for _, c := range []struct {
		method, path, body string
		good               bool
	}{
		{"GET", "/v1/etfs?cursor=", "", false},
		{"GET", "/v1/etfs?cursor=a%20b", "", false},
		{"GET", "/v1/runs/daily:XNYS:2025-9-26", "", false},
		{"GET", "/v1/runs/daily:XNYS:2025-09-26:rerun-1", "", false},
		{"GET", "/v1/runs/daily:XXXX:2025-09-26", "", false},
		{"GET", "/v1/runs/daily:XNYS:2025-09-26:0123456789ab:x", "", false},
		{"POST", "/v1/runs", `{"workflow":"daily","exchange":"XNYS","symbols":null,"session":null,"rerun":null}`, true},
		{"POST", "/v1/runs", `{"workflow":"daily","exchange":"XNYS","symbols":[]}`, false},
		{"POST", "/v1/runs", `{"workflow":"daily","exchange":"XNYS","symbols":["spy"]}`, false},
		{"POST", "/v1/runs", `{"workflow":"daily","exchange":null}`, false},
		{"POST", "/v1/etfs", `{"symbol":"QQQ","exchange":"XNYS","currency":null,"sources":[{"name":"file","ref":"QQQ.csv"}]}`, true},
		{"POST", "/v1/etfs", `{"symbol":"QQQ2","exchange":"XNYS","sources":[{"name":"file","ref":"a"},{"name":"file","ref":"a"}]}`, false},
		{"POST", "/v1/etfs", `{"symbol":"QQQ2","exchange":"XNYS","sources":null}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"name":"x","currency":null,"sources":null,"retired":null,"by":null,"why":null}`, true},
		{"PATCH", "/v1/etfs/SPY", `{}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"listed":"1993-01-29"}`, true},
		{"PATCH", "/v1/etfs/SPY", `{"listed":""}`, true},
		{"PATCH", "/v1/etfs/SPY", `{"listed":"29/01/1993"}`, false},
		{"POST", "/v1/etfs", `{"symbol":"IWM","exchange":"XNYS","listed":"2000-05-26","sources":[{"name":"file","ref":"IWM.csv"}]}`, true},
		{"POST", "/v1/etfs", `{"symbol":"IWM2","exchange":"XNYS","listed":"2000","sources":[{"name":"file","ref":"IWM.csv"}]}`, false},
		{"POST", "/v1/etfs/SPY/refetch", `{}`, true},
		{"POST", "/v1/etfs/SPY/refetch", `{"by":null,"why":null}`, true},
		{"POST", "/v1/etfs/SPY/refetch", `{"by":""}`, false},
		{"POST", "/v1/etfs/SPY/refetch", `{"session":"2025-09-26"}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"by":""}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"name":"SPDR","by":" "}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"name":"SPDR","by":"k\u0007im"}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"name":"에스피","by":"김","why":"이름"}`, true},
		{"PATCH", "/v1/etfs/SPY", `{"listed":"1993-13-29"}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"sources":[{"name":"file","ref":"a\u0085"}]}`, false},
		{"POST", "/v1/etfs", `{"symbol":"IWM3","exchange":"XNYS","listed":"2000-13-01","sources":[{"name":"file","ref":"IWM.csv"}]}`, false},
		{"GET", "/v1/etfs/SPY/bars?as_of=2025-09-26T25:00:00Z", "", false},
		{"GET", "/v1/findings?symbol=SPY&as_of=yesterday", "", false},
		{"POST", "/v1/etfs/SPY/actions", `{"kind":"split","ex":"2025-09-26","ratio":"0:1","by":"kim","why":"x"}`, false},
		{"POST", "/v1/etfs/SPY/actions", `{"kind":"dividend","ex":"2025-09-26","amount":"0.7","by":" ","why":"x"}`, false},
		{"PATCH", "/v1/etfs/SPY", `{"sources":[{"name":"file","ref":"a"},{"name":"file","ref":"a"}]}`, false},
	} {
		if got := documented(c.method, c.path, c.body); got != c.good {
			t.Errorf("%s %s %s: allowed by openapi.yaml: %v, want %v", c.method, c.path, c.body, got, c.good)
		}
		a := f.send(c.method, c.path, c.body, header("Content-Type", "application/json"))
		if accepted := a.status < 300; accepted != c.good {
			t.Errorf("%s %s %s: status %d, want accepted %v: %s", c.method, c.path, c.body, a.status, c.good, a.body)
		}
	}
}

// Every response and every request body has an example, its own or its schema's, and the example is one that the document allows.
func TestEveryBodyHasAnExample(t *testing.T) {
	t.Parallel()
	doc, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	check := func(where string, content openapi3.Content, opts ...openapi3.SchemaValidationOption) {
		for _, media := range slices.Sorted(maps.Keys(content)) {
			m := content[media]
			if m.Schema == nil || m.Schema.Value == nil {
				t.Errorf("%s, %s: there is no schema", where, media)
				continue
			}
			example := m.Example
			if example == nil {
				example = m.Schema.Value.Example
			}
			if example == nil {
				t.Errorf("%s, %s: there is no example", where, media)
				continue
			}
			if err := m.Schema.Value.VisitJSON(example, opts...); err != nil {
				t.Errorf("%s, %s: the example is not one that the schema allows: %v", where, media, err)
			}
			checked++
		}
	}
	for path, item := range doc.spec.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			if op.RequestBody != nil {
				check(where+": request", op.RequestBody.Value.Content, openapi3.VisitAsRequest(), openapi3.MultiErrors(), openapi3.EnableFormatValidation())
			}
			for status, r := range op.Responses.Map() {
				check(where+": "+status, r.Value.Content, openapi3.VisitAsResponse(), openapi3.MultiErrors(), openapi3.EnableFormatValidation())
			}
		}
	}
	// 56 operations with four documented bodies on average: a reader that finds none checks nothing.
	if checked < 200 {
		t.Errorf("only %d examples were found", checked)
	}
}
