package api

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

const spy = `{"symbol":"SPY","exchange":"XNYS","currency":"USD","sources":[{"name":"file","ref":"SPY.csv"}]}`

func TestCreateETF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.post("/v1/etfs", spy).want(t, http.StatusCreated)
	if got := first.header.Get("Location"); got != "/v1/etfs/SPY" {
		t.Errorf("Location %q", got)
	}
	e := decode[gen.ETF](t, first)
	if e.Symbol != "SPY" || e.Currency != "USD" || e.FirstSession != nil || e.LastSession != nil || e.Links.Bars != "/v1/etfs/SPY/bars" {
		t.Errorf("stored as %+v", e)
	}
	again := f.post("/v1/etfs", spy).want(t, http.StatusOK)
	if got := again.header.Get("Location"); got != "/v1/etfs/SPY" {
		t.Errorf("the repeated request has Location %q", got)
	}
	f.post("/v1/etfs", strings.Replace(spy, "SPY.csv", "other.csv", 1)).wantProblem(t, http.StatusConflict, "sources")
	if n := len(f.store.etfs); n != 1 || f.starts() != 0 {
		t.Errorf("%d ETFs stored, %d runs started; want 1 and 0", n, f.starts())
	}
}

func TestCreateETFTakesTheExchangesCurrency(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.post("/v1/etfs", `{"symbol":"069500","exchange":"XKRX","sources":[{"name":"file","ref":"069500.csv"}]}`).want(t, http.StatusCreated)
	if e := decode[gen.ETF](t, a); e.Currency != "KRW" || e.Symbol != "069500" {
		t.Errorf("stored as %+v", e)
	}
}

func TestCreateETFRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := strings.Repeat("x", 256)
	for _, tc := range []struct {
		name, body string
		fields     []string
	}{
		{"everything at once", `{"symbol":"spy","exchange":"NYSE","currency":"usd","sources":[{"name":"File","ref":""}]}`,
			[]string{"symbol", "exchange", "currency", "sources[0].name", "sources[0].ref"}},
		{"missing fields", `{}`, []string{"exchange", "sources", "symbol"}},
		{"null for a required field", `{"symbol":null,"exchange":"XNYS","sources":[]}`, []string{"symbol"}},
		{"no sources", `{"symbol":"SPY","exchange":"XNYS","sources":[]}`, []string{"sources"}},
		{"unknown source", `{"symbol":"SPY","exchange":"XNYS","sources":[{"name":"bloomberg","ref":"SPY"}]}`, []string{"sources[0].name"}},
		{"the same source twice", `{"symbol":"SPY","exchange":"XNYS","sources":[{"name":"file","ref":"a"},{"name":"file","ref":"a"}]}`, []string{"sources[1]"}},
		{"nine sources", `{"symbol":"SPY","exchange":"XNYS","sources":[` + strings.TrimSuffix(strings.Repeat(`{"name":"file","ref":"a"},`, 9), ",") + `]}`, []string{"sources"}},
		{"long ref", `{"symbol":"SPY","exchange":"XNYS","sources":[{"name":"file","ref":"` + long + `"}]}`, []string{"sources[0].ref"}},
		{"line break in ref", `{"symbol":"SPY","exchange":"XNYS","sources":[{"name":"file","ref":"a\nb"}]}`, []string{"sources[0].ref"}},
		{"unknown fields", `{"symbol":"SPY","exchange":"XNYS","colour":1,"sources":[{"name":"file","ref":"a","key":"b"}]}`, []string{"colour", "sources[0].key"}},
		{"names match exactly", `{"Symbol":"SPY","exchange":"XNYS","sources":[{"name":"file","ref":"a"}]}`, []string{"Symbol", "symbol"}},
		{"wrong types", `{"symbol":5,"exchange":["XNYS"],"currency":true,"sources":{"name":"file"}}`, []string{"symbol", "exchange", "currency", "sources"}},
		{"field given twice", `{"symbol":"SPY","symbol":"QQQ","exchange":"XNYS","sources":[{"name":"file","ref":"a"}]}`, []string{"symbol"}},
		{"field of an item given twice", `{"symbol":"SPY","exchange":"XNYS","sources":[{"name":"file","ref":"a","ref":"b"}]}`, []string{"sources[0].ref"}},
		{"given twice and a wrong type", `{"symbol":"SPY","symbol":"SPY","exchange":1,"sources":[{"name":"file","ref":"a"}]}`, []string{"symbol", "exchange"}},
		{"items of a wrong type and incomplete", `{"x":1,"symbol":"SPY","exchange":"XNYS","sources":[null,{"name":"file"}]}`, []string{"x", "sources[0]", "sources[1].ref"}},
		{"unknown field with a long name", `{"` + long + `":1,"symbol":"SPY","exchange":"XNYS","sources":[]}`, []string{long[:61] + "…"}},
		{"a list", `[]`, []string{"body"}},
		{"deeply nested", strings.Repeat("[", 10_001), []string{"body"}},
		{"null", `null`, []string{"body"}},
		{"malformed", `{"symbol":"SPY",}`, []string{"body"}},
		{"two documents", `{} {}`, []string{"body"}},
		{"blank", ` `, []string{"body"}},
		{"not UTF-8", "{\"symbol\":\"\xff\"}", []string{"body"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fixture{t: t, store: f.store, temporal: f.temporal, server: f.server, router: f.router}
			f.post("/v1/etfs", tc.body).wantProblem(t, http.StatusBadRequest, tc.fields...)
		})
	}
	if len(f.store.etfs) != 0 {
		t.Errorf("stored %v", f.store.etfs)
	}
}

// A body with more errors than are worth listing is read no further than the last of them.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, body := range map[string]string{
		"items":  `{"workflow":"daily","exchange":"XNYS","symbols":[1` + strings.Repeat(",1", 100_000) + `]}`,
		"fields": `{"a":1` + strings.Repeat(`,"a":1`, 100_000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{t: t, server: f.server, router: f.router}
			p := decode[gen.Problem](t, f.post("/v1/runs", body).want(t, http.StatusBadRequest))
			if p.Errors == nil || len(*p.Errors) != maxFieldErrors {
				t.Errorf("%+v, want %d errors", p.Errors, maxFieldErrors)
			}
		})
	}
	body := `[1` + strings.Repeat(",1", 100_000) + `]`
	var into struct {
		Symbols []string `json:"symbols"`
	}
	if err := decodeStrict([]byte(`{"symbols":`+body+`}`), &into); err == nil || len(into.Symbols) != maxFieldErrors {
		t.Errorf("%d items were read, want %d: %v", len(into.Symbols), maxFieldErrors, err)
	}
}

func TestNullIsAbsent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.post("/v1/etfs", `{"symbol":"SPY","exchange":"XNYS","currency":null,"sources":[{"name":"file","ref":"a"}]}`).want(t, http.StatusCreated)
	if e := decode[gen.ETF](t, a); e.Currency != "USD" {
		t.Errorf("stored as %+v", e)
	}
}

func TestUnreadableQueryHasARemedy(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for query, want := range map[string]string{
		"=1":               `a query parameter has no name | write name=value`,
		"limit=1;cursor=2": `"limit=1;cursor=2" has a semicolon | separate parameters with &, and write a semicolon in a value as %3B`,
		"limit=5%":         `"limit=5%" has a % that is not followed by two hex digits | write a percent sign as %25`,
	} {
		p := f.get("/v1/etfs?"+query).wantProblem(t, http.StatusBadRequest, "query")
		if e := (*p.Errors)[0]; e.Remedy == nil || e.Message+" | "+*e.Remedy != want {
			t.Errorf("%s: %+v", query, e)
		}
	}
}

func TestMalformedJSONNamesTheByte(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := f.post("/v1/etfs", `{"symbol":"SPY",}`).wantProblem(t, http.StatusBadRequest, "body")
	if !strings.Contains(p.Detail, "byte 17") { // the brace after the comma
		t.Errorf("detail %q", p.Detail)
	}
}

func TestListETFsPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "AAA", "BBB", "CCC")
	f.register(etf.XKRX, "069500")
	var got []string
	path := "/v1/etfs?limit=2"
	for pages := 0; ; pages++ {
		page := decode[gen.ETFList](t, f.get(path).want(t, http.StatusOK))
		for _, e := range page.Items {
			got = append(got, string(e.Symbol))
		}
		if page.NextCursor == nil {
			if pages != 1 {
				t.Errorf("%d pages after the first, want 1", pages)
			}
			break
		}
		path = "/v1/etfs?limit=2&cursor=" + *page.NextCursor
	}
	if fmt.Sprint(got) != "[069500 AAA BBB CCC]" {
		t.Errorf("listed %v", got)
	}
	if page := decode[gen.ETFList](t, f.get("/v1/etfs?exchange=XKRX")); len(page.Items) != 1 || page.NextCursor != nil {
		t.Errorf("XKRX gives %+v", page)
	}
}

func TestListsRefuseBadParameters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "AAA", "BBB")
	cursor := *decode[gen.ETFList](t, f.get("/v1/etfs?limit=1")).NextCursor
	for path, fields := range map[string][]string{
		"/v1/etfs?limit=0":                                           {"limit"},
		"/v1/etfs?limit=1001":                                        {"limit"},
		"/v1/etfs?limit=ten":                                         {"limit"},
		"/v1/etfs?limit=%2B5":                                        {"limit"},
		"/v1/etfs?limit=":                                            {"limit"},
		"/v1/etfs?limit=1&limit=2":                                   {"limit"},
		"/v1/etfs?cursor=!!!":                                        {"cursor"},
		"/v1/etfs?cursor=YWJj":                                       {"cursor"},
		"/v1/etfs?cursor=" + strings.Repeat("A", 600):                {"cursor"},
		"/v1/etfs?exchange=XNYS&cursor=" + cursor:                    {"cursor"}, // of another query
		"/v1/runs?cursor=" + cursor:                                  {"cursor"},
		"/v1/etfs/AAA/bars?cursor=" + cursor:                         {"cursor"},
		"/v1/etfs?exchange=NYSE&cursor=x&limit=-1":                   {"exchange", "cursor", "limit"},
		"/v1/etfs?sort=name&exchange=XNYS":                           {"sort"},
		"/v1/etfs?limit=1;cursor=2":                                  {"query"},
		"/v1/etfs?limit=1;cursor=2&sort=name&exchange=":              {"query", "exchange", "sort"},
		"/v1/etfs?%zz":                                               {"query"},
		"/v1/etfs?limit=%zz&cursor=%":                                {"query", "query"},
		"/v1/etfs?" + strings.Repeat("limit=1&", 10_001):             {"query"},
		"/v1/etfs/AAA?%":                                             {"query"},
		"/v1/runs?status=done&exchange=X":                            {"exchange", "status"},
		"/v1/etfs/AAA?as_of=2025-01-01":                              {"as_of"},
		"/v1/etfs/AAA/bars?from=2025-13-01&to=x&limit=9e9":           {"from", "to", "limit"},
		"/v1/etfs/AAA/bars?from=2025-02-01&to=2025-01-01":            {"from"},
		"/v1/etfs/AAA/bars?limit=10001":                              {"limit"},
		"/v1/etfs/AAA/forecasts/latest?model=..%2Fetc":               {"model"},
		"/v1/forecasts/xyz":                                          {"id"},
		"/v1/forecasts/ABCDEFABCDEFABCDEFABCDEFABCDEFAB":             {"id"},
		"/v1/etfs/aaa":                                               {"symbol"},
		"/v1/etfs/A%2FB":                                             {"symbol"},
		"/v1/etfs/aaa/bars":                                          {"symbol"},
		"/v1/runs/nonsense":                                          {"id"},
		"/v1/runs/daily:XNYS:2025-09-26:rerun-1":                     {"id"},
		"/v1/runs/daily:XNYS:2025-09-26?cursor=x&limit=0":            {"cursor", "limit"},
		"/v1/runs/daily:XNYS:2025-09-26:" + strings.Repeat("a", 200): {"id"},
	} {
		t.Run(path[:min(60, len(path))], func(t *testing.T) {
			f := &fixture{t: t, server: f.server, router: f.router}
			f.get(path).wantProblem(t, http.StatusBadRequest, fields...)
		})
	}
}

func TestGetETF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "BRK.B")
	a := f.get("/v1/etfs/BRK.B").want(t, http.StatusOK)
	etag := a.header.Get("ETag")
	if etag != `W/"3-ab12"` || a.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("ETag %q, Cache-Control %q", etag, a.header.Get("Cache-Control"))
	}
	for _, held := range []string{etag, `"3-ab12"`, `"x", W/"3-ab12"`, "*"} {
		n := f.get("/v1/etfs/BRK.B", header("If-None-Match", held)).want(t, http.StatusNotModified)
		if len(n.body) != 0 || n.header.Get("ETag") != etag {
			t.Errorf("304 with body %q and ETag %q", n.body, n.header.Get("ETag"))
		}
	}
	f.get("/v1/etfs/BRK.B", header("If-None-Match", `"1"`), header("If-None-Match", etag)).want(t, http.StatusNotModified)
	f.get("/v1/etfs/BRK.B", header("If-None-Match", `W/"2-ab12"`)).want(t, http.StatusOK)
	// Sources that never take the first one's place are named.
	f.register(etf.XKRX, "069500")
	e := f.store.etfs["069500"]
	e.Sources = []etf.SourceRef{{Name: "krx", Ref: "069500"}, {Name: "naver", Ref: "069500"}}
	f.store.etfs["069500"] = e
	for symbol, want := range map[etf.Symbol][]string{"BRK.B": {}, "069500": {"naver"}} {
		if got := decode[gen.ETF](t, f.get("/v1/etfs/"+string(symbol)).want(t, http.StatusOK)).ComparedOnly; !reflect.DeepEqual(got, want) { // never null
			t.Errorf("%s: compared only %v, want %v", symbol, got, want)
		}
	}
	p := f.get("/v1/etfs/ZZZ").wantProblem(t, http.StatusNotFound, "symbol")
	if (*p.Errors)[0].Remedy == nil || p.Instance != "/v1/etfs/ZZZ" {
		t.Errorf("problem %+v", p)
	}
}

// The list has exactly the sources that registering an ETF accepts: those the server was given (newFixture).
func TestSources(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, one := range decode[gen.SourceList](t, f.get("/v1/sources").want(t, http.StatusOK)).Items {
		if one.Description == "" || one.Ref == "" {
			t.Errorf("nothing is said about source %s", one.Name)
		}
		body := `{"symbol":"NEW` + strings.ToUpper(one.Name) + `","exchange":"XNYS","sources":[{"name":"` + one.Name + `","ref":"x"}]}`
		f.post("/v1/etfs", body).want(t, http.StatusCreated)
	}
	if n := len(decode[gen.SourceList](t, f.get("/v1/sources").want(t, http.StatusOK)).Items); n != 3 {
		t.Errorf("there are %d sources, want the 3 of newFixture", n)
	}
}

// A source's state is in the list and on its own: breaker, quota, and who names it.
func TestSourceState(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.breakers = []etf.Breaker{{
		Source: "file", State: etf.BreakerOpen, Failures: 6, Failing: []etf.Symbol{"QQQ", "SPY"}, Reason: "file: no such folder",
		Since: testNow.Add(-time.Minute), RetryAt: testNow.Add(4 * time.Minute),
	}}
	f.store.breakerMoves = []etf.BreakerChange{{Number: 1, State: etf.BreakerOpen, Failures: 6, Reason: "file: no such folder", At: testNow.Add(-time.Minute), RetryAt: testNow.Add(4 * time.Minute)}}
	f.store.quotas = map[string]etf.QuotaUse{"simulated": {Used: 12, Behind: 8}}
	f.post("/v1/etfs", `{"symbol":"NEW","exchange":"XNYS","sources":[{"name":"simulated","ref":"x"},{"name":"file","ref":"x.csv"}]}`).want(t, http.StatusCreated)
	byName := map[string]gen.Source{}
	for _, one := range decode[gen.SourceList](t, f.get("/v1/sources").want(t, http.StatusOK)).Items {
		byName[one.Name] = one
	}
	file, simulated := byName["file"], byName["simulated"]
	if b := file.Breaker; b.State != etf.BreakerOpen || b.Failures != 6 || b.RetryAt == nil || !b.RetryAt.Equal(testNow.Add(4*time.Minute)) || b.LastSuccess != nil || *b.Reason != "file: no such folder" {
		t.Errorf("the breaker is %+v", b)
	}
	if b := simulated.Breaker; b.State != etf.BreakerClosed || b.RetryAt != nil || b.Reason != nil {
		t.Errorf("the breaker of a source that was never asked is %+v", b)
	}
	if q := simulated.Quota; q == nil || q.Limit != 20 || q.Used != 12 || q.Behind != 8 || q.Reserved != 2 || !q.RenewedAt.After(testNow) || file.Quota != nil {
		t.Errorf("the quotas are %+v and %+v", simulated.Quota, file.Quota)
	}
	detail := decode[gen.SourceDetail](t, f.get("/v1/sources/file").want(t, http.StatusOK))
	if n := len(detail.Etfs); n != detail.Source.Etfs || n == 0 || len(detail.Changes) != 1 || detail.Changes[0].State != etf.BreakerOpen || detail.Source.Key != nil {
		t.Errorf("the source is %+v", detail)
	}
	for _, e := range detail.Etfs {
		if e.Symbol == "NEW" && (e.Place != 2 || e.Ref != "x.csv") {
			t.Errorf("it is named by %+v", e)
		}
	}
	if p := f.get("/v1/sources/nobody").wantProblem(t, http.StatusNotFound, "name"); !strings.Contains(*(*p.Errors)[0].Remedy, "simulated") {
		t.Errorf("the remedy is %q", *(*p.Errors)[0].Remedy)
	}
}
