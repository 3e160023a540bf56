package activities

import (
	"context"
	"errors"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/issue"
)

func TestFitsAreBounded(t *testing.T) {
	t.Parallel()
	rows := 0
	model := fakeModel{name: "m", min: 1, rows: &rows}
	series := forecast.Series{Sessions: []etf.Session{friday - 2, friday - 1, friday}, Close: []float64{1, 2, 3}}
	f := &Forecasting{Fits: NewPlaces(1), Now: clock}
	data := modelInput{Input: issue.Input{Basis: etf.AsTraded, Series: series, Targets: []etf.Session{friday + 3}}}
	fit := func(ctx context.Context) error {
		_, _, err := f.fit(ctx, forecastSPY, model, data, nil, usable{})
		return err
	}

	release, err := f.Fits.acquire(t.Context(), forForecasts) // another activity is fitting
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fit(ctx); !errors.Is(err, context.Canceled) || rows != 0 {
		t.Errorf("at the limit: %v, %d rows fitted", err, rows)
	}
	release()
	if err := fit(t.Context()); err != nil || rows != 3 {
		t.Errorf("below the limit: %v, %d rows fitted", err, rows)
	}
	if f.Fits.available() != 1 {
		t.Error("a finished fit still counts against the limit")
	}
}
