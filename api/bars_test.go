package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// storeBars stores n bars of the symbol on consecutive days from 2020-01-01, trading days or not.
func (f *fixture) storeBars(symbol etf.Symbol, n int) {
	first := etf.MustSession("2020-01-01")
	for i := range n {
		f.store.bars[symbol] = append(f.store.bars[symbol], etf.StoredBar{
			Bar: etf.Bar{
				Session: first.AddDays(i), Open: etf.MustPrice("100.1"), High: etf.MustPrice("661.82000732"), Low: etf.MustPrice("0.00000001"),
				Close: etf.MustPrice("26775"), Volume: etf.Shares(int64(i)),
			},
			Basis: etf.AsTraded, Source: "file", Fetch: "f1", DataVersion: 3, KnownFrom: testNow,
		})
	}
}

func TestBarsAreExact(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 2)
	f.store.bars["SPY"][0].Volume = etf.VolumeUnknown
	f.store.bars["SPY"][0].AdjClose = etf.MustPrice("12345678901.12345678") // needs more digits than a float64 has
	a := f.get("/v1/etfs/SPY/bars").want(t, http.StatusOK)
	for _, want := range []string{
		`"open":100.1,`, `"high":661.82000732,`, `"low":0.00000001,`, `"close":26775,`, `"volume":null`, `"volume":1`,
		`"adj_close":12345678901.12345678,`, `"adj_close":null,`, `"session":"2020-01-01"`, `"next_cursor":null`,
	} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	if a.header.Get("Vary") != "Accept" {
		t.Errorf("Vary %q", a.header.Get("Vary"))
	}
}

func TestBarsWindowIsInclusive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 10)
	for query, want := range map[string]string{
		"":                               "2020-01-01 2020-01-10",
		"?from=2020-01-03":               "2020-01-03 2020-01-10",
		"?to=2020-01-03":                 "2020-01-01 2020-01-03",
		"?from=2020-01-03&to=2020-01-05": "2020-01-03 2020-01-05",
		"?from=2020-01-03&to=2020-01-03": "2020-01-03 2020-01-03",
		"?from=2021-01-03&to=2021-01-03": "",
	} {
		page := decode[gen.BarList](t, f.get("/v1/etfs/SPY/bars"+query).want(t, http.StatusOK))
		got := ""
		if n := len(page.Items); n > 0 {
			got = page.Items[0].Session.String() + " " + page.Items[n-1].Session.String()
		}
		if got != want || page.NextCursor != nil {
			t.Errorf("%q gives %q, want %q", query, got, want)
		}
	}
}

func TestBarsPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 1001)
	page := decode[gen.BarList](t, f.get("/v1/etfs/SPY/bars"))
	if len(page.Items) != 1000 || page.NextCursor == nil {
		t.Fatalf("first page has %d bars", len(page.Items))
	}
	rest := decode[gen.BarList](t, f.get("/v1/etfs/SPY/bars?cursor="+*page.NextCursor))
	if len(rest.Items) != 1 || rest.Items[0].Session != page.Items[999].Session+1 || rest.NextCursor != nil {
		t.Errorf("second page is %+v", rest)
	}
	// A page that ends with the list says so.
	if whole := decode[gen.BarList](t, f.get("/v1/etfs/SPY/bars?limit=1001")); len(whole.Items) != 1001 || whole.NextCursor != nil {
		t.Errorf("%d bars, next %v", len(whole.Items), whole.NextCursor)
	}
	other := f.get("/v1/etfs/SPY/bars?to=2020-02-01&cursor=" + *page.NextCursor)
	other.wantProblem(t, http.StatusBadRequest, "cursor")
}

func TestBarsCSV(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 9_999)
	f.store.bars["SPY"][0].Volume = etf.VolumeUnknown
	f.store.bars["SPY"][1].AdjClose = etf.MustPrice("1.5")
	f.store.bars["SPY"][1].Quarantined = true
	f.store.bars["SPY"][0].Held = true
	a := f.get("/v1/etfs/SPY/bars", header("Accept", "text/csv")).want(t, http.StatusOK)
	if got := a.header.Get("Content-Type"); got != "text/csv; charset=utf-8; header=present" {
		t.Errorf("content type %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 10_000 || strings.Join(rows[0], ",") != csvHeader {
		t.Fatalf("%d lines, the first %v", len(rows), rows[0])
	}
	if got := strings.Join(rows[1], "|"); got != "2020-01-01|100.1|661.82000732|0.00000001|26775|||as_traded|file|false|3|2025-09-27T12:00:00Z|true|false" {
		t.Errorf("first row %s", got)
	}
	if got := strings.Join(rows[2], "|"); got != "2020-01-02|100.1|661.82000732|0.00000001|26775|1.5|1|as_traded|file|true|3|2025-09-27T12:00:00Z|false|false" {
		t.Errorf("second row %s", got)
	}
	etag := a.header.Get("ETag")
	if jsonTag := f.get("/v1/etfs/SPY/bars?limit=1").header.Get("ETag"); etag == "" || etag == jsonTag {
		t.Errorf("ETags of CSV and JSON are %q and %q", etag, jsonTag)
	}
	f.get("/v1/etfs/SPY/bars", header("Accept", "text/csv"), header("If-None-Match", etag)).want(t, http.StatusNotModified)
	f.get("/v1/etfs/SPY/bars", header("If-None-Match", etag)).want(t, http.StatusOK)

	limited := f.get("/v1/etfs/SPY/bars?limit=3", header("Accept", "text/csv")).want(t, http.StatusOK)
	if n := strings.Count(string(limited.body), "\n"); n != 4 {
		t.Errorf("%d lines with limit=3, want 4", n)
	}
	cursor := *decode[gen.BarList](t, f.get("/v1/etfs/SPY/bars?limit=9998")).NextCursor
	rest := f.get("/v1/etfs/SPY/bars?cursor="+cursor, header("Accept", "text/csv")).want(t, http.StatusOK)
	if n := strings.Count(string(rest.body), "\n"); n != 2 {
		t.Errorf("%d lines after the cursor, want 2", n)
	}
}

func TestBarsCSVOfNothingIsItsHeader(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	if a := f.get("/v1/etfs/SPY/bars", header("Accept", "text/csv")).want(t, http.StatusOK); string(a.body) != csvHeader+"\n" {
		t.Errorf("body %q", a.body)
	}
	f.get("/v1/etfs/ZZZ/bars", header("Accept", "text/csv")).wantProblem(t, http.StatusNotFound, "symbol")
}

func TestBarsNegotiation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	for accept, want := range map[string]string{
		"":                                 "application/json",
		"*/*":                              "application/json",
		"text/*":                           "text/csv",
		"text/csv;q=0.5, application/json": "application/json",
		"text/csv, application/json;q=0.5": "text/csv",
		"text/html, text/csv;q=0.1":        "text/csv",
		"application/json;q=0, */*":        "text/csv",
		"TEXT/CSV":                         "text/csv",
		"text/csv; header=present; q=1":    "text/csv",
		"garbage, text/csv":                "text/csv",
	} {
		a := f.get("/v1/etfs/SPY/bars", header("Accept", accept)).want(t, http.StatusOK)
		if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("Accept %q gives %q, want %q", accept, got, want)
		}
	}
	for _, accept := range []string{"text/html", "application/xml, image/*", "text/csv;q=0, application/json;q=0", "text/csv;q=7"} {
		f.get("/v1/etfs/SPY/bars", header("Accept", accept)).wantProblem(t, http.StatusNotAcceptable, "Accept")
	}
	a := f.get("/v1/etfs/SPY/bars", header("Accept", "text/html"), header("Accept", "text/csv")).want(t, http.StatusOK)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv") {
		t.Errorf("two Accept lines give %q", got)
	}
}

func TestBarsCSVFailures(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 10_000) // about 800 KB: more than one chunk
	down := etf.Wrap(etf.KindUnavailable, errors.New("root@10.0.0.1 refused"), "the database can't be reached")

	// Before anything is sent, a failure becomes a problem document.
	f.store.barErr = func(n int) error { return down }
	a := f.get("/v1/etfs/SPY/bars", header("Accept", "text/csv"))
	if a.wantProblem(t, http.StatusServiceUnavailable); strings.Contains(string(a.body), "10.0.0.1") || a.header.Get("ETag") != "" {
		t.Errorf("%v %s", a.header, a.body)
	}

	// After that, the client must see a broken response, not a short one.
	f.store.barErr = func(n int) error {
		if n == 9_000 {
			return down
		}
		return nil
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+"/v1/etfs/SPY/bars", nil)
	r.Header.Set("Accept", "text/csv")
	resp, err := f.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer quietly(resp.Body)
	if data, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || resp.StatusCode != http.StatusOK {
		t.Errorf("status %d, %d bytes and error %v; want an unexpected EOF", resp.StatusCode, len(data), err)
	}
	if !strings.Contains(f.log.String(), "10.0.0.1 refused") {
		t.Error("the cause is not in the log")
	}
}

func TestBarsCSVMemoryIsBounded(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	f := &fixture{store: s}
	f.storeBars("SPY", 1)
	one := s.bars["SPY"][0]
	export := barsCSV{ctx: t.Context(), bars: service.New(service.Deps{Store: manyBars{s, one, 50_000}}), query: service.BarQuery{Symbol: "SPY", Window: etf.Window{To: etf.MustSession("2200-12-31")}}}
	w := &countingWriter{header: http.Header{}}
	if err := export.VisitListBarsResponse(w); err != nil {
		t.Fatal(err)
	}
	if w.largest > csvChunk+1024 || w.total < 50_000*60 {
		t.Errorf("%d bytes in total, %d in the largest write", w.total, w.largest)
	}
}

type manyBars struct {
	*fakeStore
	one etf.StoredBar
	n   int
}

func (m manyBars) BarsPage(_ context.Context, _ etf.Symbol, _ etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	var page []etf.StoredBar
	for next := after + 1; len(page) < limit && int(next) <= m.n; next++ {
		b := m.one
		b.Session = next
		page = append(page, b)
	}
	return page, nil
}

type countingWriter struct {
	header         http.Header
	total, largest int
}

func (w *countingWriter) Header() http.Header { return w.header }
func (w *countingWriter) WriteHeader(int)     {}
func (w *countingWriter) Write(p []byte) (int, error) {
	w.total, w.largest = w.total+len(p), max(w.largest, len(p))
	return len(p), nil
}

func TestForecasts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	p := f.get("/v1/etfs/SPY/forecasts/latest").wantProblem(t, http.StatusNotFound, "model")
	if r := (*p.Errors)[0].Remedy; r == nil || !strings.Contains(*r, "run") {
		t.Errorf("the remedy is %v", r)
	}
	f.get("/v1/etfs/ZZZ/forecasts/latest").wantProblem(t, http.StatusNotFound, "symbol")

	one := etf.Forecast{
		ID: strings.Repeat("ab", 16), Symbol: "SPY", Model: "drift", Origin: etf.MustSession("2025-09-26"),
		DataVersion: etf.DataVersion{Number: 3, Writer: "ab12"}, Basis: etf.SplitAdjusted, Params: `{"half_life":60}`,
		ParamsHash: "p", Seed: 1<<64 - 1, CodeVersion: "v0.1.0", Diagnostics: map[string]string{"rows": "250"},
		Run: "daily:XNYS:2025-09-26", AsOf: testNow, IssuedAt: testNow.Add(time.Second), Chain: 1, Hash: "c0ffee",
		Points: []etf.ForecastPoint{{Horizon: 1, Target: etf.MustSession("2025-09-29"), Mean: 662.5, Quantiles: [7]float64{1, 2, 3, 4, 5, 6, 7.25}}},
	}
	other := one
	other.ID, other.Model, other.Hash, other.Params, other.Diagnostics = strings.Repeat("cd", 16), "prophet", "beef", "", nil
	f.store.forecasts = []etf.Forecast{one, other}

	a := f.get("/v1/etfs/SPY/forecasts/latest").want(t, http.StatusOK)
	for _, want := range []string{
		`"seed":"18446744073709551615"`, `"params":{"half_life":60}`, `"target":"2025-09-29"`, `"horizon":1`, `"mean":662.5`,
		`"quantiles":{"0.05":1,"0.1":2,"0.25":3,"0.5":4,"0.75":5,"0.9":6,"0.95":7.25}`, `"model":"drift"`, `"hash":"c0ffee"`,
	} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	if etag := a.header.Get("ETag"); etag != `"c0ffee"` {
		t.Errorf("ETag %q", etag)
	}
	f.get("/v1/etfs/SPY/forecasts/latest", header("If-None-Match", `"c0ffee"`)).want(t, http.StatusNotModified)
	named := decode[gen.Forecast](t, f.get("/v1/etfs/SPY/forecasts/latest?model=prophet").want(t, http.StatusOK))
	if named.Id != other.ID {
		t.Errorf("model=prophet gives %s", named.Id)
	}
	byID := f.get("/v1/forecasts/"+one.ID).want(t, http.StatusOK)
	if string(byID.body) != string(a.body) {
		t.Errorf("by ID the forecast is %s, want %s", byID.body, a.body)
	}
	if !strings.Contains(string(a.body), `"components":{},"fit_hash":null`) {
		t.Errorf("without components and fit the forecast is %s", a.body)
	}
	f.get("/v1/forecasts/"+one.ID, header("If-None-Match", `W/"c0ffee"`)).want(t, http.StatusNotModified)
	f.get("/v1/forecasts/"+strings.Repeat("0", 32)).wantProblem(t, http.StatusNotFound, "id")
}

// A forecast that is not as it was issued is a problem of its own type, which is counted; not even a client that has the
// ETag gets it confirmed.
func TestChangedForecastIsNotServed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	one := etf.Forecast{ID: "31dbfb8f08f5adc05dc4ab539e34a466", Symbol: "SPY", Model: "drift", Origin: etf.MustSession("2025-09-26"), Hash: "c0ffee", FitHash: "f17"}
	f.store.forecasts = []etf.Forecast{one}
	metric := func() string {
		_, count, _ := strings.Cut(string(f.get("/metrics").want(t, http.StatusOK).body), "\netfcast_integrity_failures_total ")
		count, _, _ = strings.Cut(count, "\n")
		return count
	}
	if got := metric(); got != "0" {
		t.Errorf("etfcast_integrity_failures_total is %q before anything failed", got)
	}
	f.store.forecastErr = &etf.Error{Kind: etf.KindCorrupt, Message: "forecast 31db is not as it was issued", Remedy: "compare with a backup", Err: fmt.Errorf("%w: row 5 of password", etf.ErrAltered)}
	for _, path := range []string{"/v1/etfs/SPY/forecasts/latest", "/v1/forecasts/" + one.ID, "/v1/forecasts/" + one.ID + "/fit"} {
		for _, tag := range []string{`"none"`, `"c0ffee"`, `"f17"`, "*"} {
			a := f.get(path, header("If-None-Match", tag))
			p := a.wantProblem(t, http.StatusInternalServerError)
			if p.Type != "/problems/integrity" || !strings.Contains(p.Detail, "forecast 31db is not as it was issued") || a.header.Get("ETag") != "" || strings.Contains(string(a.body), "password") {
				t.Errorf("%s: %v %s", path, a.header, a.body)
			}
		}
	}
	if got := metric(); got != "12" {
		t.Errorf("etfcast_integrity_failures_total is %q, want 12", got)
	}
	if text := string(f.get("/problems/integrity").want(t, http.StatusOK).body); !strings.Contains(text, "ledger verify") {
		t.Errorf("/problems/integrity: %s", text)
	}
}

// The forecast by a model with components includes them, and its fit is returned byte for byte.
func TestForecastParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	// Things an encoder would rewrite: spaces, a character that is escaped in HTML, a number with trailing zeros.
	fit := []byte("{ \"model\": \"prophet\", \"note\": \"<a>\", \"k\": 0.50 }\n")
	one := etf.Forecast{
		ID: strings.Repeat("ef", 16), Symbol: "SPY", Model: "prophet", Origin: etf.MustSession("2025-09-26"), Basis: etf.SplitAdjusted,
		Params: `{"growth":"linear"}`, Diagnostics: map[string]string{"status": "ok"}, Run: "daily:XNYS:2025-09-26", AsOf: testNow,
		IssuedAt: testNow, Chain: 1, Hash: "beef", FitHash: fmt.Sprintf("%x", sha256.Sum256(fit)),
		Points: []etf.ForecastPoint{
			{Horizon: 1, Target: etf.MustSession("2025-09-29"), Mean: 662.5}, {Horizon: 2, Target: etf.MustSession("2025-09-30"), Mean: 663},
		},
		Components: map[string][]float64{"trend": {6.494, 6.4945}, "weekly": {-1e-9, 0.1}},
	}
	f.store.forecasts, f.store.fits = []etf.Forecast{one}, map[string][]byte{one.ID: fit}
	for _, path := range []string{"/v1/forecasts/" + one.ID, "/v1/etfs/SPY/forecasts/latest?model=prophet"} {
		a := f.get(path).want(t, http.StatusOK)
		got := decode[gen.Forecast](t, a)
		if !reflect.DeepEqual(got.Components, one.Components) || got.FitHash == nil || *got.FitHash != one.FitHash || got.Diagnostics["status"] != "ok" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	a := f.get("/v1/forecasts/"+one.ID+"/fit").want(t, http.StatusOK)
	if !bytes.Equal(a.body, fit) || a.header.Get("ETag") != `"`+one.FitHash+`"` || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("the fit is %q, %v", a.body, a.header)
	}
	f.get("/v1/forecasts/"+one.ID+"/fit", header("If-None-Match", a.header.Get("ETag"))).want(t, http.StatusNotModified)

	older := one
	older.ID, older.FitHash, older.Components = strings.Repeat("ab", 16), "", nil
	f.store.forecasts = append(f.store.forecasts, older)
	f.get("/v1/forecasts/"+older.ID+"/fit").wantProblem(t, http.StatusNotFound, "id")
	f.get("/v1/forecasts/"+strings.Repeat("0", 32)+"/fit").wantProblem(t, http.StatusNotFound, "id")
	f.get("/v1/forecasts/x/fit").wantProblem(t, http.StatusBadRequest, "id")
}

// An unknown model name is a different error than a model that has no forecast yet.
func TestForecastModels(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	p := f.get("/v1/etfs/SPY/forecasts/latest?model=profet").wantProblem(t, http.StatusBadRequest, "model")
	if e := (*p.Errors)[0]; !strings.Contains(e.Message, `"profet"`) || e.Remedy == nil || *e.Remedy != "use drift or prophet" {
		t.Errorf("the problem is %+v", e)
	}
	missing := func(bars, quarantined int) (message, remedy string) {
		t.Helper()
		e := f.store.etfs["SPY"]
		e.Bars, e.Quarantined = bars, quarantined
		f.store.etfs["SPY"] = e
		p := f.get("/v1/etfs/SPY/forecasts/latest?model=drift").wantProblem(t, http.StatusNotFound, "model")
		one := (*p.Errors)[0]
		if one.Remedy == nil {
			t.Fatalf("the problem has no remedy: %+v", one)
		}
		return one.Message, *one.Remedy
	}
	const bare = "SPY has no forecast by model drift yet" // drift needs 21 sessions
	for _, c := range []struct {
		bars, quarantined int
		message, remedy   string // remedy is a substring
	}{
		{0, 0, bare, "a daily run fetches its prices"},
		{22, 2, bare + ": it needs 21 sessions (min_sessions) but 20 are stored", "a daily run makes one once 21 are stored"},
		{23, 2, bare, "ModelFailed"},
	} {
		message, remedy := missing(c.bars, c.quarantined)
		if message != c.message || !strings.Contains(remedy, c.remedy) || strings.Contains(remedy, "/v1/runs/{id}") != (c.remedy == "ModelFailed") {
			t.Errorf("%d bars, %d quarantined: %q, remedy %q", c.bars, c.quarantined, message, remedy)
		}
	}
	f.get("/v1/etfs/SPY/forecasts/latest?model=prophet").wantProblem(t, http.StatusNotFound, "model")
	f.get("/v1/etfs/ZZZ/forecasts/latest?model=profet").wantProblem(t, http.StatusNotFound, "symbol")
	// Forecasts by a former model can still be read.
	f.store.forecasts = []etf.Forecast{{ID: strings.Repeat("ab", 16), Symbol: "SPY", Model: "naive", Origin: etf.MustSession("2024-09-26"),
		Basis: etf.SplitAdjusted, AsOf: testNow, IssuedAt: testNow, Chain: 1, Hash: "c0ffee"}}
	f.get("/v1/etfs/SPY/forecasts/latest?model=naive").want(t, http.StatusOK)

	a := f.get("/v1/models").want(t, http.StatusOK)
	want := `{"items":[{"name":"drift","served":true,"min_sessions":21,"params":{"half_life":60},"served_for":[]},` +
		`{"name":"prophet","served":false,"min_sessions":2,"params":{"growth":"linear"},"served_for":[]}],"next_cursor":null}`
	if strings.TrimSpace(string(a.body)) != want {
		t.Errorf("the models are %s", a.body)
	}
	served := service.New(service.Deps{Store: f.store, Models: []service.Model{{Name: "drift"}, {Name: "prophet"}}, ServedModel: "prophet"})
	if _, err := served.LatestForecast(t.Context(), "SPY", ""); etf.KindOf(err) != etf.KindNotFound || !strings.Contains(err.Error(), "prophet") {
		t.Errorf("with prophet served: %v", err)
	}
}
