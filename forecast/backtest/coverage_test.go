package backtest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// The values are the tests' formulas worked out by hand (Kupiec 1995; Christoffersen 1998): chi-squared with 1 degree of freedom is
// erfc(sqrt(x/2)), with 2 exp(-x/2).
func TestCoverageTests(t *testing.T) {
	t.Parallel()
	few := make([]bool, 250)
	for i := range 20 {
		few[i*12] = true
	}
	x := 2 * (230*math.Log(.92/.9) + 20*math.Log(.08/.1))
	if p, _ := coverageTests(few, .1); math.Abs(p-math.Erfc(math.Sqrt(x/2))) > 1e-12 {
		t.Errorf("Kupiec: %v", p)
	}
	pairs := make([]bool, 40) // as many misses as there should be, but two and two
	for _, i := range []int{5, 6, 20, 21} {
		pairs[i] = true
	}
	// Of 39 pairs: 33 hits after hits, 2 misses after hits, 2 hits after misses, 2 misses after misses.
	x = 2 * (33*math.Log(33./35) + 2*math.Log(2./35) + 4*math.Log(.5) - 35*math.Log(35./39) - 4*math.Log(4./39))
	kupiec, christoffersen := coverageTests(pairs, .1)
	if math.Abs(kupiec-1) > 1e-9 || math.Abs(christoffersen-math.Exp(-x/2)) > 1e-12 {
		t.Errorf("Kupiec %v, want 1; Christoffersen %v, want %v", kupiec, christoffersen, math.Exp(-x/2))
	}
	// Of many sequences with the right coverage, about one in twenty is rejected.
	r := rand.New(rand.NewPCG(1, 2))
	var rejected [2]float64
	const n = 2000
	for range n {
		misses := make([]bool, 400)
		for i := range misses {
			misses[i] = r.Float64() < .1
		}
		for k, p := range func() [2]float64 { a, b := coverageTests(misses, .1); return [2]float64{a, b} }() {
			if p < .05 {
				rejected[k] += 1. / n
			}
		}
	}
	for k, share := range rejected {
		if share < .03 || share > .075 {
			t.Errorf("test %d rejects %v", k, share)
		}
	}
}

func TestFanPlaces(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]int{1: {0}, 2: {0, 1}, 4: {0, 1, 2, 3}, 100: {24, 49, 74, 99}} {
		got := fanPlaces(n)
		if len(got) != len(want) || got[len(got)-1] != n-1 {
			t.Errorf("of %d origins, %v are drawn", n, got)
		}
	}
}

// Spans overlap by sessions: of several ETFs, origins that are not the same ones may follow each other.
func TestOverlap(t *testing.T) {
	t.Parallel()
	at := func(origins ...etf.Session) *track {
		out := &track{}
		for _, o := range origins {
			out.outcomes = append(out.outcomes, Outcome{Origin: o})
		}
		return out
	}
	for name, c := range map[string]struct {
		tracks      []*track
		every, want int
	}{
		"every session":       {[]*track{at(1, 2, 3)}, 1, 21},
		"every tenth":         {[]*track{at(1, 11, 21)}, 10, 3},
		"one begins later":    {[]*track{at(1, 11, 21), at(11, 21)}, 10, 3},
		"between each other":  {[]*track{at(1, 11, 21), at(6, 16)}, 10, 21},
		"farther than a span": {[]*track{at(1, 36)}, 35, 1},
	} {
		if got := (&cell{horizon: 21, tracks: c.tracks}).overlap(c.every); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
