package prophet_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// A model without its history, built from its parts, forecasts the rows after the history like the fitted model.
func TestForecasterFromParts(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	history := wave(7, 400)
	for i := range history.Y {
		history.Y[i] = math.Exp(history.Y[i] / 100)
	}
	fitted := fit(t, o, history)
	ahead, err := fitted.MakeFuture(10, prophet.Freq{}, false)
	if err != nil {
		t.Fatal(err)
	}
	want, err := fitted.Predict(t.Context(), ahead, prophet.PredictOptions{})
	if err != nil {
		t.Fatal(err)
	}
	parts := fitted.Forecaster()
	state, tail := parts.State(), parts.Tail()
	if state.History.Len() != 0 || state.HistoryDates != nil {
		t.Errorf("the state has a history of %d rows", state.History.Len())
	}
	if tail.Residual.Last == 0 || tail.Residual.Phi != fitted.Report().Phi {
		t.Errorf("tail %+v", tail)
	}
	again, err := prophet.NewForecaster(state, tail)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*prophet.Forecaster{"from the fit": parts, "from its parts": again} {
		got, err := p.Predict(t.Context(), ahead, prophet.PredictOptions{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the forecaster %s does not forecast what the fit does (%v)", name, err)
		}
		if _, err := p.Predict(t.Context(), nil, prophet.PredictOptions{}); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("the forecaster %s without rows: %v", name, err)
		}
	}

	for name, change := range map[string]func(*prophet.Tail){
		"gap 0":               func(t *prophet.Tail) { t.Gap = 0 },
		"gap NaN":             func(t *prophet.Tail) { t.Gap = math.NaN() },
		"phi 1":               func(t *prophet.Tail) { t.Residual.Phi = 1 },
		"negative phi":        func(t *prophet.Tail) { t.Residual.Phi = -0.1 },
		"df of 3":             func(t *prophet.Tail) { t.Residual.DF = 3 },
		"negative slope":      func(t *prophet.Tail) { t.Residual.Slope = -0.1 },
		"ahead of the end":    func(t *prophet.Tail) { t.Residual.Behind = -1 },
		"negative innovation": func(t *prophet.Tail) { t.Residual.Innovation = -1 },
	} {
		bad := tail
		change(&bad)
		if _, err := prophet.NewForecaster(state, bad); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
	state.Params.K = nil
	if _, err := prophet.NewForecaster(state, tail); etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("no parameters: %v", err)
	}
}
