package garch

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/internal/testenv"
)

// goldenFit is what arch estimated, and its variance forecasts for the 21 sessions after the last.
type goldenFit struct {
	Params        map[string]float64 `json:"params"`
	LogLikelihood float64            `json:"log_likelihood"`
	Variance      []float64          `json:"variance"`
}

func (g goldenFit) theta() theta {
	p := g.Params
	lambda := p["lambda"]
	if math.Abs(lambda) >= 1 { // as arch's SkewStudent.loglikelihood does
		lambda = math.Copysign(1-1e-6, lambda)
	}
	return theta{p["mu"], p["omega"], p["alpha"], p["gamma"], p["beta"], p["nu"], lambda}
}

type goldenSeries struct {
	Name   string    `json:"name"`
	Closes []float64 `json:"closes"`
	SHA256 string    `json:"sha256"`
	GARCH  goldenFit `json:"garch"`
	GJR    goldenFit `json:"gjr"`
}

type goldenFile struct {
	MadeBy    string         `json:"made_by"`
	Generated []goldenSeries `json:"generated"`
	Real      []goldenSeries `json:"real"`
}

func readGolden(t testing.TB) goldenFile {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file goldenFile
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// The log likelihood at arch's parameters and the variances that follow from them are arch's to 1e-8, and our estimate is at least as
// likely as theirs, less 1e-4, on all 20 series.
func TestGoldenGenerated(t *testing.T) {
	t.Parallel()
	file := readGolden(t)
	if len(file.Generated) != 20 || len(file.Real) != 8 {
		t.Fatalf("%d generated and %d real series", len(file.Generated), len(file.Real))
	}
	for _, s := range file.Generated {
		compare(t, s, s.Closes)
	}
}

func TestGoldenReal(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	for _, s := range readGolden(t).Real {
		closes := readCloses(t, folder, s.Name)
		closes = closes[len(closes)-2521:]
		text := make([]string, len(closes))
		for i, c := range closes {
			text[i] = strconv.FormatFloat(c, 'f', -1, 64)
		}
		sum := sha256.Sum256([]byte(strings.Join(text, "\n")))
		if hex.EncodeToString(sum[:]) != s.SHA256 {
			t.Fatalf("%s: these are not the closes that the golden values are of", s.Name)
		}
		compare(t, s, closes)
	}
}

func compare(t *testing.T, s goldenSeries, closes []float64) {
	t.Helper()
	d := dataOf(closes)
	for k, g := range []goldenFit{s.GARCH, s.GJR} {
		name := s.Name + ", " + []string{Name, NameGJR}[k]
		p := g.theta()
		value, variance, residual := d.logLikelihood(&p, nil)
		near(t, name+": log likelihood at arch's parameters", value, g.LogLikelihood, 1e-8)
		if len(g.Variance) != 21 {
			t.Fatalf("%s: %d variances", name, len(g.Variance))
		}
		for h, v := range p.path(p.next(variance, residual), len(g.Variance)) {
			near(t, fmt.Sprintf("%s: variance %d sessions ahead", name, h+1), v, g.Variance[h], 1e-8)
		}
		ours, best, evaluations, err := estimate(context.Background(), d, k == 1)
		if err != nil || !ours.sound() {
			t.Fatalf("%s: %+v (%v)", name, ours, err)
		}
		if best < g.LogLikelihood-1e-4 {
			t.Errorf("%s: log likelihood %.6f after %d evaluations, arch's is %.6f", name, best, evaluations, g.LogLikelihood)
		}
		t.Logf("%-34s arch %12.4f, ours %+.4f, %3d evaluations, %+.4f", name, g.LogLikelihood, best-g.LogLikelihood, evaluations, ours)
	}
}

func dataOf(closes []float64) *data {
	returns, steps := make([]float64, len(closes)-1), make([]int, len(closes)-1)
	for i := range returns {
		returns[i], steps[i] = percent(closes[i], closes[i+1]), 1
	}
	return newData(returns, steps)
}

// readCloses reads the closes of "yahoo/SPY" or "krx/069500".
func readCloses(t testing.TB, folder, name string) []float64 {
	t.Helper()
	source, symbol, _ := strings.Cut(name, "/")
	path, column := filepath.Join(folder, "prices", source, symbol+".csv"), 2
	if source == "krx" {
		path, column = filepath.Join(folder, "prices", source, symbol+"_D.csv"), 4
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var closes []float64
	for _, r := range records {
		if len(r[0]) < 8 || r[0][0] < '0' || r[0][0] > '9' {
			continue
		}
		c, err := strconv.ParseFloat(r[column], 64)
		if err != nil {
			t.Fatal(err)
		}
		closes = append(closes, c)
	}
	return closes
}

func near(t testing.TB, what string, got, want, relative float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s is %.15g, want %.15g", what, got, want)
	}
}
