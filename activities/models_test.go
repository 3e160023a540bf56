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

// scriptedModel is a model with components that goes wrong where it is told to.
type scriptedModel struct {
	fakeModel
	err        error // of Fit
	panics     string
	parts      map[string][]float64
	partsErr   error
	blob       []byte
	marshalErr error
	last       float64 // predicted where it is not 0
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

// parted is a model that works, with two components of 21 values.
func parted(change func(*scriptedModel)) scriptedModel {
	m := scriptedModel{fakeModel: fakeModel{name: "parted", min: 1}, parts: map[string][]float64{}, blob: []byte(`{"k":1}`)}
	for h := range etf.MaxHorizon {
		m.parts["trend"] = append(m.parts["trend"], float64(h))
		m.parts["weekly"] = append(m.parts["weekly"], -float64(h))
	}
	if change != nil {
		change(&m)
	}
	return m
}

// forecasting is the activity over 50 stored sessions.
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

// What is appended has the model's components, and a fit that predicts the points again to the last bit.
func TestForecastStoresComponentsAndFit(t *testing.T) {
	t.Parallel()
	model := driftModel(t)
	want := parted(nil)
	store, f := forecasting(model, want)
	store.history.Bars = storedBars(bars(600, friday), etf.AsTraded)
	got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if err != nil || got.Appended != 2 || got.Failed != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	found := byModel(store)
	if p := found["parted"]; !reflect.DeepEqual(p.Components, want.parts) || string(p.Fit) != `{"k":1}` {
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

// Whatever goes wrong with one model, the others' forecasts are appended, the reason is told, and nothing is retried.
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
		{"bad input", func(m *scriptedModel) { m.err = etf.Invalid("close", "a close is negative", "mend it") }, "fitting SPY: close: a close is negative"},
		{"not its data version", func(m *scriptedModel) { m.err = &etf.Error{Kind: etf.KindConflict, Message: "contradiction"} }, "contradiction"},
		{"of no kind", func(m *scriptedModel) { m.err = errors.New("odd") }, "odd"},
		{"panic", func(m *scriptedModel) { m.panics = "index out of range" }, "panicked: index out of range"},
		{"points", func(m *scriptedModel) { m.last = math.Inf(1) }, "checking the forecast of SPY"},
		{"components", func(m *scriptedModel) { m.partsErr = errors.New("no parts") }, "decomposing the forecast of SPY: no parts"},
		{"a component that is not finite", func(m *scriptedModel) { m.parts["weekly"][4] = math.NaN() }, `components["weekly"]: NaN at horizon 5`},
		{"a short component", func(m *scriptedModel) { m.parts["trend"] = m.parts["trend"][1:] }, `components["trend"]: 20 values for 21 horizons`},
		{"the fit can't be written", func(m *scriptedModel) { m.marshalErr = errors.New("no text") }, "writing the fit of SPY: no text"},
		{"a long story", func(m *scriptedModel) { m.err = errors.New(strings.Repeat("x", 5000)) }, "xxx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := fakeModel{name: "last", min: 1}
			store, f := forecasting(driftModel(t), parted(c.change), last)
			store.history.Bars = storedBars(bars(600, friday), etf.AsTraded)
			f.Fits = make(chan struct{}, 1)
			got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
			if err != nil || got.Appended != 2 || len(got.Failed) != 1 {
				t.Fatalf("got %+v, %v", got, err)
			}
			if why := got.Failed[0]; !strings.HasPrefix(why, "model parted: ") || !strings.Contains(why, c.want) || len(why) > errorText {
				t.Errorf("it says %q", why)
			}
			if found := byModel(store); len(found) != 2 || found["drift"].ID == "" || found["last"].ID == "" {
				t.Errorf("appended %+v", found)
			}
			if len(f.Fits) != 0 {
				t.Error("a turn was not given back")
			}
			again, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
			if err != nil || again.Found != 2 || again.Appended != 0 || !reflect.DeepEqual(again.Failed, got.Failed) {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

// The benchmark's failure is the activity's, but the others have had their turn.
func TestForecastWithoutTheBenchmark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		want  string
		retry bool
	}{
		{etf.Invalid("close", "a close is negative", "mend it"), TypeInvalid, false},
		{errors.New("odd"), TypeInternal, true},
		{&etf.Error{Kind: etf.KindConflict, Message: "contradiction"}, TypeConflict, true}, // not a lost race: it is fitted once
	} {
		broken := scriptedModel{fakeModel: fakeModel{name: "first", min: 1}, err: c.err}
		store, f := forecasting(broken, parted(nil))
		_, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != c.want || app.NonRetryable() == c.retry || !strings.HasPrefix(app.Message(), "model first: fitting SPY: ") {
			t.Errorf("%v: ended with %v", c.err, err)
		}
		if n := store.times["History"]; n != 1 {
			t.Errorf("%v: the history was read %d times", c.err, n)
		}
		if found := byModel(store); len(found) != 1 || found["parted"].ID == "" {
			t.Errorf("appended %+v", found)
		}
	}
}

// What the store objects to in a forecast is its model's failure; what the store can't do now is tried again.
func TestForecastThatTheStoreRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind etf.Kind
		want string // the activity's error, "" for none
	}{
		{etf.KindInvalid, ""}, {etf.KindUnavailable, TypeUnavailable}, {etf.KindInternal, TypeInternal}, {etf.KindNotFound, TypeNotFound},
	} {
		store, f := forecasting(fakeModel{name: "first", min: 1}, parted(nil))
		store.onAppend = func(s *fakeStore) error {
			if len(s.forecasts) == 1 {
				return &etf.Error{Kind: c.kind, Message: "refused"}
			}
			return nil
		}
		got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
		if c.want != "" && typeOf(err) != c.want || c.want == "" && err != nil {
			t.Errorf("%s: ended with %v", c.kind, err)
		}
		if c.want == "" && (got.Appended != 1 || fmt.Sprint(got.Failed) != "[model parted: refused]") {
			t.Errorf("%s: got %+v", c.kind, got)
		}
	}
}

// A failure is told once, however often the history is read anew.
func TestForecastFailureAfterALostRace(t *testing.T) {
	t.Parallel()
	store, f := forecasting(fakeModel{name: "first", min: 1}, scriptedModel{fakeModel: fakeModel{name: "second", min: 1}, err: errors.New("odd")}, fakeModel{name: "third", min: 1})
	told := 0
	f.ModelFailed = func(string) { told++ }
	times := 0
	store.onAppend = func(*fakeStore) error {
		if times++; times == 2 { // the third model's
			return &etf.Error{Kind: etf.KindConflict, Message: "moved"}
		}
		return nil
	}
	got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if err != nil || got.Appended != 1 || got.Found != 1 || fmt.Sprint(got.Failed) != "[model second: fitting SPY: odd]" || told != 1 {
		t.Errorf("got %+v, %v; told %d times", got, err, told)
	}
}

// A model that is cancelled has not failed, whatever it makes of it: the step ends as a stopped one does, which is tried
// again or not by what stopped it, and no model is charged with it.
func TestForecastStoppedInAFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		cause  error
		wanted func(error) bool
	}{
		{"by the workflow", temporal.NewCanceledError(), isCancelled},
		{"by the worker's end", errors.New("shutdown"), isStopping},
	} {
		t.Run(c.name, func(t *testing.T) {
			stopping := &stoppingModel{scriptedModel: parted(nil), cause: c.cause}
			store, f := forecasting(fakeModel{name: "first", min: 1}, stopping, fakeModel{name: "third", min: 1})
			var told []string
			f.ModelFailed = func(model string) { told = append(told, model) }
			var env *testsuite.TestActivityEnvironment
			env, stopping.stopper = stoppableEnv(t, f)
			_, _ = env.ExecuteActivity(f.Forecast, forecastSPY)
			if err := stopping.stopper.err; !c.wanted(err) || len(told) != 0 {
				t.Errorf("ended with %v; told of %q", err, told)
			}
			if found := byModel(store); len(found) != 1 || found["first"].ID == "" {
				t.Errorf("appended %+v", found)
			}
		})
	}
}

// stoppingModel is stopped while it fits, and calls that a failure of its own.
type stoppingModel struct {
	scriptedModel
	cause   error
	stopper *stopper
}

func (m *stoppingModel) Fit(context.Context, forecast.Series, uint64, forecast.Progress) (forecast.Fitted, error) {
	m.stopper.stop(m.cause)
	return nil, &etf.Error{Kind: etf.KindInternal, Message: "no convergence"}
}

// Who counts failures is told of each model that failed, the benchmark too, once for each attempt.
func TestForecastTellsOfFailures(t *testing.T) {
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
		told := []string{}
		f.ModelFailed = func(model string) { told = append(told, model) }
		if _, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY); (err != nil) != strings.Contains(c.want, "first") {
			t.Errorf("%s: ended with %v", c.name, err)
		}
		if fmt.Sprint(told) != c.want {
			t.Errorf("%s: told of %v", c.name, told)
		}
	}
}
