package theta

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// golden is what bench/models/theta_golden.py writes.
type golden struct {
	Reference string
	Horizons  []int
	Series    []struct {
		Name    string
		Rows    int
		Closes  []float64
		Hash    string // of a real series, whose closes are not in the file
		Results map[Variant]struct {
			Initial, Alpha, Theta, Squares float64
			Forecast                       []float64
		}
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Series) != 28 {
		t.Fatalf("%d series, want 20 generated and 8 real ones", len(g.Series))
	}
	return g
}

// realCloses are the newest closes of a real file: column 2 of Yahoo's, 4 of KRX's.
func realCloses(t *testing.T, name string, rows int) []float64 {
	t.Helper()
	f, err := os.Open(filepath.Join(testenv.RealData.Value(t), "prices", filepath.FromSlash(name)+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := 4
	if strings.HasPrefix(name, "yahoo") {
		column = 2
	}
	var closes []float64
	for _, r := range records {
		if c, err := strconv.ParseFloat(r[column], 64); err == nil && r[0][0] >= '0' && r[0][0] <= '9' {
			closes = append(closes, c)
		}
	}
	return closes[len(closes)-rows:]
}

// repr is how Python writes a float of this size.
func repr(x float64) string {
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// With the reference's parameters, errors and forecasts are the reference's. The parameters found here have a sum of squared errors that is
// no larger.
func TestGolden(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	for _, c := range g.Series {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			closes := c.Closes
			if closes == nil {
				closes = realCloses(t, c.Name, c.Rows)
				text := make([]string, len(closes))
				for i, v := range closes {
					text[i] = repr(v)
				}
				sum := sha256.Sum256([]byte(strings.Join(text, "\n")))
				if hex.EncodeToString(sum[:]) != c.Hash {
					t.Fatal("the closes are not those of the golden file")
				}
			}
			y := make([]float64, len(closes))
			for i, v := range closes {
				y[i] = math.Log(v)
			}
			for _, v := range []Variant{Standard, Optimised, Dynamic} {
				want := c.Results[v]
				data := newSample(y, nil, v == Dynamic)
				p := parameters{alpha: want.Alpha, share: 1 - 1/want.Theta, initial: want.Initial}
				squares, _ := data.squares(p)
				if math.Abs(squares-want.Squares) > 1e-9*want.Squares {
					t.Errorf("%s: the reference's parameters have squares %v, want %v", v, squares, want.Squares)
				}
				f := &fitted{Model: string(v), Alpha: p.alpha, Share: p.share, Volatility: Constant, Constant: 1, Line: data.line}
				f.Level, f.Sessions = data.walk(p, func(int, int, float64, float64) {})
				mean, _ := f.paths(etf.MaxHorizon)
				for i, h := range g.Horizons {
					if math.Abs(mean[h-1]-want.Forecast[i]) > 1e-9 {
						t.Errorf("%s, h=%d: forecast %v, want %v", v, h, mean[h-1], want.Forecast[i])
					}
				}
				best := data.estimate(v != Standard)
				if best.squares > want.Squares*(1+1e-9) {
					t.Errorf("%s: squares %v, the reference has %v", v, best.squares, want.Squares)
				}
				t.Logf("%s: squares %.6g, reference %.6g (%.2g %% more); alpha %.4f, reference %.4f; theta %.4g, reference %.4g", v, best.squares, want.Squares,
					100*(want.Squares/best.squares-1), best.alpha, want.Alpha, 1/(1-best.share), want.Theta)
			}
		})
	}
}
