package service

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/combination"
)

// judged returns an assessment in which prophet is served at horizon 5, and measured at 1 and 5.
func judged(t *testing.T) etf.Assessment {
	t.Helper()
	rel := .9
	body := etf.AssessmentBody{Exchange: etf.XNYS, Session: friday, Through: monday, Weights: map[int]map[string]float64{}}
	for _, h := range []int{1, 5} {
		body.Gate = append(body.Gate, etf.GateVerdict{Exchange: etf.XNYS, Session: friday, Model: "prophet", Horizon: h, Passed: h == 5, Served: h == 5, N: 9})
		body.Skill = append(body.Skill, etf.ModelSkill{Model: "prophet", Horizon: h, N: 18, RelCRPS: &rel})
		for _, m := range []string{"drift", "prophet"} {
			body.Coverage = append(body.Coverage, etf.ModelCoverage{Model: m, Horizon: h, Measures: []etf.CoverageMeasure{{Nominal: .9, Measured: .8, N: 18}}})
		}
	}
	text, err := forecast.CanonicalJSON(body)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	return etf.Assessment{Hash: hex.EncodeToString(sum[:]), Exchange: etf.XNYS, Session: friday, Through: monday, Body: []byte(text)}
}

// Without a model, the one that is served at the horizon is given: by the verdict of the longest scored horizon that is not longer. An ETF without
// its forecast from the newest origin has the benchmark's.
func TestServedByHorizon(t *testing.T) {
	store := withForecasts()
	store.newest = judged(t)
	s := New(Deps{Store: store, Models: models})
	latest := func(model, horizon string) string {
		t.Helper()
		f, err := s.LatestForecastAt(t.Context(), "SPY", model, horizon)
		if err != nil {
			t.Fatal(err)
		}
		return f.Model
	}
	if m := latest("", "5"); m != "drift" {
		t.Errorf("without a forecast of the served model: %s", m)
	}
	store.stored = append(store.stored, etf.Forecast{ID: unknownID, Symbol: "SPY", Model: "prophet", Origin: monday})
	if m := latest("", "5"); m != "drift" {
		t.Errorf("with an older forecast of the served model: %s", m)
	}
	store.stored[len(store.stored)-1].Origin = friday
	for horizon, want := range map[string]string{"": "drift", "1": "drift", "4": "drift", "5": "prophet", "21": "prophet"} {
		if m := latest("", horizon); m != want {
			t.Errorf("horizon %q: %s, want %s", horizon, m, want)
		}
		if m, err := s.modelOfScores(t.Context(), ScoresRequest{Exchange: "XNYS", Horizon: horizon}); err != nil || m != want {
			t.Errorf("scores of horizon %q: %s, want %s, %v", horizon, m, want, err)
		}
	}
	if m := latest("drift", "5"); m != "drift" {
		t.Errorf("a named model: %s", m)
	}
	for _, horizon := range []string{"0", "22", "x", "+1", "01"} {
		if _, err := s.LatestForecastAt(t.Context(), "SPY", "", horizon); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("horizon %s: %v", horizon, err)
		}
	}
	// A model that this program does not have is not served, whatever an earlier verdict says.
	other := New(Deps{Store: store, Models: models[:1]})
	if f, err := other.LatestForecastAt(t.Context(), "SPY", "", "5"); err != nil || f.Model != "drift" {
		t.Errorf("%s, %v", f.Model, err)
	}
	store.newest.Body = append([]byte(" "), store.newest.Body...)
	if _, err := s.LatestForecastAt(t.Context(), "SPY", "", "5"); etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("an assessment that was changed: %v", err)
	}
}

func TestRecordOfAForecast(t *testing.T) {
	store := withForecasts()
	s := New(Deps{Store: store, Models: models})
	f := etf.Forecast{Symbol: "SPY", Model: "prophet", Params: `{}`}
	if r, err := s.Record(t.Context(), f); err != nil || !reflect.DeepEqual(r, ForecastRecord{}) {
		t.Errorf("before there is a record: %+v, %v", r, err)
	}
	store.newest = judged(t)
	r, err := s.Record(t.Context(), f)
	if err != nil || r.Assessment != store.newest.Hash || r.Through != monday || r.Calibration != "" || len(r.Coverage) != 2 || r.Coverage[1].Horizon != 5 ||
		r.Coverage[0].Measures[0].Measured != .8 || len(r.Skill) != 2 || r.Skill[0].Served || !r.Skill[1].Served || r.Skill[1].Verdict.N != 9 || *r.Skill[0].RelCRPS != .9 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = s.Record(t.Context(), etf.Forecast{Symbol: "SPY", Model: "drift"}); err != nil || !r.Skill[0].Served || r.Skill[1].Served || r.Skill[0].Verdict != nil || r.Skill[0].N != 0 {
		t.Errorf("the benchmark: %+v, %v", r, err)
	}
	for params, want := range map[string]map[string]map[string]float64{
		`{"horizons":[1,5],"members":[{"model":"a","params":{},"weights":[0.25,0.5]},{"model":"b","params":{},"weights":[0.75,0.5]}]}`: {"1": {"a": .25, "b": .75}, "5": {"a": .5, "b": .5}},
		`{"horizons":[],"members":[{"model":"a","params":{},"weights":[]},{"model":"b","params":{},"weights":[]}]}`:                    {"1": {"a": .5, "b": .5}},
	} {
		if r, err := s.Record(t.Context(), etf.Forecast{Symbol: "SPY", Model: combination.Name, Params: params}); err != nil || !reflect.DeepEqual(r.Weights, want) {
			t.Errorf("weights %v, %v, want %v", r.Weights, err, want)
		}
	}
	served, err := s.ServedModels(t.Context())
	if err != nil || len(served) == 0 || served[0].Model != "prophet" || served[0].Horizon != 5 {
		t.Errorf("%+v, %v", served, err)
	}
	if r, err := s.Record(t.Context(), etf.Forecast{Symbol: "SPY", Model: "someone", CodeVersion: etf.EntryVersion, Run: etf.EntryRun}); err != nil || !reflect.DeepEqual(r, ForecastRecord{}) {
		t.Errorf("an entry: %+v, %v", r, err)
	}
}
