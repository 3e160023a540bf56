package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	down := &etf.Error{Kind: etf.KindUnavailable, Message: "it can't be reached", Err: fmt.Errorf("dial 10.0.0.1")}
	read := func(status int) gen.Readiness {
		t.Helper()
		a := f.get("/readyz").want(t, status)
		if strings.Contains(string(a.body), "10.0.0.1") || (a.header.Get("Retry-After") == "") != (status == 200) {
			t.Errorf("%v %s", a.header, a.body)
		}
		return decode[gen.Readiness](t, a)
	}
	f.store.err, f.temporal.err = down, down
	got := read(503)
	if fmt.Sprint(got.WaitingFor) != "[database schema temporal pollers:etfcast pollers:etfcast-fit]" || got.Ready {
		t.Errorf("waiting for %v", got.WaitingFor)
	}
	if !strings.Contains(got.Checks[0].Detail, "ETFCAST_MYSQL_DSN") {
		t.Errorf("the database check names no remedy: %+v", got.Checks[0])
	}
	// The result is cached for a second.
	f.store.err = nil
	if got := read(503); len(got.WaitingFor) != 5 {
		t.Errorf("waiting for %v", got.WaitingFor)
	}
	f.advance(2 * time.Second)
	f.store.schema = 6
	f.temporal.err = nil
	f.temporal.served["etfcast"] = true
	got = read(503)
	if fmt.Sprint(got.WaitingFor) != "[schema pollers:etfcast-fit]" || !strings.Contains(got.Checks[1].Detail, "version 6") {
		t.Errorf("waiting for %v: %+v", got.WaitingFor, got.Checks)
	}
	f.store.schema, f.store.missing = 7, []string{"SELECT on forecast_fits", "UPDATE on runs"}
	f.advance(2 * time.Second)
	const missing = "the database user has too few rights; missing: SELECT on forecast_fits; UPDATE on runs (run `etfcast migrate --grant USER`)"
	if got := read(503); fmt.Sprint(got.WaitingFor) != "[schema pollers:etfcast-fit]" || got.Checks[1].Detail != missing {
		t.Errorf("waiting for %v: %+v", got.WaitingFor, got.Checks)
	}
	f.store.missing = nil
	changed := testNow.Add(2 * time.Second)
	if !got.Checks[0].Since.Equal(changed) || !got.Checks[1].Since.Equal(testNow) {
		t.Errorf("since %v and %v", got.Checks[0].Since, got.Checks[1].Since)
	}
	f.advance(2 * time.Second)
	f.store.schema = 8 // a newer schema is accepted
	f.temporal.served["etfcast-fit"] = true
	if got := read(200); !got.Ready || len(got.WaitingFor) != 0 || !got.Checks[0].Since.Equal(changed) {
		t.Errorf("ready: %+v", got)
	}
}

func TestReadinessSaysWhoIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.err = etf.Wrap(etf.KindDenied, fmt.Errorf("user etfcast@10.0.0.1"), "pinging")
	got := decode[gen.Readiness](t, f.get("/readyz").want(t, 503))
	if d := got.Checks[0].Detail; !strings.Contains(d, "denies access") || strings.Contains(d, "10.0.0.1") {
		t.Errorf("detail %q", d)
	}
}

func TestHealthIgnoresDependencies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.err = etf.Wrap(etf.KindUnavailable, fmt.Errorf("x"), "down")
	f.temporal.err = f.store.err
	if got := decode[gen.Health](t, f.get("/healthz").want(t, http.StatusOK)); got.Status != "ok" {
		t.Errorf("%+v", got)
	}
	if got := decode[gen.Version](t, f.get("/version").want(t, http.StatusOK)); got.Version != "v0.1.0-test" || !strings.HasPrefix(got.Go, "go") {
		t.Errorf("%+v", got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY", "QQQ")
	f.get("/v1/etfs/SPY")
	f.get("/v1/etfs/QQQ")
	f.get("/nothing/at/all")
	body := string(f.get("/metrics").want(t, http.StatusOK).body)
	for _, want := range []string{
		`etfcast_http_requests_total{method="GET",route="/v1/etfs/:symbol",status="200"} 2`,
		`etfcast_http_request_seconds_count{method="GET",route="/v1/etfs/:symbol"} 2`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "nothing") {
		t.Error("an unknown path created its own series")
	}
}

func TestMetricsRegistryIsShared(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	service := service.New(service.Deps{Store: newFakeStore(), Temporal: newFakeTemporal()})
	for range 2 { // a second server in the process uses the same series
		if _, err := New(Deps{Service: service, Metrics: registry}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New(Deps{}); err == nil {
		t.Error("New accepted Deps without a Service")
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(f.get("/openapi.json").want(t, http.StatusOK).body, &doc); err != nil || doc.OpenAPI != "3.0.3" {
		t.Fatalf("%v, openapi %q", err, doc.OpenAPI)
	}
	if strings.Contains(string(f.get("/openapi.json").body), `"x-`) {
		t.Error("the document has extensions for our code generator")
	}
	for _, class := range problemClasses {
		if a := f.get("/problems/"+class.name).want(t, http.StatusOK); !strings.Contains(string(a.body), class.title) {
			t.Errorf("%s: %s", class.name, a.body)
		}
	}
}

// The limits in the code and in the document are equal.
func TestLimitsMatchTheDocument(t *testing.T) {
	t.Parallel()
	doc, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]limits{
		"/v1/etfs": listLimits, "/v1/etfs/{symbol}/scores": listLimits, "/v1/runs": listLimits, "/v1/etfs/{symbol}/bars": barLimits, "/v1/runs/{id}": runETFLimits,
	} {
		schema := doc.spec.Paths.Value(path).Get.Parameters.GetByInAndName("query", "limit").Schema.Value
		if *schema.Max != float64(want.maxSize) || *schema.Min != 1 || schema.Default != float64(want.defaultSize) {
			t.Errorf("%s: the document says %v to %v, default %v; the code %+v", path, *schema.Min, *schema.Max, schema.Default, want)
		}
	}
	run := doc.spec.Components.Schemas["NewRun"].Value.Properties["symbols"].Value
	sources := doc.spec.Components.Schemas["NewETF"].Value.Properties["sources"].Value
	ref := doc.spec.Components.Schemas["SourceRef"].Value.Properties["ref"].Value
	if *run.MaxItems != service.MaxSymbols || *sources.MaxItems != service.MaxSources || *ref.MaxLength != service.MaxSourceRef {
		t.Errorf("the document says %d symbols, %d sources, %d characters", *run.MaxItems, *sources.MaxItems, *ref.MaxLength)
	}
}
