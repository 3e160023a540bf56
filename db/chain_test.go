package db

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func issued() etf.Forecast {
	return etf.Forecast{
		ID: "31dbfb8f08f5adc05dc4ab539e34a466", Symbol: "SPY", Model: "drift", Origin: etf.MustSession("2025-09-26"),
		DataVersion: etf.DataVersion{Number: 3, Writer: "ab12"}, Basis: etf.SplitAdjusted, Params: `{"half_life":60}`,
		ParamsHash: "p", Seed: 1<<64 - 1, CodeVersion: "v0.1.0", Diagnostics: map[string]string{"rows": "250", "status": "ok"},
		Run: "daily:XNYS:2025-09-26", AsOf: time.Date(2025, 9, 26, 21, 0, 0, 123456000, time.UTC),
		IssuedAt: time.Date(2025, 9, 26, 21, 0, 1, 0, time.UTC), Chain: 2, PrevHash: "c0ffee", Hash: "any",
		Points: []etf.ForecastPoint{{Horizon: 1, Target: etf.MustSession("2025-09-29"), Mean: 662.5, Quantiles: [7]float64{1, 2, 3, 4, 5, 6, 7.25}}},
	}
}

// hashBeforeParts is the hash of issued() by the code before forecasts had components and fits (commit 63ae0b3).
const hashBeforeParts = "c77b83ab15ae9a209ce7aa59adf1e671e0ace8c366daae0bf96f3448d5d3f69b"

// A forecast stored before components and fits were introduced still has the same hash, and adding parts changes it.
func TestChainHashOfAnOlderForecast(t *testing.T) {
	hash := func(change func(*etf.Forecast)) string {
		t.Helper()
		f := issued()
		change(&f)
		h, err := chainHash(f)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for name, change := range map[string]func(*etf.Forecast){
		"unchanged":              func(*etf.Forecast) {},
		"without any components": func(f *etf.Forecast) { f.Components = map[string][]float64{} },
		"without any tails":      func(f *etf.Forecast) { f.Tails = [][2]float64{} },
		"with a fit but no hash": func(f *etf.Forecast) { f.Fit = []byte("{}") },
	} {
		if h := hash(change); h != hashBeforeParts {
			t.Errorf("%s: %s", name, h)
		}
	}
	seen := map[string]string{hashBeforeParts: "unchanged"}
	for name, change := range map[string]func(*etf.Forecast){
		"a component":        func(f *etf.Forecast) { f.Components = map[string][]float64{"trend": {1}} },
		"another value":      func(f *etf.Forecast) { f.Components = map[string][]float64{"trend": {2}} },
		"another name":       func(f *etf.Forecast) { f.Components = map[string][]float64{"weekly": {1}} },
		"an empty component": func(f *etf.Forecast) { f.Components = map[string][]float64{"trend": {}} },
		"tails":              func(f *etf.Forecast) { f.Tails = [][2]float64{{.5, 8}} },
		"other tails":        func(f *etf.Forecast) { f.Tails = [][2]float64{{.5, 9}} },
		"a hash of closes":   func(f *etf.Forecast) { f.ClosesHash = "ab" },
		"a scale":            func(f *etf.Forecast) { f.Scale.Absolute = 1 },
		"another scale":      func(f *etf.Forecast) { f.Scale.Squared = 1 },
		"a version of Go":    func(f *etf.Forecast) { f.Build.Go = "go1" },
		"an architecture":    func(f *etf.Forecast) { f.Build.Arch = "go1" },
		"features":           func(f *etf.Forecast) { f.Build.Features = "go1" },
		"a modified build":   func(f *etf.Forecast) { f.Build.Modified = true },
		"a volatility":       func(f *etf.Forecast) { f.Volatility = 1 },
		"raw quantiles":      func(f *etf.Forecast) { f.Raw = []etf.RawPoint{{Tails: [2]float64{1, 2}}} },
		"other raw ones":     func(f *etf.Forecast) { f.Raw = []etf.RawPoint{{Tails: [2]float64{1, 3}}} },
		"a fit":              func(f *etf.Forecast) { f.FitHash = hashOf([]byte("{}")) },
	} {
		h := hash(change)
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[h] = name
	}
}
