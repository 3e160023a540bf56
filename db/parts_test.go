package db_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// provenanced adds to a forecast what says how it was made, with numbers that are hard to store.
func provenanced(f etf.Forecast) etf.Forecast {
	for i := range f.Points {
		f.Tails = append(f.Tails, [2]float64{100.0/3 - float64(i+1)/7, 100.0 / 3 * math.Pi * float64(i+1)})
	}
	f.Volatility = .01 / 3
	for i, p := range f.Points {
		f.Raw = append(f.Raw, etf.RawPoint{Quantiles: p.Quantiles, Tails: [2]float64{1.0 / 3, 100 + float64(i)/7}})
	}
	f.Tails[3] = [2]float64{math.SmallestNonzeroFloat64, math.MaxFloat64}
	f.ClosesHash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	f.Scale = etf.Scale{Absolute: .1, Squared: 1e-300 / 3}
	f.Build = etf.Build{Go: "go1.26.8", Arch: "amd64", Features: "v1+fma", Modified: true}
	return f
}

// testProvenance checks that tails and provenance come back exactly, only with the forecasts that have them, and are covered by the hash.
func testProvenance(t *testing.T, d dbtest.Database) {
	ctx, s, admin := t.Context(), d.Store, d.Admin(t)
	register(t, s, "PROV")
	p, _ := ingest(t, s, "PROV", []etf.Bar{bar(day(0), 0)})
	want := provenanced(forecastOf("PROV", "drift", day(0), p.DataVersion))
	stored, isNew, err := appendOne(ctx, s, want)
	if err != nil || !isNew {
		t.Fatal(isNew, err)
	}
	plain, _, err := appendOne(ctx, s, forecastOf("PROV", "drift", day(1), p.DataVersion))
	if err != nil || plain.Tails != nil || plain.ClosesHash != "" || plain.Build != (etf.Build{}) || plain.Raw != nil || plain.Volatility != 0 {
		t.Fatalf("%+v, %v", plain, err)
	}
	for _, f := range []etf.Forecast{want, stored} {
		read, err := s.Forecast(ctx, f.ID)
		if err != nil || !reflect.DeepEqual(read.Tails, f.Tails) || read.ClosesHash != f.ClosesHash || read.Scale != f.Scale || read.Build != f.Build ||
			!reflect.DeepEqual(read.Raw, f.Raw) || read.Volatility != f.Volatility {
			t.Errorf("read %+v, %v", read, err)
		}
	}
	page, err := s.ForecastPage(ctx, "PROV", "drift", 0, 5)
	if err != nil || len(page) != 2 || !reflect.DeepEqual(page[0], plain) || !reflect.DeepEqual(page[1], stored) {
		t.Errorf("page %+v, %v", page, err)
	}
	if err := s.VerifyChain(ctx, "PROV", "drift"); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ name, change, undo string }{
		{"a tail", "UPDATE forecast_tails SET by_horizon = REPLACE(by_horizon, '[[', '[[1],[') WHERE forecast_id = ?", "UPDATE forecast_tails SET by_horizon = REPLACE(by_horizon, '[[1],[', '[[') WHERE forecast_id = ?"},
		{"a third number", "UPDATE forecast_tails SET by_horizon = REPLACE(by_horizon, ']]', ',0]]') WHERE forecast_id = ?", "UPDATE forecast_tails SET by_horizon = REPLACE(by_horizon, ',0]]', ']]') WHERE forecast_id = ?"},
		{"the hash of the closes", "UPDATE forecast_provenance SET closes_hash = REVERSE(closes_hash) WHERE forecast_id = ?", "UPDATE forecast_provenance SET closes_hash = REVERSE(closes_hash) WHERE forecast_id = ?"},
		{"the scale", "UPDATE forecast_provenance SET scale_absolute = 2 WHERE forecast_id = ?", "UPDATE forecast_provenance SET scale_absolute = 0.1 WHERE forecast_id = ?"},
		{"the features", "UPDATE forecast_provenance SET features = 'v3' WHERE forecast_id = ?", "UPDATE forecast_provenance SET features = 'v1+fma' WHERE forecast_id = ?"},
		{"the modified flag", "UPDATE forecast_provenance SET modified = 0 WHERE forecast_id = ?", "UPDATE forecast_provenance SET modified = 1 WHERE forecast_id = ?"},
		{"the removal of tails", "UPDATE forecast_tails SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = ?", "UPDATE forecast_tails SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = REVERSE(?)"},
		{"the volatility", "UPDATE forecast_raw SET volatility = 2 WHERE forecast_id = ?", "UPDATE forecast_raw SET volatility = 0.01 / 3e0 WHERE forecast_id = ?"},
		{"a raw quantile", "UPDATE forecast_raw SET by_horizon = REPLACE(by_horizon, '[{\"q', '[{},{\"q') WHERE forecast_id = ?", "UPDATE forecast_raw SET by_horizon = REPLACE(by_horizon, '[{},{\"q', '[{\"q') WHERE forecast_id = ?"},
		{"the removal of raw quantiles", "UPDATE forecast_raw SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = ?", "UPDATE forecast_raw SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = REVERSE(?)"},
		{"the removal of the row", "UPDATE forecast_provenance SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = ?", "UPDATE forecast_provenance SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = REVERSE(?)"},
	} {
		if _, err := admin.ExecContext(ctx, c.change, want.ID); err != nil {
			t.Fatal(c.name, err)
		}
		wantKind(t, s.VerifyChain(ctx, "PROV", "drift"), etf.KindCorrupt, "chain")
		if _, err := admin.ExecContext(ctx, c.undo, want.ID); err != nil {
			t.Fatal(c.name, err)
		}
		if err := s.VerifyChain(ctx, "PROV", "drift"); err != nil {
			t.Errorf("%s, reverted: %v", c.name, err)
		}
	}
	before := dump(t, d, "forecasts", "forecast_points", "forecast_provenance")
	for field, change := range map[string]func(*etf.Forecast){
		"tails":      func(f *etf.Forecast) { f.Tails = f.Tails[:20] },
		"tails[2]":   func(f *etf.Forecast) { f.Tails[2][1] = math.Inf(1) },
		"raw":        func(f *etf.Forecast) { f.Raw = f.Raw[:20] },
		"raw[4]":     func(f *etf.Forecast) { f.Raw[4].Quantiles[2] = math.NaN() },
		"volatility": func(f *etf.Forecast) { f.Volatility = -1 },
		"scale":      func(f *etf.Forecast) { f.Scale.Squared = math.NaN() },
	} {
		bad := provenanced(forecastOf("PROV", "drift", day(2), p.DataVersion))
		change(&bad)
		_, _, err := appendOne(ctx, s, bad)
		wantKind(t, err, etf.KindInvalid, field)
	}
	if after := dump(t, d, "forecasts", "forecast_points", "forecast_provenance"); after != before {
		t.Error("a refused forecast left rows behind")
	}
}
