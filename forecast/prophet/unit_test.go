package prophet_test

import (
	"math"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// Prices in another unit have the same forecast in percent, and the same fit. Before version 0.2.0, phi of ten years of SPY
// was 0.9905 in dollars and 0.9686 in won.
func TestUnitMakesNoDifference(t *testing.T) {
	t.Parallel()
	data := prices(t, etf.XNYS, "2022-01-03", "2025-06-30", 8)
	logs := prophet.Market{LogScale: true}
	plain := prophet.MarketFor("XNYS")
	plain.LogScale = false
	for name, set := range map[string]func(*prophet.Options){
		"every option":              func(o *prophet.Options) { *o = prophet.MarketDefaults("XNYS") },
		"wide priors":               func(o *prophet.Options) { o.Market = prophet.MarketFor("XNYS") },
		"minmax":                    func(o *prophet.Options) { o.Market, o.Scaling = prophet.MarketFor("XNYS"), prophet.MinMax },
		"flat":                      func(o *prophet.Options) { o.Market, o.Growth = prophet.MarketFor("XNYS"), prophet.Flat },
		"log_scale alone":           func(o *prophet.Options) { o.Market = logs },
		"log_scale, sampled":        func(o *prophet.Options) { o.Market, o.MCMCSamples, o.NChangepoints = logs, 20, 3 },
		"residual_ar1, plain scale": func(o *prophet.Options) { o.Market = plain },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := prophet.Defaults()
			set(&o)
			f := fit(t, o, data)
			want := predict(t, f, future(t, f, 25, "session:XNYS", true), prophet.PredictOptions{Levels: []float64{0.05, 0.95}})
			for _, unit := range []float64{1e-4, 0.37, 1300, 1e6} {
				g := fit(t, o, with(data, "y", func(i int) float64 { return data.Y[i] * unit }))
				got := predict(t, g, future(t, g, 25, "session:XNYS", true), prophet.PredictOptions{Levels: []float64{0.05, 0.95}})
				worst := math.Abs(g.Report().Phi - f.Report().Phi)
				compare := func(a, b []float64) {
					for i := range a {
						worst = max(worst, math.Abs(b[i]/unit/a[i]-1))
					}
				}
				for _, column := range []string{"yhat", "yhat_lower", "yhat_upper", "trend", "trend_lower", "trend_upper"} {
					compare(want.Column(column), got.Column(column))
				}
				for k := range want.Quantiles {
					compare(want.Quantiles[k], got.Quantiles[k])
				}
				if want.Mean != nil {
					compare(want.Mean, got.Mean)
				}
				if !(worst <= 1e-9) {
					t.Errorf("unit %v: the forecast differs by a factor of 1 + %.1e", unit, worst)
				}
			}
		})
	}
}
