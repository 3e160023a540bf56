package scoring

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etfcast/etfcast/etf"
)

// The values are those of scoringrules, properscoring and scipy: bench/scores/golden.py.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/losses.json")
	require.NoError(t, err)
	var cases []struct {
		Quantiles   [7]float64  `json:"quantiles"`
		Tails       *[2]float64 `json:"tails"`
		Mean        float64     `json:"mean"`
		Actual      float64     `json:"actual"`
		Pinball     []float64   `json:"pinball"`
		TailPinball []float64   `json:"tail_pinball"`
		Winkler     []float64   `json:"winkler"`
		CRPS        float64     `json:"crps"`
		PIT         float64     `json:"pit"`
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Len(t, cases, 102)
	for i, c := range cases {
		l, err := Measure(etf.ForecastPoint{Mean: c.Mean, Quantiles: c.Quantiles}, c.Tails, c.Actual)
		require.NoError(t, err)
		near := func(want, got float64, what string) {
			t.Helper()
			require.InDelta(t, want, got, 1e-9*max(1, math.Abs(want)), "case %d: %s", i, what)
		}
		for k, want := range c.Pinball {
			near(want, l.Pinball[k], "pinball")
		}
		require.Equal(t, c.Tails != nil, l.Tailed)
		for k, want := range c.TailPinball {
			near(want, l.TailPinball[k], "tail pinball")
		}
		for k, want := range c.Winkler {
			near(want, l.Winkler[k], "winkler")
		}
		near(c.CRPS, l.CRPS, "crps")
		near(c.PIT, l.PIT, "pit")
	}
}
