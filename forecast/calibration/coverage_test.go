package calibration_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var records = flag.Int("records", 4, "simulated series for each truth")

func TestCoverageOnSimulatedTruth(t *testing.T) {
	const first, warm, origins = 250, 500, 750
	cells, within2, worst := 0, 0, 0.0
	for k, truth := range truths {
		type agg struct {
			raw, cal        [4]float64
			se              [4]float64
			rw, cw, rs, cs  float64
			n, ok           int
			worst           float64
			spread, rspread float64
		}
		sums := map[place]*agg{}
		for rec := range *records {
			r := rand.New(rand.NewPCG(uint64(k), uint64(rec)))
			p := newPath(truth.make(r, warm+origins+21))
			raw, cal, _ := replay(p, raws, first, warm, warm+origins)
			for at, c := range cal {
				a := sums[at]
				if a == nil {
					a = &agg{}
					sums[at] = a
				}
				a.n++
				for l := range nominal {
					a.raw[l] += mean(raw[at].inside[l])
					a.cal[l] += mean(c.inside[l])
					z := math.Abs(mean(c.inside[l])-nominal[l]) / hac(c.inside[l], at.horizon)
					cells++
					if z <= 2 {
						within2++
						a.ok++
					}
					a.worst = max(a.worst, z)
					worst = max(worst, z)
				}
				a.rw += raw[at].width
				a.cw += c.width
				a.rs += raw[at].score
				a.cs += c.score
				tr := c.terciles(2)
				a.spread += max(tr[0], tr[1], tr[2]) - min(tr[0], tr[1], tr[2])
				tr = raw[at].terciles(2)
				a.rspread += max(tr[0], tr[1], tr[2]) - min(tr[0], tr[1], tr[2])
			}
		}
		for _, m := range raws {
			for _, h := range horizons {
				a := sums[place{m, h}]
				n := float64(a.n)
				line := fmt.Sprintf("%-18s %-8s %2d raw", truth.name, m, h)
				for l := range nominal {
					line += fmt.Sprintf(" %.3f", a.raw[l]/n)
				}
				line += " cal"
				for l := range nominal {
					line += fmt.Sprintf(" %.3f", a.cal[l]/n)
				}
				line += fmt.Sprintf(" ok %.2f worst %.1f width %.3f winkler %.3f spread %.3f->%.3f", float64(a.ok)/n/4, a.worst, a.cw/a.rw, a.cs/a.rs, a.rspread/n, a.spread/n)
				t.Log(line)
			}
		}
	}
	t.Logf("cells %d within2 %.3f worst %.2f", cells, float64(within2)/float64(cells), worst)
}
