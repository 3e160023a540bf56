package activities

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
)

// scriptedModel is a model with components that fails as configured.
type scriptedModel struct {
	fakeModel
	err        error // of Fit
	panics     string
	parts      map[string][]float64
	partsErr   error
	blob       []byte
	marshalErr error
	last       float64 // what it predicts; 0 for the last close
}

func (m scriptedModel) Fit(ctx context.Context, s forecast.Series, seed uint64, p forecast.Progress) (forecast.Fitted, error) {
	if m.panics != "" {
		panic(m.panics)
	}
	if m.err != nil {
		return nil, m.err
	}
	if m.last == 0 {
		m.last = s.Close[len(s.Close)-1]
	}
	return scriptedFit{fakeFitted{m.last}, m}, nil
}

type scriptedFit struct {
	fakeFitted
	model scriptedModel
}

func (f scriptedFit) Components([]etf.Session) (map[string][]float64, error) {
	return f.model.parts, f.model.partsErr
}

func (f scriptedFit) MarshalBinary() ([]byte, error) { return f.model.blob, f.model.marshalErr }

// decomposed is a working model, with two components of 21 values, after change.
func decomposed(change func(*scriptedModel)) scriptedModel {
	m := scriptedModel{fakeModel: fakeModel{name: "decomposed", min: 1}, parts: map[string][]float64{}, blob: []byte(`{"k":1}`)}
	for h := range etf.MaxHorizon {
		m.parts["trend"] = append(m.parts["trend"], float64(h))
		m.parts["weekly"] = append(m.parts["weekly"], -float64(h))
	}
	if change != nil {
		change(&m)
	}
	return m
}

// forecasting returns the activity on a store with 50 sessions.
func forecasting(models ...Model) (*fakeStore, *Forecasting) {
	store := newFakeStore()
	store.history = etf.History{DataVersion: etf.DataVersion{Number: 7, Writer: "w"}, Bars: storedBars(bars(50, friday), etf.AsTraded)}
	return store, &Forecasting{Store: store, CodeVersion: "v1", Now: clock, Models: models}
}

func byModel(store *fakeStore) map[string]etf.Forecast {
	found := map[string]etf.Forecast{}
	for _, f := range store.forecasts {
		found[f.Model] = f
	}
	return found
}

func driftModel(t *testing.T) Model {
	t.Helper()
	m, err := drift.New(drift.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Appended forecasts have the model's components, and a fit that reproduces the points to the last bit.
func TestForecastStoresComponentsAndFit(t *testing.T) {
	t.Parallel()
	model := driftModel(t)
	want := decomposed(nil)
	store, f := forecasting(model, want)
	store.history.Bars = storedBars(bars(600, friday), etf.AsTraded)
	got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if err != nil || got.Appended != 2 || got.Failed != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	found := byModel(store)
	if p := found["decomposed"]; !reflect.DeepEqual(p.Components, want.parts) || string(p.Fit) != `{"k":1}` {
		t.Errorf("appended %+v", p)
	}
	d := found["drift"]
	if d.Components != nil || d.Diagnostics["status"] == "" {
		t.Errorf("drift has components %v, diagnostics %v", d.Components, d.Diagnostics)
	}
	restored, err := model.Restore(d.Fit)
	if err != nil {
		t.Fatal(err)
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := forecast.Targets(cal, friday, etf.MaxHorizon)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := restored.Predict(targets); err != nil || !reflect.DeepEqual(again, d.Points) {
		t.Errorf("the stored fit predicts %+v, %v; stored %+v", again, err, d.Points)
	}
}

// However one model fails, the others' forecasts are appended, the reason is reported, and nothing is retried.
func TestForecastWithoutAModel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*scriptedModel)
		want   string
	}{
		{"no fit", func(m *scriptedModel) {
			m.err = &etf.Error{Kind: etf.KindInternal, Message: "no convergence", Remedy: "none"}
		}, "fitting SPY: no convergence"},
		{"bad input", func(m *scriptedModel) { m.err = etf.Invalid("close", "a close is negative", "correct it") }, "fitting SPY: close: a close is negative"},
		{"a conflict of its own", func(m *scriptedModel) { m.err = &etf.Error{Kind: etf.KindConflict, Message: "contradiction"} }, "contradiction"},
		{"an error without a kind", func(m *scriptedModel) { m.err = errors.New("odd") }, "odd"},
		{"panic", func(m *scriptedModel) { m.panics = "index out of range" }, "panicked: index out of range"},
		{"points", func(m *scriptedModel) { m.last = math.Inf(1) }, "checking the forecast of SPY"},
		{"components", func(m *scriptedModel) { m.partsErr = errors.New("no parts") }, "decomposing the forecast of SPY: no parts"},
		{"a component that is not finite", func(m *scriptedModel) { m.parts["weekly"][4] = math.NaN() }, `components["weekly"]: NaN at horizon 5`},
		{"a short component", func(m *scriptedModel) { m.parts["trend"] = m.parts["trend"][1:] }, `components["trend"]: 20 values for 21 horizons`},
		{"the fit can't be written", func(m *scriptedModel) { m.marshalErr = errors.New("no text") }, "writing the fit of SPY: no text"},
		{"a long message", func(m *scriptedModel) { m.err = errors.New(strings.Repeat("x", 5000)) }, "xxx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := fakeModel{name: "last", min: 1}
			store, f := forecasting(driftModel(t), decomposed(c.change), last)
			store.history.Bars = storedBars(bars(600, friday), etf.AsTraded)
			f.Fits = NewPlaces(1)
			got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
			if err != nil || got.Appended != 2 || len(got.Failed) != 1 {
				t.Fatalf("got %+v, %v", got, err)
			}
			if why := got.Failed[0]; !strings.HasPrefix(why, "model decomposed: ") || !strings.Contains(why, c.want) || len(why) > errorText {
				t.Errorf("the reason is %q", why)
			}
			if found := byModel(store); len(found) != 2 || found["drift"].ID == "" || found["last"].ID == "" {
				t.Errorf("appended %+v", found)
			}
			if f.Fits.available() != 1 {
				t.Error("a fit was not released")
			}
			later := forecastSPY
			later.Run += ":rerun-2"
			again, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, later)
			if err != nil || again.Found != 2 || again.Appended != 0 || !reflect.DeepEqual(again.Failed, got.Failed) {
				t.Errorf("the repeat: %+v, %v", again, err)
			}
		})
	}
}

// The benchmark's failure fails the activity, but the other models have run.
func TestForecastWithoutTheBenchmark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		want  string
		retry bool
	}{
		{etf.Invalid("close", "a close is negative", "correct it"), TypeInvalid, false},
		{errors.New("odd"), TypeInternal, true},
		{&etf.Error{Kind: etf.KindConflict, Message: "contradiction"}, TypeConflict, true}, // not a lost race: fitted only once
	} {
		broken := scriptedModel{fakeModel: fakeModel{name: "first", min: 1}, err: c.err}
		store, f := forecasting(broken, decomposed(nil))
		_, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != c.want || app.NonRetryable() == c.retry || !strings.HasPrefix(app.Message(), "model first: fitting SPY: ") {
			t.Errorf("%v: ended with %v", c.err, err)
		}
		if n := store.times["History"]; n != 1 {
			t.Errorf("%v: the history was read %d times", c.err, n)
		}
		if found := byModel(store); len(found) != 1 || found["decomposed"].ID == "" {
			t.Errorf("appended %+v", found)
		}
	}
}

// A forecast that the store rejects as invalid is its model's failure; any other error of the store fails the activity.
func TestForecastThatTheStoreRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind etf.Kind
		want string // the activity's error, "" for none
	}{
		{etf.KindInvalid, ""}, {etf.KindUnavailable, TypeUnavailable}, {etf.KindInternal, TypeInternal}, {etf.KindNotFound, TypeNotFound},
	} {
		store, f := forecasting(fakeModel{name: "first", min: 1}, decomposed(nil))
		store.onAppend = func(f etf.Forecast) error {
			if f.Model == "decomposed" {
				return &etf.Error{Kind: c.kind, Message: "refused"}
			}
			return nil
		}
		got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
		if c.want != "" && typeOf(err) != c.want || c.want == "" && err != nil {
			t.Errorf("%s: ended with %v", c.kind, err)
		}
		if n := len(store.forecasts); c.want != "" && n != 0 {
			t.Errorf("%s: %d forecasts appended without the other", c.kind, n)
		}
		if c.want == "" && (got.Appended != 1 || fmt.Sprint(got.Failed) != "[model decomposed: refused]") {
			t.Errorf("%s: got %+v", c.kind, got)
		}
	}
}

// A failure is reported once, however often the history is read again.
func TestForecastFailureAfterALostRace(t *testing.T) {
	t.Parallel()
	store, f := forecasting(fakeModel{name: "first", min: 1}, scriptedModel{fakeModel: fakeModel{name: "second", min: 1}, err: errors.New("odd")}, fakeModel{name: "third", min: 1})
	reported := 0
	f.ModelFailed = func(string) { reported++ }
	times := 0
	store.onAppend = func(etf.Forecast) error {
		if times++; times == 2 { // the third model's
			return &etf.Error{Kind: etf.KindConflict, Message: "moved"}
		}
		return nil
	}
	got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if err != nil || got.Appended != 2 || fmt.Sprint(got.Failed) != "[model second: fitting SPY: odd]" || reported != 1 {
		t.Errorf("got %+v, %v; reported %d times", got, err, reported)
	}
}

// A model that is stopped has not failed, whatever error it returns: the activity ends like any stopped one, and is
// retried or not depending on what stopped it. No model is reported as failed.
func TestForecastStoppedInAFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		cause  error
		wanted func(error) bool
	}{
		{"by the workflow", temporal.NewCanceledError(), isCancelled},
		{"by the worker", errors.New("shutdown"), isStopping},
	} {
		t.Run(c.name, func(t *testing.T) {
			stopping := &stoppingModel{scriptedModel: decomposed(nil), cause: c.cause}
			store, f := forecasting(fakeModel{name: "first", min: 1}, stopping, fakeModel{name: "third", min: 1})
			var reported []string
			f.ModelFailed = func(model string) { reported = append(reported, model) }
			var env *testsuite.TestActivityEnvironment
			env, stopping.stopper = stoppableEnv(t, f)
			_, _ = env.ExecuteActivity(f.Forecast, forecastSPY)
			if err := stopping.stopper.err; !c.wanted(err) || len(reported) != 0 {
				t.Errorf("ended with %v; reported %q", err, reported)
			}
			if len(store.forecasts) != 0 {
				t.Errorf("appended %+v", store.forecasts)
			}
		})
	}
}

// stoppingModel is stopped while it fits, and returns an error of its own for that.
type stoppingModel struct {
	scriptedModel
	cause   error
	stopper *stopper
}

func (m *stoppingModel) Fit(context.Context, forecast.Series, uint64, forecast.Progress) (forecast.Fitted, error) {
	m.stopper.stop(m.cause)
	return nil, &etf.Error{Kind: etf.KindInternal, Message: "no convergence"}
}

// ModelFailed is called for each model that failed, including the benchmark, once per attempt.
func TestForecastReportsFailures(t *testing.T) {
	t.Parallel()
	broken := func(name string) Model {
		return scriptedModel{fakeModel: fakeModel{name: name, min: 1}, err: errors.New("odd")}
	}
	young := fakeModel{name: "young", min: 51}
	for _, c := range []struct {
		name   string
		models []Model
		want   string
	}{
		{"none", []Model{fakeModel{name: "first", min: 1}, young}, "[]"},
		{"one of two", []Model{fakeModel{name: "first", min: 1}, broken("second")}, "[second]"},
		{"the benchmark and another", []Model{broken("first"), broken("second"), fakeModel{name: "third", min: 1}}, "[first second]"},
	} {
		_, f := forecasting(c.models...)
		reported := []string{}
		f.ModelFailed = func(model string) { reported = append(reported, model) }
		if _, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY); (err != nil) != strings.Contains(c.want, "first") {
			t.Errorf("%s: ended with %v", c.name, err)
		}
		if fmt.Sprint(reported) != c.want {
			t.Errorf("%s: reported %v", c.name, reported)
		}
	}
}
