package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// FuzzBodies: whatever the body, the response is one that openapi.yaml lists, and nothing is started or stored unless
// the response says so.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		spy, friday, `{}`, `[]`, `null`, `""`, `{"symbol":{"a":[1,2,{"b":null}]}}`, `{"":1}`, `{"workflow":"daily","exchange":"XNYS","symbols":["SPY","SPY"],"rerun":true}`,
		`{"workflow":"daily","exchange":"XKRX","session":"2025-10-03"}`, "{\"symbol\":\"\\ud800\"}", strings.Repeat("[", 10001), `{"sources":[null,1,"x",{"name":"file"}]}`,
		`{"symbol":"A","exchange":"XNYS","sources":[{"name":"file","ref":"` + "\u0085" + `"}]}`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, body string, runs bool) {
		fx := fuzzFixture(t)
		path, good := "/v1/etfs", []int{200, 201, 400, 409}
		if runs {
			path, good = "/v1/runs", []int{202, 400}
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		fx.handler.ServeHTTP(w, r)
		a := response{w.Code, w.Header(), w.Body.Bytes()}
		ok := false
		for _, status := range good {
			ok = ok || status == a.status
		}
		if !ok && !(a.status == 413 && len(body) > maxBody) {
			t.Fatalf("status %d for %q: %s", a.status, body, a.body)
		}
		if a.status >= 400 {
			checkProblem(t, a)
			if len(fx.store.etfs) != 1 || len(fx.temporal.starts) != 0 {
				t.Fatalf("refused, but something was started or stored: %q", body)
			}
		}
	})
}

// FuzzCursors: whatever the cursor, the response is a list or a refusal.
func FuzzCursors(f *testing.F) {
	for _, query := range [][]string{{"etfs", ""}, {"runs", "", ""}, {"bars", "SPY", "", ""}, {"scores", "SPY", "", "", "", "", ""}, {"run", "daily:XNYS:2025-09-26"}} {
		for _, position := range []string{"SPY", "2025-09-26", "5", "-1", "\x00", "2025-09-26 drift 1 a", strings.Repeat("9", 300)} {
			f.Add(*encodeCursor(query, position))
		}
	}
	f.Add("!!!")
	f.Fuzz(func(t *testing.T, cursor string) {
		fx := fuzzFixture(t)
		for _, path := range []string{"/v1/etfs", "/v1/runs", "/v1/etfs/SPY/bars", "/v1/etfs/SPY/scores", "/v1/runs/daily:XNYS:2025-09-26"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?cursor="+url.QueryEscape(cursor), nil)
			r.Host = "localhost"
			w := httptest.NewRecorder()
			fx.handler.ServeHTTP(w, r)
			if w.Code != 200 && w.Code != 400 && w.Code != 404 {
				t.Fatalf("%s with cursor %q: %d %s", path, cursor, w.Code, w.Body)
			}
		}
	})
}

// FuzzDecodeStrict: encoding/json decodes every accepted body too, to the same value.
func FuzzDecodeStrict(f *testing.F) {
	for _, seed := range []string{spy, friday, `{"symbol":"a","exchange":"b","sources":[],"currency":null}`, `{"sources":[{"name":"A","ref":"\u00e9"}],"symbol":"","exchange":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var strict, lax gen.NewETF
		if err := decodeStrict(data, &strict); err != nil {
			if etf.KindOf(err) != etf.KindInvalid || len(etf.Errors(err)) > maxFieldErrors {
				t.Fatalf("unexpected errors: %v", err)
			}
			for _, e := range etf.Errors(err) {
				if e.Field == "" {
					t.Fatalf("no field: %v", e)
				}
			}
			return
		}
		if err := json.Unmarshal(data, &lax); err != nil || !reflect.DeepEqual(strict, lax) {
			t.Fatalf("%q: strict %+v, lax %+v, %v", data, strict, lax, err)
		}
	})
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	query := []string{"bars", "SPY", "", ""}
	for _, position := range []string{"2025-09-26", "a~b", "ü"} {
		got, err := decodeCursor(query, encodeCursor(query, position))
		if err != nil || got != position {
			t.Errorf("%q came back as %q, %v", position, got, err)
		}
	}
	// The parts of a query are not just concatenated.
	if _, err := decodeCursor([]string{"bars", "SP", "Y", ""}, encodeCursor([]string{"bars", "S", "PY", ""}, "x")); err == nil {
		t.Error("a cursor of another query was accepted")
	}
}

type fuzzed struct {
	store    *fakeStore
	temporal *fakeTemporal
	handler  http.Handler
}

// fuzzFixture returns one shared handler over fakes that are reset each time: creating a server takes longer than a
// request.
func fuzzFixture(t *testing.T) fuzzed {
	fx, err := fuzzServer()
	if err != nil {
		t.Fatal(err)
	}
	fx.store.etfs = map[etf.Symbol]etf.ETF{"SPY": {Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD"}}
	fx.temporal.executions, fx.temporal.starts = map[string]etf.Execution{}, nil
	return fx
}

var fuzzServer = sync.OnceValues(func() (fuzzed, error) {
	fx := fuzzed{store: newFakeStore(), temporal: newFakeTemporal()}
	service := service.New(service.Deps{Store: fx.store, Temporal: fx.temporal, Now: fx.temporal.now})
	var err error
	fx.handler, err = New(Deps{Service: service})
	return fx, err
})
