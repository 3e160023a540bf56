package api

import (
	"net/http"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

func (f *fixture) patch(path, body string, options ...option) response {
	f.t.Helper()
	return f.send(http.MethodPatch, path, body, append([]option{header("Content-Type", "application/json")}, options...)...)
}

func TestEditETF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XKRX, "069500")
	before := f.get("/v1/etfs/069500").want(t, 200).header.Get("ETag")

	a := f.patch("/v1/etfs/069500", `{"sources":[{"name":"yahoo","ref":"069500.KS"},{"name":"file","ref":"069500.csv"}],"name":"KODEX 200","by":"Kim","why":"the ticker was wrong"}`).want(t, 200)
	e := decode[gen.ETF](t, a)
	if e.Name == nil || *e.Name != "KODEX 200" || e.Sources[0].Ref != "069500.KS" || e.Changes != 1 || e.Retired || e.Currency != "KRW" {
		t.Errorf("after the change: %s", a.body)
	}
	after := f.get("/v1/etfs/069500", header("If-None-Match", before)).want(t, 200).header.Get("ETag")
	if after == before || after != a.header.Get("ETag") {
		t.Errorf("ETag %s before, %s after, %s in the response to PATCH", before, after, a.header.Get("ETag"))
	}
	f.patch("/v1/etfs/069500", `{"name":"KODEX 200","currency":null}`, header("If-Match", after)).want(t, 200)
	f.patch("/v1/etfs/069500", `{"retired":true}`, header("If-Match", before)).wantProblem(t, 412, "If-Match")
	if e := decode[gen.ETF](t, f.patch("/v1/etfs/069500", `{"retired":true}`, header("If-Match", after))); !e.Retired || e.Changes != 2 {
		t.Errorf("retired: %+v", e)
	}
	changes := decode[gen.ETFChangeList](t, f.get("/v1/etfs/069500/changes").want(t, 200)).Items
	if len(changes) != 2 || changes[0].By != "Kim" || changes[0].Why != "the ticker was wrong" || changes[1].By != "the API" || !changes[1].Retired {
		t.Errorf("changes: %+v", changes)
	}
	// A retired ETF is left out of runs; one that names it says so.
	f.post("/v1/runs", `{"workflow":"daily","exchange":"XKRX","symbols":["069500"]}`).wantProblem(t, 400, "symbols[0]")
	f.patch("/v1/etfs/069500", `{"retired":false}`).want(t, 200)
	f.post("/v1/runs", `{"workflow":"daily","exchange":"XKRX","symbols":["069500"]}`).want(t, 202)
}

func TestEditETFRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	spy := f.store.etfs["SPY"]
	spy.Bars = 5
	f.store.etfs["SPY"] = spy
	for body, field := range map[string]string{
		`{}`:                             "body",
		`{"by":"Kim"}`:                   "body",
		`{"name":null}`:                  "body",
		`{"sources":[]}`:                 "sources",
		`{"sources":[{"name":"yahoo"}]}`: "sources[0].ref",
		`{"sources":[{"name":"bloomberg","ref":"SPY"}]}`:                          "sources[0].name",
		`{"sources":[{"name":"yahoo","ref":"SPY"},{"name":"yahoo","ref":"SPY"}]}`: "sources[1]",
		`{"currency":"usd"}`:        "currency",
		`{"retired":"yes"}`:         "retired",
		`{"retired":true,"by":" "}`: "by",
		`{"name":"a\u0007b"}`:       "name",
		`{"exchange":"XKRX"}`:       "exchange",
		`{"symbol":"QQQ"}`:          "symbol",
	} {
		f.patch("/v1/etfs/SPY", body).wantProblem(t, 400, field)
	}
	f.patch("/v1/etfs/SPY", `{"currency":"KRW"}`).wantProblem(t, 409, "currency")
	f.patch("/v1/etfs/QQQ", `{"retired":true}`).wantProblem(t, 404, "symbol")
	f.patch("/v1/etfs/spy", `{"retired":true}`).wantProblem(t, 400, "symbol")
	f.send(http.MethodPatch, "/v1/etfs/SPY", `{"retired":true}`).wantProblem(t, 415, "Content-Type")
	f.send(http.MethodPatch, "/v1/etfs/SPY", `{"retired":true}`, header("Content-Type", "application/json"), header("Sec-Fetch-Site", "cross-site")).wantProblem(t, 403, "Origin")
	if e := f.store.etfs["SPY"]; e.Changes != 0 {
		t.Errorf("refused requests changed the ETF: %+v", e)
	}
}
