package quality

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestTmpGap(t *testing.T) {
	type stat struct{ zl, zv, zq float64 }
	stats := func(a, b []etf.Bar, gap int) (stat, bool) {
		a, b = a[max(0, len(a)-60):], b[:min(60, len(b))]
		sizes := func(x []etf.Bar) (out []float64) {
			for i := 1; i < len(x); i++ {
				out = append(out, math.Abs(math.Log(x[i].Close.Float()/x[i-1].Close.Float())))
			}
			return
		}
		vols := func(x []etf.Bar) (out []float64) {
			for i := range x {
				if x[i].Volume > 0 {
					out = append(out, math.Log(x[i].Volume.Float()))
				}
			}
			return
		}
		s1, s2 := max(spread(sizes(a)), .0005), max(spread(sizes(b)), .0005)
		v1, v2 := vols(a), vols(b)
		if len(v1) == 0 || len(v2) == 0 {
			return stat{}, false
		}
		sg := math.Sqrt((s1*s1 + s2*s2) / 2)
		return stat{math.Abs(math.Log(b[0].Close.Float()/a[len(a)-1].Close.Float())) / (sg * math.Sqrt(float64(gap))), math.Log(s2 / s1), median(v2) - median(v1)}, true
	}
	random := newRandom(3)
	var files [][]etf.Bar
	var names []string
	for _, f := range realFiles {
		if strings.HasPrefix(f.path, "defects/") || f.exchange != etf.XNYS {
			continue
		}
		b, _ := realBars(t, f.path)
		files = append(files, b)
		names = append(names, f.path)
	}
	show := func(name string, list []stat) {
		for _, p := range []struct {
			n string
			f func(stat) float64
		}{{"level", func(s stat) float64 { return s.zl }}, {"vol", func(s stat) float64 { return math.Abs(s.zv) }}, {"volume", func(s stat) float64 { return math.Abs(s.zq) }},
			{"score", func(s stat) float64 { return s.zl*s.zl/4 + s.zv*s.zv/.25 + s.zq*s.zq/.36 }}} {
			var x []float64
			for _, s := range list {
				x = append(x, p.f(s))
			}
			slices.Sort(x)
			out := ""
			for _, q := range []float64{.02, .05, .1, .25, .5, .75, .9, .95, .99, .999} {
				out += fmt.Sprintf(" %.3f:%.2f", q, x[int(q*float64(len(x)-1))])
			}
			t.Log(name, p.n, out)
		}
	}
	for _, gap := range []int{21, 60, 250, 750} {
		var same, other []stat
		for range 4000 {
			i := random.IntN(len(files))
			if strings.Contains(names[i], "IJH") || names[i] == "alphavantage/IWM.csv" {
				continue
			}
			f := files[i]
			n := 20 + random.IntN(200)
			at := n + random.IntN(len(f)-2*n-gap)
			if s, ok := stats(f[at-n:at], f[at+gap:at+gap+n], gap); ok {
				same = append(same, s)
			}
			j := random.IntN(len(files))
			if strings.HasSuffix(names[i], strings.Split(names[j], "/")[1]) {
				continue
			}
			g := files[j]
			bt := n + random.IntN(len(g)-2*n)
			if s, ok := stats(f[at-n:at], g[bt:bt+n], gap); ok {
				other = append(other, s)
			}
		}
		show(fmt.Sprint("same ", gap), same)
		show(fmt.Sprint("other ", gap), other)
	}
}
