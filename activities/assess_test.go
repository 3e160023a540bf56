package activities

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/assess"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/issue"
)

// tailedModel predicts a spread around the last close, with tails.
type tailedModel struct {
	fakeModel
	spread float64
}

type tailedFitted struct {
	fakeFitted
	spread float64
}

func (m tailedModel) Fit(_ context.Context, s forecast.Series, _ uint64, _ forecast.Progress) (forecast.Fitted, error) {
	return tailedFitted{fakeFitted{s.Close[len(s.Close)-1]}, m.spread}, nil
}

func (f tailedFitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	points, err := f.fakeFitted.Predict(targets)
	for i := range points {
		for k := range points[i].Quantiles {
			points[i].Quantiles[k] = f.last * math.Exp(float64(k-3)*f.spread)
		}
	}
	return points, err
}

func (f tailedFitted) Tails(targets []etf.Session) ([][2]float64, error) {
	list := make([][2]float64, len(targets))
	for i := range list {
		list[i] = [2]float64{f.last * math.Exp(-4*f.spread), f.last * math.Exp(4*f.spread)}
	}
	return list, nil
}

// recordStore is a store with a record of sessions up to friday: the model "wide" has intervals that are much too wide.
func recordStore(t *testing.T) (*fakeStore, []Model) {
	t.Helper()
	models := []Model{tailedModel{fakeModel{name: "drift", min: 1, max: 100}, .01}, tailedModel{fakeModel{name: "wide", min: 1, max: 100}, .05}, tailedModel{fakeModel{name: "narrow", min: 1, max: 100}, .001}}
	both, err := combination.New(combination.Settings{Members: []combination.Member{{Model: models[0]}, {Model: models[1]}, {Model: models[2]}}})
	if err != nil {
		t.Fatal(err)
	}
	s := newFakeStore()
	s.history = etf.History{DataVersion: etf.DataVersion{Number: 1, Writer: "w"}}
	for _, b := range bars(60, friday) {
		s.history.Bars = append(s.history.Bars, etf.StoredBar{Bar: b, Basis: etf.SplitAdjusted})
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	s.matured = map[etf.Session]map[int][]etf.MaturedForecast{}
	for back := -41; back < -1; back++ {
		origin, err := cal.Nth(friday, back)
		if err != nil {
			t.Fatal(err)
		}
		target, err := cal.Next(origin)
		if err != nil {
			t.Fatal(err)
		}
		var list []etf.MaturedForecast
		for i, m := range models {
			fitted := tailedFitted{fakeFitted{100}, m.(tailedModel).spread}
			points, _ := fitted.Predict([]etf.Session{target})
			tails, _ := fitted.Tails([]etf.Session{target})
			list = append(list, etf.MaturedForecast{Symbol: "SPY", Model: m.Name(), Volatility: .01, Raw: etf.RawPoint{Quantiles: points[0].Quantiles, Tails: tails[0]},
				Actual: 100 * math.Exp(.01*math.Sin(float64(7*back)))})
			if i == 0 {
				continue // the benchmark's own sums are not needed
			}
			s.losses = append(s.losses, etf.SessionLosses{Exchange: etf.XNYS, Model: m.Name(), Horizon: 1, Standing: etf.OfRecord, Origin: origin, N: 1, Tailed: 1,
				CRPS: 1, Paired: 1, PairedCRPS: 1 + float64(2-i), AgainstCRPS: 1, Difference: float64(2-i) / 4, Inside50: 1, Inside80: 1, Inside90: 1, Inside95: 1})
		}
		s.matured[target] = map[int][]etf.MaturedForecast{1: list}
	}
	return s, append(models, both)
}

func assessing(s *fakeStore, models []Model) *Assessing {
	return &Assessing{Store: s, Models: models, Horizons: []int{1, 5}, Now: clock}
}

var assessFriday = AssessInput{Exchange: etf.XNYS, Session: friday, Run: "daily:XNYS:2025-09-26"}

// The first assessment of a session stands; the next session's carries on its calibration, with the same state as one made from the beginning.
func TestAssess(t *testing.T) {
	s, models := recordStore(t)
	env := newEnv(t, assessing(s, models))
	r, err := do[AssessResult](t, env, "Assess", assessFriday)
	if err != nil || r.Hash == "" || r.Found || len(r.Served) != 0 || r.Through != friday-1 {
		t.Fatalf("%+v, %v", r, err)
	}
	stored := s.assessments[assessmentKey(etf.XNYS, friday)]
	body, state, err := assess.Read(stored)
	if err != nil || state == nil || len(body.Gate) != 6 || len(s.gate) != 6 || len(body.Coverage) != 8 || len(body.Skill) != 6 {
		t.Fatalf("%+v, %v", body, err)
	}
	if w := body.Weights[1]; len(w) != 3 || !(w["narrow"] > w["wide"]) || body.Weights[5]["wide"] != 1.0/3 {
		t.Errorf("weights %v", body.Weights)
	}
	for _, c := range body.Coverage {
		if c.Model == "wide" && c.Horizon == 1 && (c.Measures[0].Measured != 1 || c.Measures[0].N != 40 || !c.Measures[0].Alarm) {
			t.Errorf("coverage %+v", c.Measures)
		}
	}
	reads := s.times["Matured"]
	s.losses = nil // whatever the record is now
	if again, err := do[AssessResult](t, env, "Assess", AssessInput{Exchange: etf.XNYS, Session: friday, Run: "another"}); err != nil || !again.Found || again.Hash != r.Hash || s.times["Matured"] != reads {
		t.Errorf("a second time: %+v, %v", again, err)
	}

	// From the beginning, and with an assessment in between.
	whole, wholeModels := recordStore(t)
	between := friday.AddDays(-8)
	for _, session := range []etf.Session{between, friday} {
		if _, err := do[AssessResult](t, newEnv(t, assessing(whole, wholeModels)), "Assess", AssessInput{Exchange: etf.XNYS, Session: session, Run: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	chained := whole.assessments[assessmentKey(etf.XNYS, friday)]
	if chained.Previous != whole.assessments[assessmentKey(etf.XNYS, between)].Hash || string(chained.State) != string(stored.State) {
		t.Error("the calibration depends on how the sessions were cut into assessments")
	}

	// A previous one that was changed is not carried on; nothing is stored.
	broken, brokenModels := recordStore(t)
	other := chained
	other.Session, other.State = between, []byte("{}")
	broken.assessments["x"] = other
	if _, err := do[AssessResult](t, newEnv(t, assessing(broken, brokenModels)), "Assess", assessFriday); err == nil || len(broken.assessments) != 1 {
		t.Errorf("a damaged previous assessment: %v", err)
	}
}

// Before there is a record, an assessment changes nothing.
func TestAssessWithoutRecord(t *testing.T) {
	s, models := recordStore(t)
	s.losses, s.matured = nil, nil
	if r, err := do[AssessResult](t, newEnv(t, assessing(s, models)), "Assess", assessFriday); err != nil || r.Hash == "" || !r.Through.IsZero() {
		t.Fatalf("%+v, %v", r, err)
	}
	f := &Forecasting{Store: s, Models: models, CodeVersion: "v1", Now: clock}
	r, err := do[ForecastResult](t, newEnv(t, f), "Forecast", ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Run: "r"})
	if err != nil || r.Appended != 4 || r.Calibrated != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, made := range s.forecasts {
		if made.Raw != nil || made.Volatility == 0 || strings.Contains(made.Params, "calibration") {
			t.Errorf("%+v", made)
		}
	}
}

// The first assessment after an upgrade does not read a long record that has nothing to learn from, and the next one nothing of it again.
func TestAssessAfterAnUpgrade(t *testing.T) {
	s, models := recordStore(t)
	cal, _ := calendar.For(etf.XNYS)
	sample := s.losses[0]
	s.losses, s.matured = nil, nil
	for back := -240; back < -1; back++ {
		sample.Origin, _ = cal.Nth(friday, back)
		s.losses = append(s.losses, sample)
	}
	r, err := do[AssessResult](t, newEnv(t, assessing(s, models)), "Assess", assessFriday)
	if through, _ := cal.Nth(friday, -latestOutcomes-1); err != nil || r.Through != through {
		t.Errorf("through %s, want %s, %v", r.Through, through, err)
	}
	if n := s.times["Matured"]; n == 0 || n > 2*latestOutcomes {
		t.Errorf("%d reads", n)
	}
	s.times["Matured"] = 0
	monday, _ := cal.Next(friday)
	if _, err := do[AssessResult](t, newEnv(t, assessing(s, models)), "Assess", AssessInput{Exchange: etf.XNYS, Session: monday, Run: "r"}); err != nil || s.times["Matured"] > latestOutcomes+1 {
		t.Errorf("the next session: %d reads, %v", s.times["Matured"], err)
	}
}

// A horizon without a record has the weights of the newest backtest, if that has measured all members; a damaged one is left out.
func TestWeightsOfTheBacktest(t *testing.T) {
	measured := func(h int, wide float64) etf.BacktestWeights {
		return etf.BacktestWeights{Exchange: etf.XNYS, Horizon: h, Models: map[string]float64{"drift": .2, "wide": wide, "narrow": .2, "other": .3}}
	}
	some := measured(5, .1)
	delete(some.Models, "drift")
	damaged := &etf.Error{Kind: etf.KindCorrupt, Message: "damaged"}
	for _, c := range []struct {
		name     string
		record   bool
		weights  []etf.BacktestWeights
		err      error
		one, two float64 // of wide, at horizons 1 and 5
	}{
		{"no record", false, []etf.BacktestWeights{measured(1, .6), measured(5, .1)}, nil, .6, .2},
		{"a record at horizon 1", true, []etf.BacktestWeights{measured(1, .6), measured(5, .1)}, nil, -1, .2},
		{"a backtest without a member", true, []etf.BacktestWeights{measured(1, .6), some}, nil, -1, 1.0 / 3},
		{"another exchange's", false, []etf.BacktestWeights{{Exchange: etf.XKRX, Horizon: 1, Models: measured(1, .6).Models}}, nil, 0, 0},
		{"a damaged backtest", true, nil, damaged, -1, 1.0 / 3},
	} {
		s, models := recordStore(t)
		if !c.record {
			s.losses, s.matured = nil, nil
		}
		s.weights, s.err["BacktestWeights"] = c.weights, c.err
		if _, err := do[AssessResult](t, newEnv(t, assessing(s, models)), "Assess", assessFriday); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		body, _, err := assess.Read(s.assessments[assessmentKey(etf.XNYS, friday)])
		if err != nil {
			t.Fatal(err)
		}
		one, two := body.Weights[1]["wide"], body.Weights[5]["wide"]
		if c.one >= 0 && math.Abs(one-c.one) > 1e-12 || c.one < 0 && !(one > 0 && one < .2) || math.Abs(two-c.two) > 1e-12 {
			t.Errorf("%s: weights %v", c.name, body.Weights)
		}
		if used := two == .2 || one == .6; used != (body.Backtest == "b1") {
			t.Errorf("%s: from backtest %q", c.name, body.Backtest)
		}
	}
}

// Forecasts are calibrated by their origin's assessment, by hash or looked up, the benchmark's, too. A damaged assessment costs the
// calibration, not the forecasts.
func TestForecastIsCalibrated(t *testing.T) {
	s, models := recordStore(t)
	a, err := do[AssessResult](t, newEnv(t, assessing(s, models)), "Assess", assessFriday)
	if err != nil {
		t.Fatal(err)
	}
	f := &Forecasting{Store: s, Models: models, CodeVersion: "v1", Now: clock}
	in := ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Run: "r", Assessment: a.Hash}
	r, err := do[ForecastResult](t, newEnv(t, f), "Forecast", in)
	if err != nil || r.Appended != 4 || r.Calibrated != 3 { // of the combination nothing has come yet
		t.Fatalf("%+v, %v", r, err)
	}
	for _, made := range s.forecasts {
		own, hash, err := issue.ModelParams(made.Params)
		if err != nil {
			t.Fatal(err)
		}
		if calibrated := made.Model != combination.Name; calibrated != (hash == a.Hash) || calibrated != (len(made.Raw) == etf.MaxHorizon) {
			t.Errorf("%s: hash %q, %d raw points", made.Model, hash, len(made.Raw))
		}
		if made.Model == "wide" && (own != models[1].Params() || !(made.Points[0].Quantiles[6] < made.Raw[0].Quantiles[6]) || made.Points[0].Quantiles[3] != made.Raw[0].Quantiles[3]) {
			t.Errorf("too wide intervals are %v of %v", made.Points[0].Quantiles, made.Raw[0].Quantiles)
		}
		if made.Model == combination.Name && !strings.Contains(own, `"horizons":[1,5]`) {
			t.Errorf("a combination without the record's weights: %s", own)
		}
	}
	in.Assessment, in.Run = "", "again"
	if r, err := do[ForecastResult](t, newEnv(t, f), "Forecast", in); err != nil || r.Found != 4 || r.Appended != 0 {
		t.Errorf("looked up: %+v, %v", r, err)
	}
	key := assessmentKey(etf.XNYS, friday)
	damaged := s.assessments[key]
	damaged.State = []byte("{}")
	s.assessments[key] = damaged
	fresh := &Forecasting{Store: s, Models: models, CodeVersion: "v1", Now: clock}
	if r, err := do[ForecastResult](t, newEnv(t, fresh), "Forecast", in); err != nil || r.Calibrated != 0 || r.Appended+r.Found != 4 {
		t.Errorf("a damaged assessment: %+v, %v", r, err)
	}
	s.err["AssessmentHash"] = etf.Wrap(etf.KindUnavailable, errors.New("away"), "reading")
	if _, err := do[ForecastResult](t, newEnv(t, f), "Forecast", in); err == nil {
		t.Error("a database that is away goes unnoticed")
	}
}

// Members without a fit are left out of a combination; of fewer than two there is none.
func TestCombinationOfWhatIsThere(t *testing.T) {
	s, models := recordStore(t)
	models[1] = tailedModel{fakeModel{name: "wide", min: 1000, max: 2000}, .05}
	f := &Forecasting{Store: s, Models: models, CodeVersion: "v1", Now: clock}
	in := ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Run: "r"}
	r, err := do[ForecastResult](t, newEnv(t, f), "Forecast", in)
	if err != nil || r.Appended != 3 || len(r.Skipped) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, made := range s.forecasts {
		if made.Model == combination.Name && (strings.Contains(made.Params, "wide") || !strings.Contains(made.Params, "narrow")) {
			t.Error(made.Params)
		}
	}
	models[2] = tailedModel{fakeModel{name: "narrow", min: 1000, max: 2000}, .05}
	if r, err := do[ForecastResult](t, newEnv(t, f), "Forecast", in); err != nil || len(r.Skipped) != 3 || !strings.HasPrefix(r.Skipped[2], "combination: 1 of") {
		t.Errorf("%+v, %v", r, err)
	}
}
