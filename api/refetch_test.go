package api

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

func TestRefetchETF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	a := f.post("/v1/etfs/SPY/refetch", `{"by":"Kim","why":"restated"}`).want(t, 202)
	run := decode[gen.Run](t, a)
	if a.header.Get("Location") != "/v1/runs/"+run.Id || len(run.Symbols) != 1 || run.Symbols[0] != "SPY" || run.Status != etf.RunRunning {
		t.Errorf("Location %q, run %+v", a.header.Get("Location"), run)
	}
	second := decode[gen.Run](t, f.post("/v1/etfs/SPY/refetch", `{}`).want(t, 202))
	if second.Id == run.Id || !strings.HasSuffix(second.Id, ":rerun-2") {
		t.Errorf("the second run is %s, after %s", second.Id, run.Id)
	}
	if n := f.starts(); n != 2 {
		t.Errorf("%d runs started", n)
	}
	changes := decode[gen.ETFChangeList](t, f.get("/v1/etfs/SPY/changes").want(t, 200)).Items
	if len(changes) != 2 || changes[0].By != "Kim" || changes[0].Why != "the whole history is fetched again: restated" || changes[1].By != "the API" {
		t.Errorf("changes %+v", changes)
	}

	f.post("/v1/etfs/QQQ/refetch", `{}`).wantProblem(t, 404, "symbol")
	f.post("/v1/etfs/spy/refetch", `{}`).wantProblem(t, 400, "symbol")
	f.post("/v1/etfs/SPY/refetch", `{"by":" "}`).wantProblem(t, 400, "by")
	f.patch("/v1/etfs/SPY", `{"retired":true}`).want(t, 200)
	f.post("/v1/etfs/SPY/refetch", `{}`).wantProblem(t, 409, "symbol")
	if n := f.starts(); n != 2 {
		t.Errorf("refused requests started %d runs", n-2)
	}
}

func TestListingDate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := decode[gen.ETF](t, f.post("/v1/etfs", `{"symbol":"SPY","exchange":"XNYS","listed":"1993-01-29","sources":[{"name":"file","ref":"SPY.csv"}]}`).want(t, 201))
	if e.Listed == nil || *e.Listed != etf.MustSession("1993-01-29") {
		t.Errorf("registered as %+v", e)
	}
	e = decode[gen.ETF](t, f.patch("/v1/etfs/SPY", `{"listed":"1993-02-01","by":"Kim"}`).want(t, 200))
	if e.Listed == nil || *e.Listed != etf.MustSession("1993-02-01") {
		t.Errorf("changed to %+v", e)
	}
	if e := decode[gen.ETF](t, f.patch("/v1/etfs/SPY", `{"listed":""}`).want(t, 200)); e.Listed != nil {
		t.Errorf("removed: %+v", e)
	}
	changes := decode[gen.ETFChangeList](t, f.get("/v1/etfs/SPY/changes").want(t, 200)).Items
	if len(changes) != 2 || changes[0].Listed == nil || changes[1].Listed != nil {
		t.Errorf("changes %+v", changes)
	}
	f.patch("/v1/etfs/SPY", `{"listed":"2093-02-01"}`).wantProblem(t, 400, "listed")
	f.patch("/v1/etfs/SPY", `{"listed":"1993-02-31"}`).wantProblem(t, 400, "listed")
	f.post("/v1/etfs", `{"symbol":"QQQ","exchange":"XNYS","listed":"soon","sources":[{"name":"file","ref":"QQQ.csv"}]}`).wantProblem(t, 400, "listed")
}
