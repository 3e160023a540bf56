package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// processOn returns the process that `up` would create, on this database and without Temporal.
func processOn(t *testing.T, dsn string) *process {
	t.Helper()
	a := &app{env: environment{"TEMPORAL_ADDRESS": "127.0.0.1:1"}, stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	a.common.mysqlDSN, a.common.logLevel, a.common.logFormat = dsn, "error", "text"
	p, err := a.newProcess(serverSettings{listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// diagnoses runs doctor's database checks and, if chains is true, the check of the hash chains.
func diagnoses(t *testing.T, dsn string, chains bool) map[string]diagnosis {
	t.Helper()
	d := &doctor{app: &app{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}}
	d.app.common.mysqlDSN = dsn
	d.database(t.Context())
	if chains {
		d.chains(t.Context())
	}
	found := map[string]diagnosis{}
	for _, f := range d.found {
		found[f.Check] = f
	}
	return found
}

// After a migration without --grant, worker and API wait as they do for the migration, and doctor names the remedy.
func TestUpgradeWithoutGrant(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	user, _, _ := strings.Cut(database.UserDSN, ":")
	if _, err := database.Admin(t).Exec("REVOKE SELECT, INSERT ON " + database.Name + ".forecast_fits FROM '" + user + "'@'%'"); err != nil {
		t.Fatal(err)
	}
	p := processOn(t, database.UserDSN)
	schema := func() string {
		t.Helper()
		// A new handler each time: /readyz caches its result for a second.
		handler, err := api.New(api.Deps{Service: p.service(), Version: "test", Log: p.log, Metrics: p.metrics})
		if err != nil {
			t.Fatal(err)
		}
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/readyz", nil))
		var body struct {
			Checks []struct{ Name, State, Detail string }
		}
		if err := json.Unmarshal(response.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		for _, c := range body.Checks {
			if c.Name == "schema" {
				return c.State + " " + c.Detail
			}
		}
		t.Fatalf("/readyz has no check \"schema\": %s", response.Body)
		return ""
	}
	const missing, remedy = "tables not granted: forecast_fits", "run `etfcast migrate --grant USER`"
	if got := schema(); got != "waiting "+missing+" ("+remedy+")" {
		t.Errorf("/readyz: %s", got)
	}
	// retry.Until retries KindUnavailable; any other kind would end the worker.
	if _, err := p.service().Schema(t.Context()); etf.KindOf(err) != etf.KindUnavailable || !strings.Contains(err.Error(), missing) {
		t.Errorf("the worker: %v", err)
	}
	if got := diagnoses(t, database.UserDSN, false)["schema"]; got.State != "error" || got.Detail != missing || got.Remedy != remedy {
		t.Errorf("doctor: %+v", got)
	}

	if err := db.Migrate(t.Context(), database.AdminDSN, db.MigrateOptions{GrantUsers: []string{user}}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.service().Schema(t.Context()); err != nil {
		t.Errorf("the worker, after the grant: %v", err)
	}
	if got := schema(); got != "ok " {
		t.Errorf("/readyz, after the grant: %s", got)
	}
	if got := diagnoses(t, database.UserDSN, false)["schema"]; got.State != "ok" {
		t.Errorf("doctor, after the grant: %+v", got)
	}
}

func TestDoctorChains(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	s := database.Store
	for _, symbol := range []etf.Symbol{"AAA", "BBB", "NONE"} {
		e := etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}
		if _, _, err := s.CreateETF(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	chains := func() map[string]diagnosis { return diagnoses(t, database.UserDSN, true) }
	if got := chains()["chains"]; got.State != "ok" || got.Detail != "all 0 are intact (3 ETFs)" {
		t.Errorf("without a forecast: %+v", got)
	}
	origin := etf.MustSession("2025-09-26")
	for i, c := range []struct {
		symbol etf.Symbol
		model  string
	}{{"AAA", "drift"}, {"AAA", "drift"}, {"AAA", "a_former_one"}, {"BBB", "drift"}, {"BBB", "prophet"}} {
		f := etf.Forecast{ID: fmt.Sprintf("%032x", i), Symbol: c.symbol, Model: c.model, Origin: origin.AddDays(i), Basis: etf.SplitAdjusted, Params: "{}",
			AsOf: time.Now(), IssuedAt: time.Now(), Fit: []byte("{}"), Components: map[string][]float64{"trend": {1}},
			Points: []etf.ForecastPoint{{Horizon: 1, Target: origin.AddDays(i + 3), Mean: 1}}}
		if _, _, err := s.AppendForecast(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if got := chains()["chains"]; got.State != "ok" || got.Detail != "all 4 are intact (3 ETFs)" {
		t.Errorf("unchanged: %+v", got)
	}
	for _, change := range []string{
		"UPDATE forecast_components SET by_horizon = 'garbage' WHERE forecast_id = '" + fmt.Sprintf("%032x", 1) + "'",
		"UPDATE forecasts SET seed = seed + 1 WHERE model = 'a_former_one'",
	} {
		if _, err := database.Admin(t).Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	got := chains()
	if c := got["chains"]; c.State != "error" || c.Detail != "2 of 4 are broken (3 ETFs)" || c.Remedy == "" {
		t.Errorf("changed: %+v", c)
	}
	if c := got["chain AAA drift"]; c.State != "error" || !strings.Contains(c.Detail, "position 2") || !strings.Contains(c.Remedy, "backup") {
		t.Errorf("changed: %+v", c)
	}
	if c := got["chain AAA a_former_one"]; c.State != "error" || !strings.Contains(c.Detail, "position 1") {
		t.Errorf("changed: %+v", c)
	}

	// The command: --chains reports broken chains as errors; without it, the chains are not checked.
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	if code, out, _ := etfcast(t, env, "doctor", "--chains"); code != exitError || !strings.Contains(out, "2 of 4 are broken") {
		t.Errorf("doctor --chains: exit code %d, %s", code, out)
	}
	if _, out, _ := etfcast(t, env, "doctor"); strings.Contains(out, "chain") {
		t.Errorf("doctor: %s", out)
	}
	if got := diagnoses(t, "u:p@tcp(127.0.0.1:1)/etfcast", true)["chains"]; got.State != "error" {
		t.Errorf("without a database: %+v", got)
	}
}

// Every model has a series before it first fails, and each failure is counted for its model.
func TestModelMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	all, err := models()
	if err != nil {
		t.Fatal(err)
	}
	failed := modelMetrics(registry, all)
	failed("prophet")
	failed("prophet")
	if got, want := scrape(t, registry), []string{`etfcast_model_failures_total{model="drift"} 0`, `etfcast_model_failures_total{model="prophet"} 2`}; !strings.Contains(got, strings.Join(want, "\n")) {
		t.Errorf("%s", got)
	}
}

// The workers' ModelFailed counts in the registry behind /metrics.
func TestProcessCountsModelFailures(t *testing.T) {
	t.Parallel()
	p := processOn(t, "u:p@tcp(127.0.0.1:1)/etfcast")
	p.deps().ModelFailed(p.models[1].Name())
	if got := scrape(t, p.metrics); !strings.Contains(got, `etfcast_model_failures_total{model="`+p.models[1].Name()+`"} 1`) {
		t.Errorf("%s", got)
	}
}

func scrape(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	response := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return response.Body.String()
}
