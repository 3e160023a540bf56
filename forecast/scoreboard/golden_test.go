package scoreboard

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etfcast/etfcast/etf"
)

// The values are those of statsmodels and confseq, and of a Harvey-Leybourne-Newbold statistic on statsmodels' autocovariances:
// bench/scores/golden.py.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/statistics.json")
	require.NoError(t, err)
	var cases []struct {
		Horizon    int       `json:"horizon"`
		Of         []int     `json:"of"`
		Hits       []int     `json:"hits"`
		Difference []float64 `json:"difference"`
		Increments []float64 `json:"increments"`
		Coverage   float64   `json:"coverage"`
		CoverageSE float64   `json:"coverage_se"`
		DM         float64   `json:"dm"`
		DMP        float64   `json:"dm_p"`
		Bartlett   bool      `json:"dm_bartlett"`
		Mean       []float64 `json:"mean"`
		Low        []float64 `json:"low"`
		High       []float64 `json:"high"`
		Up         []float64 `json:"capital_up"`
		Down       []float64 `json:"capital_down"`
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Len(t, cases, 9)
	bartlett := 0
	for i, c := range cases {
		if c.Bartlett {
			bartlett++
		}
		sessions := make([]etf.SessionLosses, len(c.Of))
		for k, of := range c.Of {
			n := float64(of)
			sessions[k] = etf.SessionLosses{
				Origin: day(k), N: of, Paired: of, Inside80: c.Hits[k], Tailed: of, Inside95: c.Hits[k],
				PairedAbsolute: (1 + c.Difference[k]) * n, AgainstAbsolute: n, PairedCRPS: (2 + c.Difference[k]) * n, AgainstCRPS: 2 * n,
				Difference: c.Increments[k] * n,
			}
		}
		row := Summarise(sessions, Options{Horizon: c.Horizon, FixedWindow: true, Replicates: -1})
		require.InDelta(t, c.Coverage, row.Coverage80.Value, 1e-12, "case %d", i)
		require.InDelta(t, c.CoverageSE, row.Coverage80.SE, 1e-9, "case %d", i)
		require.Equal(t, row.Coverage80, row.Coverage95, "case %d", i)
		for _, test := range []Test{row.DM.Absolute, row.DM.CRPS} {
			require.InDelta(t, c.DM, test.Statistic, 1e-9, "case %d", i)
			require.InDelta(t, c.DMP, test.P, 1e-9, "case %d", i)
		}
		var s sequence
		eachIncrement(sessions, c.Horizon, 1, func(increment float64) {
			s.add(increment)
			up, _ := logCapital(&s.up, 0)
			down, _ := logCapital(&s.down, 0)
			require.InEpsilon(t, c.Up[s.n-1], math.Exp(up), 1e-9, "case %d place %d", i, s.n)
			require.InEpsilon(t, c.Down[s.n-1], math.Exp(down), 1e-9, "case %d place %d", i, s.n)
		})
		// Each place of the sequence: the record up to there.
		for k := range c.Mean {
			d := difference(sessions[:k*c.Horizon+1], c.Horizon, 1, Alpha)
			require.Equal(t, k+1, d.N)
			require.InDelta(t, c.Mean[k], d.Mean, 1e-9, "case %d place %d", i, k)
			require.InDelta(t, c.Low[k], d.Low, 1e-9, "case %d place %d", i, k)
			require.InDelta(t, c.High[k], d.High, 1e-9, "case %d place %d", i, k)
		}
	}
	require.Equal(t, 1, bartlett, "one case has a negative variance without Bartlett's weights")
}

// logCapital is capital with the bets of a sequence.
func logCapital(logs *[len(bets)]float64, sum float64) (value, derivative float64) {
	return capital(bets[:], logWeights[:], logs[:], sum)
}
