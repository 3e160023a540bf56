package market_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/prophet/market"
)

// A series of no exchange has its own dates as calendar: on those of an exchange, its forecast is that of the exchange, up to the sessions that
// an exchange knows beyond the ends of the series.
func TestOwnDates(t *testing.T) {
	t.Parallel()
	s, targets := closes(t, etf.XNYS, "2025-09-26", 600)
	p := market.Default()
	predict := func(s forecast.Series) ([]etf.ForecastPoint, forecast.Fitted) {
		fit, err := p.Fit(t.Context(), s, 5, nil)
		if err != nil {
			t.Fatal(err)
		}
		points, err := fit.Predict(targets)
		if err != nil {
			t.Fatal(err)
		}
		return points, fit
	}
	want, _ := predict(s)
	s.Exchange = ""
	got, fit := predict(s)
	for i := range want {
		for k := range want[i].Quantiles {
			if a, b := got[i].Quantiles[k], want[i].Quantiles[k]; math.Abs(a/b-1) > .002 {
				t.Errorf("horizon %d: quantile %d is %v, with the exchange's calendar %v", i+1, k, a, b)
			}
		}
	}
	blob, err := fit.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := p.Restore(blob)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := back.Predict(targets); err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("a restored fit predicts something else (%v)", err)
	}
	// Weeks of four days: what counts is the row, not the day.
	four := s
	four.Sessions, four.Close = nil, nil
	for i, day := range s.Sessions {
		if day.Weekday() != 3 {
			four.Sessions, four.Close = append(four.Sessions, day), append(four.Close, s.Close[i])
		}
	}
	if points, _ := predict(four); forecast.Check(points) != nil {
		t.Errorf("weeks of four days: %v", forecast.Check(points))
	}
}
