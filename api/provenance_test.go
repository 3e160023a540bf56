package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// provenanceStore adds to a fakeStore what was known when a forecast was made.
type provenanceStore struct {
	cause     etf.VersionCause
	history   etf.History
	fetches   []etf.FetchUse
	decisions []etf.VersionCause
}

func (f *fakeStore) HistoryAt(_ context.Context, _ etf.Symbol, version int64, _ etf.Session, limit int) (etf.History, error) {
	h := f.provenance.history
	if version != f.provenance.cause.Number {
		return etf.History{}, etf.Invalid("data_version", "another version", "")
	}
	h.Bars = h.Bars[max(0, len(h.Bars)-limit):]
	return h, f.err
}

func (f *fakeStore) VersionCause(context.Context, etf.Symbol, int64) (etf.VersionCause, error) {
	return f.provenance.cause, f.err
}

func (f *fakeStore) Decisions(context.Context, etf.Symbol, int64, int) ([]etf.VersionCause, error) {
	return f.provenance.decisions, f.err
}

func (f *fakeStore) BarFetchesAt(_ context.Context, _ etf.Symbol, _ int64, w etf.Window) ([]etf.FetchUse, error) {
	if w != (etf.Window{From: etf.MustSession("2025-09-25"), To: etf.MustSession("2025-09-26")}) {
		return nil, etf.Invalid("window", w.From.String(), "")
	}
	return f.provenance.fetches, f.err
}

func TestProvenance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	version := etf.DataVersion{Number: 3, Writer: "ab12"}
	one := etf.Forecast{
		ID: "31dbfb8f08f5adc05dc4ab539e34a466", Symbol: "SPY", Model: "drift", Origin: etf.MustSession("2025-09-26"), DataVersion: version, Basis: etf.SplitAdjusted,
		Params: `{"decay":0.94}`, Seed: 7, CodeVersion: "0.2.0+1a2b3c4d5e6f", Diagnostics: map[string]string{"rows": "2"}, Run: "daily:XNYS:2025-09-26",
		AsOf: testNow, IssuedAt: testNow, Chain: 2, PrevHash: "beef", Hash: "c0ffee", FitHash: "f17",
		Points:     []etf.ForecastPoint{{Horizon: 1, Target: etf.MustSession("2025-09-29"), Mean: 4, Quantiles: [7]float64{1, 2, 3, 4, 5, 6, 7}}},
		Tails:      [][2]float64{{.5, 8}},
		ClosesHash: strings.Repeat("a", 64), Scale: etf.Scale{Absolute: 1.5, Squared: 4}, Build: etf.Build{Go: "go1.26.8", Arch: "amd64", Features: "v1+fma"},
	}
	entry := etf.Forecast{ID: strings.Repeat("ef", 16), Symbol: "SPY", Model: "naive", Origin: one.Origin, Basis: etf.SplitAdjusted, Run: "entry:naive", AsOf: testNow, IssuedAt: testNow,
		Chain: 1, Hash: "e", Points: one.Points}
	f.store.forecasts = []etf.Forecast{one, entry}
	f.store.provenance = provenanceStore{
		cause: etf.VersionCause{DataVersion: version, KnownFrom: testNow, Cause: etf.CauseFetch, CauseID: "f1"},
		history: etf.History{DataVersion: version, Bars: []etf.StoredBar{
			{Bar: etf.Bar{Session: etf.MustSession("2025-09-24")}}, {Bar: etf.Bar{Session: etf.MustSession("2025-09-25")}}, {Bar: etf.Bar{Session: etf.MustSession("2025-09-26")}},
		}},
		fetches: []etf.FetchUse{{Fetch: etf.Fetch{ID: "f1", Source: "file", Request: "file:SPY.csv", Hash: "5a", Rows: 9, FetchedAt: testNow, Run: one.Run},
			Stored: true, Bars: 2, First: etf.MustSession("2025-09-25"), Last: etf.MustSession("2025-09-26")}},
		decisions: []etf.VersionCause{{DataVersion: etf.DataVersion{Number: 2}, KnownFrom: testNow, Cause: etf.CauseDecision, CauseID: "d1"}},
	}
	f.store.actions = []etf.StatedAction{
		{ID: "a1", Symbol: "SPY", Action: etf.Action{Kind: etf.Split, Ex: etf.MustSession("2025-09-25"), Numerator: 4, Denominator: 1}, Status: etf.Accepted, DataVersion: 1, KnownFrom: testNow},
		{ID: "a2", Symbol: "SPY", Action: etf.Action{Kind: etf.Split, Ex: etf.MustSession("2025-09-24"), Numerator: 2, Denominator: 1}, Status: etf.Rejected, DataVersion: 1, KnownFrom: testNow},
	}

	got := decode[gen.Forecast](t, f.get("/v1/forecasts/"+one.ID).want(t, http.StatusOK))
	if q := got.Points[0].Quantiles; len(q) != 9 || q["0.025"] != .5 || q["0.05"] != 1 || q["0.975"] != 8 {
		t.Errorf("quantiles %v", q)
	}
	if *got.ClosesHash != one.ClosesHash || *got.Scale != (gen.Scale{Absolute: 1.5, Squared: 4}) || *got.Build != (gen.Build{Go: "go1.26.8", Arch: "amd64", Features: "v1+fma"}) {
		t.Errorf("%+v", got)
	}
	older := decode[gen.Forecast](t, f.get("/v1/forecasts/"+entry.ID).want(t, http.StatusOK))
	if len(older.Points[0].Quantiles) != 7 || older.ClosesHash != nil || older.Scale != nil || older.Build != nil {
		t.Errorf("without tails and provenance: %+v", older)
	}

	p := decode[gen.Provenance](t, f.get("/v1/forecasts/"+one.ID+"/provenance").want(t, http.StatusOK))
	if p.Forecast != one.ID || p.Exchange != etf.XNYS || p.Run != string(one.Run) || p.Seed != "7" || p.DataVersion.Number != 3 || *p.DataVersion.Writer != "ab12" ||
		p.DataVersion.Cause != "fetch" || p.DataVersion.CauseId != "f1" || p.Closes != 2 || p.Used.From != etf.MustSession("2025-09-25") || *p.FitHash != "f17" {
		t.Errorf("%+v", p)
	}
	want := []gen.FetchUse{{Id: "f1", Source: "file", Request: "file:SPY.csv", Sha256: "5a", FetchedAt: testNow.UTC(), Run: string(one.Run), Stored: true, Rows: 9, Closes: 2,
		First: etf.MustSession("2025-09-25"), Last: etf.MustSession("2025-09-26")}}
	if !reflect.DeepEqual(p.Fetches, want) || len(p.Actions) != 1 || p.Actions[0].Id != "a1" || len(p.Decisions) != 1 || p.Decisions[0].CauseId != "d1" || p.Decisions[0].Writer != nil {
		t.Errorf("fetches %+v, actions %+v, decisions %+v", p.Fetches, p.Actions, p.Decisions)
	}
	for name, path := range map[string]string{
		"forecast": "/v1/forecasts/" + one.ID, "fit": "/v1/forecasts/" + one.ID + "/fit", "proof": "/v1/ledger/proof?forecast=" + one.ID,
		"run": "/v1/runs/daily:XNYS:2025-09-26", "bars": "/v1/etfs/SPY/bars?as_of=3&from=2025-09-25&to=2025-09-26",
	} {
		if p.Links[name] != path {
			t.Errorf("link %s is %s, want %s", name, p.Links[name], path)
		}
	}

	// One of two responses, the later one.
	if p.Earlier != nil {
		t.Errorf("nothing is left out, but %+v", p.Earlier)
	}
	f.store.provenance.fetches = append([]etf.FetchUse{{Fetch: etf.Fetch{ID: "f0"}, Bars: 7, First: etf.MustSession("2025-09-01"), Last: etf.MustSession("2025-09-24")}}, f.store.provenance.fetches...)
	p = decode[gen.Provenance](t, f.get("/v1/forecasts/"+one.ID+"/provenance?limit=1").want(t, http.StatusOK))
	if len(p.Fetches) != 1 || p.Fetches[0].Id != "f1" || p.Earlier == nil || p.Earlier.Fetches != 1 || p.Earlier.Closes != 7 || p.Earlier.Actions != 0 ||
		*p.Earlier.From != etf.MustSession("2025-09-01") || *p.Earlier.To != etf.MustSession("2025-09-24") {
		t.Errorf("%+v, left out are %+v", p.Fetches, p.Earlier)
	}
	f.get("/v1/forecasts/"+one.ID+"/provenance?limit=0").wantProblem(t, http.StatusBadRequest, "limit")

	raw := f.get("/v1/forecasts/"+entry.ID+"/provenance").want(t, http.StatusOK)
	e := decode[gen.Provenance](t, raw)
	if e.DataVersion != nil || e.Used != nil || e.Build != nil || e.Closes != 0 || string(e.Params) != "{}" || e.Links["run"] != "" || !json.Valid(raw.body) ||
		!strings.Contains(string(raw.body), `"fetches":[],"actions":[],"decisions":[]`) {
		t.Errorf("an entry: %s", raw.body)
	}
	f.get("/v1/forecasts/"+strings.Repeat("0", 32)+"/provenance").wantProblem(t, http.StatusNotFound, "id")
	f.get("/v1/forecasts/x/provenance").wantProblem(t, http.StatusBadRequest, "id")
	f.store.provenance.cause.Writer = "another"
	if problem := f.get("/v1/forecasts/"+one.ID+"/provenance").wantProblem(t, http.StatusInternalServerError, "data_version"); problem.Type != "/problems/integrity" {
		t.Errorf("another writer's version: %+v", problem)
	}
}
