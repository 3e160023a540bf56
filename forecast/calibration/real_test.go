package calibration_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/etfcast/etfcast/internal/testenv"
)

type realSeries struct {
	name  string
	years []int // by row
	path  *path
}

// realNames are real funds by file: four of the United States, four of Korea.
var realNames = []string{"yahoo/SPY", "yahoo/QQQ", "yahoo/IWM", "yahoo/EEM", "krx/069500_D", "krx/114800_D", "krx/139230_D", "krx/152380_D"}

// readReal reads closes of real funds from the folder of real data, without the last rows.
func readReal(t testing.TB, last int) (list []realSeries) {
	t.Helper()
	folder := testenv.RealData.Value(t)
	for _, name := range realNames {
		raw, err := os.Open(filepath.Join(folder, "prices", filepath.FromSlash(name)+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(raw)
		r.FieldsPerRecord = -1
		rows, err := r.ReadAll()
		_ = raw.Close()
		if err != nil {
			t.Fatal(err)
		}
		column, at := 4, -1 // of KRX files
		if filepath.Dir(name) == "yahoo" {
			column = 1
		}
		s := realSeries{name: filepath.Base(name)}
		var returns []float64
		before := 0.0
		for _, row := range rows {
			if len(row) <= column {
				continue
			}
			close, err := strconv.ParseFloat(row[column], 64)
			if err != nil || close <= 0 {
				continue // headings
			}
			year, err := strconv.Atoi(row[0][:4])
			if err != nil {
				t.Fatal(err)
			}
			s.years = append(s.years, year)
			if at++; at > 0 {
				returns = append(returns, math.Log(close/before))
			}
			before = close
		}
		keep := len(returns) - last
		s.years = s.years[:keep+1]
		s.path = newPath(returns[:keep])
		list = append(list, s)
	}
	return list
}

func TestSweepReal(t *testing.T) {
	type agg struct{ cal, raw [4]float64; w, s, spread, rspread, spread8 float64 }
	sums := map[place]*agg{}
	list := readReal(t, 504)
	for _, s := range list {
		n := len(s.path.prices)
		raw, cal, _ := replay(s.path, raws, 750, 1000, n)
		for at, c := range cal {
			a := sums[at]
			if a == nil { a = &agg{}; sums[at] = a }
			for l := range nominal { a.cal[l] += mean(c.inside[l])/8; a.raw[l] += mean(raw[at].inside[l])/8 }
			a.w += c.width/raw[at].width/8; a.s += c.score/raw[at].score/8
			sp := func(c *cellCoverage, l int) float64 { tr := c.terciles(l); return max(tr[0], tr[1], tr[2]) - min(tr[0], tr[1], tr[2]) }
			a.spread += sp(c, 2)/8; a.rspread += sp(raw[at], 2)/8; a.spread8 += sp(c, 1)/8
		}
	}
	for _, m := range raws {
		for _, h := range horizons {
			a := sums[place{m, h}]
			t.Logf("%-8s %2d raw %.3f cal %.3f width %.3f winkler %.4f spread90 %.3f->%.3f spread80 %.3f", m, h, a.raw, a.cal, a.w, a.s, a.rspread, a.spread, a.spread8)
		}
	}
}
