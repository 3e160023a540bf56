package calibration_test

import (
	"encoding/csv"
	"fmt"
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

// Real funds, as it comes out: raw and calibrated coverage, by tercile of volatility and by year, width and Winkler score. The parameters were
// chosen without the last 504 rows of each series.
func TestCoverageOnRealFunds(t *testing.T) {
	list := readReal(t, 0)
	n := float64(len(list))
	type sums struct {
		raw, calibrated         [4]float64
		byRaw, byCal            [3]float64
		spread, spreadRaw       float64
		width, winkler          float64
		years, yearsRaw, counts map[int]float64
		last                    [4]float64
		alarmsRaw, alarms       int
	}
	all := map[place]*sums{}
	t.Log("| series | origins | model | h | raw 50 80 90 95 | calibrated | terciles of volatility, raw 90 % | calibrated | width | Winkler |")
	for _, s := range list {
		rows := len(s.path.prices)
		raw, calibrated, _ := replay(s.path, models, 750, 1000, rows)
		for _, m := range models {
			for _, h := range horizons {
				at := place{m, h}
				r, c := raw[at], calibrated[at]
				a := all[at]
				if a == nil {
					a = &sums{years: map[int]float64{}, yearsRaw: map[int]float64{}, counts: map[int]float64{}}
					all[at] = a
				}
				var covered, coveredRaw [4]float64
				for l := range nominal {
					coveredRaw[l], covered[l] = mean(r.inside[l]), mean(c.inside[l])
					a.raw[l] += coveredRaw[l]
					a.calibrated[l] += covered[l]
					a.last[l] += mean(c.inside[l][len(c.inside[l])-504:])
				}
				a.alarmsRaw += r.alarms(h)
				a.alarms += c.alarms(h)
				byRaw, by := r.terciles(2), c.terciles(2)
				for i := range by {
					a.byRaw[i] += byRaw[i] / n
					a.byCal[i] += by[i] / n
				}
				a.spreadRaw, a.spread = a.spreadRaw+r.spread(2)/n, a.spread+c.spread(2)/n
				a.width, a.winkler = a.width+c.width/r.width/n, a.winkler+c.score/r.score/n
				for i := range c.inside[2] {
					year := s.years[1000+i]
					a.counts[year]++
					a.years[year] += c.inside[2][i]
					a.yearsRaw[year] += r.inside[2][i]
				}
				t.Logf("| %s | %d | %s | %d | %s | %s | %.3f | %.3f | %.2f | %.3f |", s.name, len(c.vol), m, h, coverages(coveredRaw, 1), coverages(covered, 1), byRaw, by, c.width/r.width, c.score/r.score)
			}
		}
	}
	t.Log("| model | h | raw 50 80 90 95 | calibrated | last 504 origins, calibrated | terciles of volatility, raw 90 % | calibrated | mean spread between a series' terciles, raw | calibrated | width | Winkler |")
	for _, m := range models {
		for _, h := range horizons {
			a := all[place{m, h}]
			t.Logf("| %s | %d | %s | %s | %s | %.3f | %.3f | %.3f | %.3f | %.2f | %.3f |", m, h, coverages(a.raw, len(list)), coverages(a.calibrated, len(list)),
				coverages(a.last, len(list)), a.byRaw, a.byCal, a.spreadRaw, a.spread, a.width, a.winkler)
			if spread := max(a.byCal[0], a.byCal[1], a.byCal[2]) - min(a.byCal[0], a.byCal[1], a.byCal[2]); h == 1 && spread > .05 {
				t.Errorf("%s, h=1: the terciles' coverages %.3f are %.3f apart", m, a.byCal, spread)
			}
			for l := range nominal {
				if off := math.Abs(a.calibrated[l]/n - nominal[l]); off > .02 {
					t.Errorf("%s, h=%d: %.0f %% intervals cover %.3f", m, h, 100*nominal[l], a.calibrated[l]/n)
				}
			}
		}
	}
	t.Logf("| model | h | coverages refuted of %d, raw | calibrated |", 4*len(list))
	for _, m := range models {
		for _, h := range horizons {
			a := all[place{m, h}]
			t.Logf("| %s | %d | %d | %d |", m, h, a.alarmsRaw, a.alarms)
			if a.alarms > 4 { // 32 right coverages have 1.6 alarms at most, in the mean, and the four levels of a series have theirs together
				t.Errorf("%s, h=%d: %d calibrated coverages are refuted", m, h, a.alarms)
			}
		}
	}
	for _, m := range models[:2] {
		t.Logf("| year | origins | %s h=1, raw 90 %% | calibrated | h=5, raw | calibrated | h=21, raw | calibrated |", m)
		for year := 1990; year < 2100; year++ {
			if all[place{m, 1}].counts[year] < 100 {
				continue
			}
			line := fmt.Sprintf("| %d | %.0f |", year, all[place{m, 1}].counts[year])
			for _, h := range horizons {
				a := all[place{m, h}]
				line += fmt.Sprintf(" %.3f | %.3f |", a.yearsRaw[year]/a.counts[year], a.years[year]/a.counts[year])
			}
			t.Log(line)
		}
	}
}
