package market_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/market"
)

func TestParse(t *testing.T) {
	t.Parallel()
	o := prophet.MarketDefaults("XNYS")
	o.ChangepointPriorScale, o.NChangepoints, o.SeasonalityPriorScale = .1/3, 12, 3.3
	changed, err := market.New(market.Settings{Window: 700, MinRows: 40, Options: &o})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*market.Model{market.Default(), changed} {
		back, err := market.Parse(m.Params())
		if err != nil {
			t.Fatal(err)
		}
		if back.Params() != m.Params() || back.MinRows() != m.MinRows() || back.MaxRows() != m.MaxRows() {
			t.Errorf("%s reads back as %s", m.Params(), back.Params())
		}
		s, targets := closes(t, etf.XKRX, "2025-10-02", 300)
		a, err := m.Fit(t.Context(), s, 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := back.Fit(t.Context(), s, 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := a.Predict(targets)
		if got, err := b.Predict(targets); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the model read back forecasts something else (%v)", err)
		}
	}
	whole := market.Default().Params()
	for _, bad := range []string{
		"", "{}", "[]", whole[:40], whole + " ", strings.Replace(whole, `"innovations":"t"`, `"innovations":"normal"`, 1),
		strings.Replace(whole, `"window":2520`, `"window":0`, 1), strings.Replace(whole, `{`, `{"unknown":1,`, 1),
	} {
		_, err := market.Parse(bad)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "params" || e.Remedy == "" {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
}
