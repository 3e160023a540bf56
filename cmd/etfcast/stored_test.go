package main

import (
	"bytes"
	"database/sql"
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

// diagnoses runs doctor's database checks.
func diagnoses(t *testing.T, dsn string) map[string]diagnosis {
	t.Helper()
	d := &doctor{app: &app{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}}
	d.app.common.mysqlDSN = dsn
	d.database(t.Context())
	found := map[string]diagnosis{}
	for _, f := range d.found {
		found[f.Check] = f
	}
	return found
}

// After a migration without --grant, or with rights to read only, worker and API wait as they do for the migration, and
// doctor names the remedy.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ revoke, missing string }{
		"a table":    {"SELECT, INSERT ON %s.forecast_fits", "SELECT on forecast_fits"},
		"one right":  {"UPDATE ON %s.runs", "UPDATE on runs"},
		"to remove":  {"DELETE ON %s.staged_bars", "DELETE on staged_bars"},
		"to append":  {"INSERT ON %s.forecasts", "INSERT on forecasts"},
		"everything": {"SELECT ON %s.schema_versions", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := dbtest.Open(t, dbtest.Embedded(t))
			user, _, _ := strings.Cut(database.UserDSN, ":")
			if _, err := database.Admin(t).Exec("REVOKE " + fmt.Sprintf(c.revoke, database.Name) + " FROM '" + user + "'@'%'"); err != nil {
				t.Fatal(err)
			}
			p := processOn(t, database.UserDSN)
			missing, check := "the database user has too few rights; missing: "+c.missing, "rights"
			if c.missing == "" {
				missing, check = "the database denies access to the user", "schema"
			}
			const remedy = "`etfcast migrate --grant USER`"
			if got := schemaCheck(t, p); !strings.HasPrefix(got, "waiting "+missing+" (") || !strings.Contains(got, remedy) {
				t.Errorf("/readyz: %s", got)
			}
			// retry.Until retries KindUnavailable; any other kind would end the worker.
			if err := p.service().Migrated(t.Context()); etf.KindOf(err) != etf.KindUnavailable || !strings.Contains(err.Error(), missing) {
				t.Errorf("the worker: %v", err)
			}
			if got := diagnoses(t, database.UserDSN)[check]; got.State != "error" || !strings.Contains(got.Detail, missing) || !strings.Contains(got.Remedy, remedy) {
				t.Errorf("doctor: %+v", got)
			}

			if err := db.Migrate(t.Context(), database.AdminDSN, db.MigrateOptions{GrantUsers: []string{user}}); err != nil {
				t.Fatal(err)
			}
			if err := p.service().Migrated(t.Context()); err != nil {
				t.Errorf("the worker, after the grant: %v", err)
			}
			if got := schemaCheck(t, p); got != "ok " {
				t.Errorf("/readyz, after the grant: %s", got)
			}
			found := diagnoses(t, database.UserDSN)
			for _, check := range []string{"schema", "rights"} {
				if found[check].State != "ok" {
					t.Errorf("doctor, after the grant: %+v", found[check])
				}
			}
		})
	}
}

// A forecast that gained a point, for which INSERT suffices, is neither served nor confirmed to a client that has its ETag.
func TestChangedForecastIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		database := dbtest.Open(t, dsn)
		if _, _, err := database.Store.CreateETF(t.Context(), etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: "SPY"}}}); err != nil {
			t.Fatal(err)
		}
		const id = "31dbfb8f08f5adc05dc4ab539e34a466"
		origin := etf.MustSession("2025-09-26")
		f := etf.Forecast{ID: id, Symbol: "SPY", Model: "drift", Origin: origin, Basis: etf.SplitAdjusted, Params: "{}", AsOf: time.Now(), IssuedAt: time.Now(), Fit: []byte("{}"),
			Points: []etf.ForecastPoint{{Horizon: 1, Target: origin.AddDays(3), Mean: 1}}}
		if r, err := database.Store.AppendForecasts(t.Context(), []etf.Forecast{f}); err != nil || r[0].Refused != nil {
			t.Fatal(r, err)
		}
		p := processOn(t, database.UserDSN)
		handler, err := api.New(api.Deps{Service: p.service(), Version: "test", Log: p.log, Metrics: p.metrics})
		if err != nil {
			t.Fatal(err)
		}
		get := func(path, tag string) *httptest.ResponseRecorder {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
			request.Header.Set("If-None-Match", tag)
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, request)
			return response
		}
		tags := map[string]string{}
		for _, path := range []string{"/v1/forecasts/" + id, "/v1/etfs/SPY/forecasts/latest", "/v1/forecasts/" + id + "/fit"} {
			response := get(path, `"none"`)
			if response.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", path, response.Code, response.Body)
			}
			tags[path] = response.Header().Get("ETag")
			if again := get(path, tags[path]); again.Code != http.StatusNotModified {
				t.Errorf("%s again: %d", path, again.Code)
			}
		}
		pipeline, err := sql.Open("mysql", database.UserDSN)
		if err != nil {
			t.Fatal(err)
		}
		defer pipeline.Close()
		if _, err := pipeline.Exec("INSERT INTO forecast_points VALUES (?, 2, '2025-09-30', 1, 1, 1, 1, 1, 1, 1, 1)", id); err != nil {
			t.Fatal(err)
		}
		for path, tag := range tags {
			if response := get(path, tag); response.Code != http.StatusInternalServerError || !strings.Contains(response.Body.String(), `"/problems/integrity"`) || response.Header().Get("ETag") != "" {
				t.Errorf("%s: %d %v %s", path, response.Code, response.Header(), response.Body)
			}
		}
		if got := scrape(t, p.metrics); !strings.Contains(got, "\netfcast_integrity_failures_total 3\n") {
			t.Errorf("the metrics do not count 3 refusals: %s", got)
		}
	})
}

// schemaCheck returns state and detail of the check "schema" of /readyz. A busy machine may take longer than the 2 s of a check: it is
// then made again.
func schemaCheck(t *testing.T, p *process) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if got := schemaCheckOnce(t, p); !strings.Contains(got, "the database can't be reached") || time.Now().After(deadline) {
			return got
		}
	}
}

func schemaCheckOnce(t *testing.T, p *process) string {
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

// A user who could change what was issued is warned of, and so is a server that could not refuse it.
func TestDoctorAppendOnly(t *testing.T) {
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		database := dbtest.Open(t, dsn)
		can, err := database.Store.Capabilities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := diagnoses(t, database.UserDSN)["append-only"]
		if want := map[bool]string{true: "warning", false: "ok"}[can.Server == "Dolt"]; got.State != want {
			t.Errorf("as documented: %+v, want %s", got, want)
		}
		user, _, _ := strings.Cut(database.UserDSN, ":")
		if _, err := database.Admin(t).Exec("GRANT UPDATE ON " + database.Name + ".forecasts TO '" + user + "'@'%'"); err != nil {
			t.Fatal(err)
		}
		if got := diagnoses(t, database.UserDSN)["append-only"]; got.State != "warning" || !strings.Contains(got.Detail, "UPDATE on forecasts") {
			t.Errorf("a user who may change forecasts: %+v", got)
		}
	})
}

// Rows that belong to nothing and sums that nothing adds up to are errors, and traces of a clock that went back warnings.
func TestDoctorRecords(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	run := func() map[string]diagnosis {
		t.Helper()
		_, out, errs := etfcast(t, []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}, "doctor", "--json")
		var list []diagnosis
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v: %s %s", err, out, errs)
		}
		found := map[string]diagnosis{}
		for _, d := range list {
			found[d.Check] = d
		}
		return found
	}
	if got := run(); got["orphans"].State != "ok" || got["clock"].State != "ok" || got["scores"].State != "ok" {
		t.Errorf("an empty database: %+v, %+v, %+v", got["orphans"], got["clock"], got["scores"])
	}
	if _, err := database.Admin(t).Exec("INSERT INTO score_sums VALUES ('XNYS', 'drift', 1, 'record', '2025-01-02', 0, 1" + strings.Repeat(", 0", 31) + ")"); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Admin(t).Exec("INSERT INTO forecast_points VALUES ('lost', 1, '2025-01-03', 1, 1, 1, 1, 1, 1, 1, 1), ('lost', 2, '2025-01-04', 1, 1, 1, 1, 1, 1, 1, 1)"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := database.Store.CreateETF(t.Context(), etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: "SPY"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Admin(t).Exec("INSERT INTO data_versions SELECT id, 1, 'w', '2100-01-01 00:00:00', 'fetch', 'x' FROM etfs"); err != nil {
		t.Fatal(err)
	}
	got := run()
	if d := got["orphans"]; d.State != "error" || !strings.Contains(d.Detail, "2 in forecast_points of forecast lost") || !strings.Contains(d.Remedy, "backup") {
		t.Errorf("orphans: %+v", d)
	}
	if d := got["scores"]; d.State != "error" || !strings.Contains(d.Detail, "n of drift on XNYS, horizon 1, record, origin 2025-01-02: 1 is stored, the scores add up to 0") || !strings.Contains(d.Remedy, "backup") {
		t.Errorf("scores: %+v", d)
	}
	if d := got["clock"]; d.State != "warning" || !strings.Contains(d.Detail, "data version 1 of SPY is from 2100-01-01T00:00:00Z, but it is ") || d.Remedy == "" {
		t.Errorf("clock: %+v", d)
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
	if got, want := scrape(t, registry), []string{`etfcast_model_failures_total{model="drift"} 0`, `etfcast_model_failures_total{model="prophet"} 2`}; !strings.Contains(got, want[0]) || !strings.Contains(got, want[1]) {
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

// A response is sent again only as long as nothing has happened to its ETF: a new forecast is served at once, and a change made past
// the program is found once the response has been kept for its time.
func TestKeptResponses(t *testing.T) {
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		database := dbtest.Open(t, dsn)
		for _, symbol := range []etf.Symbol{"SPY", "QQQ"} {
			if _, _, err := database.Store.CreateETF(t.Context(), etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}); err != nil {
				t.Fatal(err)
			}
		}
		origin := etf.MustSession("2025-09-26")
		issue := func(id string, seed uint64) {
			t.Helper()
			f := etf.Forecast{ID: id, Symbol: "SPY", Model: "drift", Origin: origin, Basis: etf.SplitAdjusted, Params: "{}", Seed: seed, AsOf: time.Now(), IssuedAt: time.Now(), Fit: []byte("{}"),
				Points: []etf.ForecastPoint{{Horizon: 1, Target: origin.AddDays(3), Mean: 1}}}
			if r, err := database.Store.AppendForecasts(t.Context(), []etf.Forecast{f}); err != nil || r[0].Refused != nil {
				t.Fatal(r, err)
			}
		}
		p := processOn(t, database.UserDSN)
		handler, err := api.New(api.Deps{Service: p.service(), Version: "test", Log: p.log, Metrics: p.metrics, KeepForecasts: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		get := func(headers ...string) *httptest.ResponseRecorder {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/v1/etfs/SPY/forecasts/latest", nil)
			for i := 0; i < len(headers); i += 2 {
				request.Header.Set(headers[i], headers[i+1])
			}
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, request)
			return response
		}
		first, second := strings.Repeat("a", 32), strings.Repeat("b", 32)
		if response := get(); response.Code != http.StatusNotFound {
			t.Fatalf("%d %s", response.Code, response.Body)
		}
		issue(first, 1)
		one := get() // what was not found is not kept
		if one.Code != http.StatusOK || !strings.Contains(one.Body.String(), first) {
			t.Fatalf("%d %s", one.Code, one.Body)
		}
		again := get()
		if again.Body.String() != one.Body.String() || again.Header().Get("ETag") != one.Header().Get("ETag") || again.Header().Get("Content-Type") != one.Header().Get("Content-Type") ||
			again.Header().Get("X-Request-Id") == one.Header().Get("X-Request-Id") || again.Header().Get("X-Request-Id") == "" {
			t.Errorf("kept: %v %s, first %v %s", again.Header(), again.Body, one.Header(), one.Body)
		}
		if tagged := get("If-None-Match", one.Header().Get("ETag")); tagged.Code != http.StatusNotModified {
			t.Errorf("with its ETag: %d", tagged.Code)
		}
		issue(second, 2)
		if response := get(); !strings.Contains(response.Body.String(), second) {
			t.Errorf("after another forecast: %s", response.Body)
		}
		pipeline, err := sql.Open("mysql", database.UserDSN)
		if err != nil {
			t.Fatal(err)
		}
		defer pipeline.Close()
		if _, err := pipeline.Exec("INSERT INTO forecast_points VALUES (?, 2, '2025-09-30', 1, 1, 1, 1, 1, 1, 1, 1)", second); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Minute)
		for get().Code != http.StatusInternalServerError {
			if time.Now().After(deadline) {
				t.Fatal("a changed forecast is served although the time is over")
			}
		}
	})
}

// A page of bars is sent again only as long as nothing has happened to its ETF: whatever is committed before a request is in its response.
func TestKeptBars(t *testing.T) {
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, database := t.Context(), dbtest.Open(t, dsn)
		session := etf.MustSession("2025-09-26")
		// store takes a close through the pipeline; a finding keeps it out.
		store := func(symbol etf.Symbol, name string, price etf.Price, at time.Time, findings ...etf.Finding) {
			t.Helper()
			bars := []etf.Bar{{Session: session, Open: price, High: price, Low: price, Close: price, AdjClose: price, Volume: etf.Shares(1)}}
			f := etf.Fetch{ID: strings.Repeat(name, 32), Symbol: symbol, Source: "simulated", Basis: etf.AsTraded, Rows: 1, Request: "GET", MediaType: "text/csv",
				Hash: strings.Repeat("0", 64), FetchedAt: at, Run: "daily:XNYS:2025-09-26", Window: etf.Window{From: session, To: session}}
			verdicts := []etf.Verdict{etf.VerdictKeep}
			for i := range findings {
				findings[i].Symbol, findings[i].Fetch, verdicts[0] = symbol, f.ID, etf.VerdictQuarantine
			}
			if err := database.Store.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
				t.Fatal(err)
			}
			if _, err := database.Store.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: findings, Verdicts: verdicts}); err != nil {
				t.Fatal(err)
			}
			if _, err := database.Store.Persist(ctx, f.ID); err != nil {
				t.Fatal(err)
			}
		}
		for _, symbol := range []etf.Symbol{"SPY", "QQQ"} {
			if _, _, err := database.Store.CreateETF(ctx, etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}); err != nil {
				t.Fatal(err)
			}
		}
		p := processOn(t, database.UserDSN)
		const keep = time.Hour // no response here is made again because of its age
		handler, err := api.New(api.Deps{Service: p.service(), Version: "test", Log: p.log, Metrics: p.metrics, KeepBars: keep})
		if err != nil {
			t.Fatal(err)
		}
		get := func(accept string) string {
			t.Helper()
			request := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/v1/etfs/SPY/bars", nil)
			request.Header.Set("Accept", accept)
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, request)
			if response.Code != http.StatusOK || !strings.HasPrefix(response.Header().Get("Content-Type"), accept) {
				t.Fatalf("%d %s %s", response.Code, response.Header().Get("Content-Type"), response.Body)
			}
			return response.Body.String()
		}
		bars := func(want ...string) {
			t.Helper()
			text := get("application/json")
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s is not in %s", w, text)
				}
			}
		}
		bars(`"items":[]`)
		// At 17:00 in New York, before late trading ends: the close is provisional.
		store("SPY", "a", 100e8, time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC), etf.Finding{ID: strings.Repeat("f", 32), Rule: "price_spike", Severity: etf.SeverityError,
			Sessions: []etf.Session{session}, Evidence: "test", FoundAt: time.Now()})
		bars(`"close":100,`, `"quarantined":true`, `"provisional":true`)
		if text := get("text/csv"); !strings.Contains(text, "2025-09-26") {
			t.Errorf("as CSV: %s", text)
		}
		if _, err := database.Store.Decide(ctx, etf.Ruling{Finding: strings.Repeat("f", 32), Decision: etf.Accept, By: "Kim", Why: "right"}); err != nil {
			t.Fatal(err)
		}
		bars(`"close":100,`, `"quarantined":false`, `"provisional":true`)
		// The next day the same close comes again: no new data version, but the close is final.
		store("SPY", "b", 100e8, time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC))
		bars(`"close":100,`, `"provisional":false`)
		// A change made past the program has no event, and neither has it one of another ETF: the page is sent again.
		if _, err := database.Admin(t).ExecContext(ctx, "UPDATE bars SET close = 99 WHERE session = '2025-09-26'"); err != nil {
			t.Fatal(err)
		}
		store("QQQ", "c", 50e8, time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC))
		bars(`"close":100,`)
		store("SPY", "d", 101e8, time.Date(2025, 9, 27, 13, 0, 0, 0, time.UTC))
		bars(`"close":101,`)
	})
}
