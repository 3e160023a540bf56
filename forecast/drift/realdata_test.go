package drift

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/internal/testenv"
)

// Rolling origins over the whole history of four real funds, every fifth session from row 750 on. The 90 % interval of
// a Gaussian with exponentially weighted volatility is known to cover about 90 %: 88 to 91 % on equity indices one
// session ahead, and more at 21, because volatility reverts to its mean and the model ignores that. Origins 5 sessions
// apart overlap at 21, so the standard error there is 1.5 points. Look-ahead would show as far higher coverage, or as an
// error of the median far below the random walk's.
func TestCoverageOnRealFunds(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	m := Default()
	for _, symbol := range []string{"SPY", "QQQ", "IWM", "EEM"} {
		s := readYahoo(t, filepath.Join(folder, "prices", "yahoo", symbol+".csv"))
		covered, origins := map[int]int{}, 0
		var modelError, walkError float64
		for at := 750; at+etf.MaxHorizon < len(s.Close); at += 5 {
			past := s
			past.Sessions, past.Close, past.Origin = s.Sessions[:at+1], s.Close[:at+1], s.Sessions[at]
			f, err := m.Fit(context.Background(), past.Tail(m.MaxRows()), 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			points, err := f.Predict(s.Sessions[at+1 : at+1+etf.MaxHorizon])
			if err != nil {
				t.Fatal(err)
			}
			origins++
			for _, h := range []int{1, 5, 21} {
				actual, q := s.Close[at+h], points[h-1].Quantiles
				if actual >= q[0] && actual <= q[6] {
					covered[h]++
				}
			}
			modelError += math.Abs(s.Close[at+1] - points[0].Quantiles[3])
			walkError += math.Abs(s.Close[at+1] - s.Close[at])
		}
		relative := modelError / walkError
		if relative < .99 || relative > 1.01 {
			t.Errorf("%s: mean absolute error at h=1 is %.4f of the random walk's, want within 1 %%", symbol, relative)
		}
		for h, bounds := range map[int][2]float64{1: {.87, .92}, 5: {.87, .94}, 21: {.87, .95}} {
			if c := float64(covered[h]) / float64(origins); c < bounds[0] || c > bounds[1] {
				t.Errorf("%s, h=%d: the 90 %% interval covers %.3f of %d closes", symbol, h, c, origins)
			}
		}
		t.Logf("%s: %d origins, coverage %.3f %.3f %.3f, error %.4f of the random walk's", symbol, origins,
			float64(covered[1])/float64(origins), float64(covered[5])/float64(origins), float64(covered[21])/float64(origins), relative)
	}
}

// readYahoo reads date and close, columns 0 and 2 of these files, past their header lines.
func readYahoo(t *testing.T, path string) forecast.Series {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	s := forecast.Series{Symbol: "REAL", Exchange: etf.XNYS}
	for _, r := range records {
		if len(r[0]) < 10 || r[0][4] != '-' {
			continue
		}
		c, err := strconv.ParseFloat(r[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		s.Sessions, s.Close = append(s.Sessions, etf.MustSession(r[0][:10])), append(s.Close, c)
	}
	s.Origin = s.Sessions[len(s.Sessions)-1]
	return s
}
