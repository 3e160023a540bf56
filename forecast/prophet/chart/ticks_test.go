package chart

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/vg"

	"github.com/etfcast/etfcast/forecast/prophet"
)

func labels(ticks []tick) []string {
	out := make([]string, len(ticks))
	for i, t := range ticks {
		out[i] = t.label
	}
	return out
}

// wide is a horizontal axis 650 points wide, as in the default figure.
func wide(lo, hi float64) *plane {
	return &plane{panel: new(panel), x0: 50, x1: 700, xLo: lo, xHi: hi}
}

// Expected labels are read off a calendar: whole years, months, Mondays, days or hours between the ends, at the smallest
// distance at which at most 12 ticks fit side by side.
func TestDateTicks(t *testing.T) {
	t.Parallel()
	at := func(text string) prophet.Stamp {
		s, err := prophet.ParseStamp(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct{ from, to, want string }{
		{"2007-12-10", "2017-01-19", "2008 2009 2010 2011 2012 2013 2014 2015 2016 2017"},
		{"1993-01-29", "2026-10-01", "1995 2000 2005 2010 2015 2020 2025"},
		{"1700-06-01", "2100-06-01", "1750 1800 1850 1900 1950 2000 2050 2100"},
		{"2012-05-18", "2014-05-30", "2012-07 2012-10 2013-01 2013-04 2013-07 2013-10 2014-01 2014-04"},
		{"2023-01-20", "2023-10-20", "2023-02 2023-03 2023-04 2023-05 2023-06 2023-07 2023-08 2023-09 2023-10"},
		{"2023-03-01", "2023-05-20", "2023-03-06 2023-03-20 2023-04-03 2023-04-17 2023-05-01 2023-05-15"},
		{"2024-02-26", "2024-03-03", "2024-02-26 2024-02-27 2024-02-28 2024-02-29 2024-03-01 2024-03-02 2024-03-03"},
		{"2017-01-01 00:05:00", "2017-01-03 23:55:00", "01-01 12:00 01-02 00:00 01-02 12:00 01-03 00:00 01-03 12:00"},
		{"2017-01-01 09:00:10", "2017-01-01 09:01:00", "09:00:10 09:00:15 09:00:20 09:00:25 09:00:30 09:00:35 09:00:40 09:00:45 09:00:50 09:00:55 09:01:00"},
	} {
		lo, hi := float64(at(c.from)), float64(at(c.to))
		if got := strings.Join(labels(dateTicks(lo, hi, wide(lo, hi).fits)), " "); got != c.want {
			t.Errorf("%s to %s:\n got %s\nwant %s", c.from, c.to, got, c.want)
		}
	}
}

// Over any span the ticks are ascending, within the axis and not too many, and their labels are apart and distinct.
func TestDateTicksOverAnySpan(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	first, last := float64(prophet.DateOf(1678, time.January, 1)), float64(prophet.DateOf(2262, time.January, 1))
	for range 2000 {
		span := math.Exp(random.Float64() * math.Log(last-first))
		lo := first + random.Float64()*(last-first-span)
		pl := wide(lo, lo+span)
		ticks := dateTicks(pl.xLo, pl.xHi, pl.fits)
		if len(ticks) > mostTicks || !pl.fits(ticks) {
			t.Fatalf("%v from %v: %q", span, lo, labels(ticks))
		}
		if span > 1e4 && len(ticks) < 3 {
			t.Fatalf("%s, %v days: only %q", prophet.Stamp(lo), span/float64(prophet.Day), labels(ticks))
		}
		for i, k := range ticks {
			if k.at < pl.xLo || k.at > pl.xHi || i > 0 && (k.at <= ticks[i-1].at || k.label == ticks[i-1].label) {
				t.Fatalf("%v from %v: %v", span, lo, ticks)
			}
		}
	}
}

func TestNumberTicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lo, hi  float64
		n       int
		percent bool
		factor  string
		want    string
	}{
		{0, 1, 5, false, "", "0.0 0.2 0.4 0.6 0.8 1.0"},
		{0, 10, 5, false, "", "0 2 4 6 8 10"},
		{0.9, 10.3, 4, false, "", "2.5 5.0 7.5 10.0"},
		{-0.35, 0.38, 8, false, "", "−0.3 −0.2 −0.1 0.0 0.1 0.2 0.3"},
		{-1, 1, 4, false, "", "−1.0 −0.5 0.0 0.5 1.0"},
		{15, 695, 9, false, "", "100 200 300 400 500 600"},
		{6.2301e8, 6.2305e8, 5, false, "1e8", "6.2301 6.2302 6.2303 6.2304 6.2305"},
		{0, 5e-5, 5, false, "1e-5", "0 1 2 3 4 5"},
		{-0.0712, 0.031, 6, true, "", "−0.06% −0.04% −0.02% 0.00% 0.02%"},
		{0, 2e7, 2, true, "", "0% 10000000% 20000000%"},
	} {
		ticks, factor := numberTicks(c.lo, c.hi, c.n, c.percent)
		if got := strings.Join(labels(ticks), " "); got != c.want || factor != c.factor {
			t.Errorf("%v to %v: %q %q, want %q %q", c.lo, c.hi, got, factor, c.want, c.factor)
		}
	}
}

func FuzzNumberTicks(f *testing.F) {
	f.Add(0.0, 1.0, 5)
	f.Add(-1e299, 3e299, 9)
	f.Add(1e15, 1e15+1, 2)
	f.Fuzz(func(t *testing.T, lo, hi float64, n int) {
		if !(math.Abs(lo) < most && math.Abs(hi) < most && lo <= hi) {
			return // no axis asks for such a range
		}
		lo, hi = widened(lo, hi)
		if !(lo < hi) || math.IsInf(lo, 0) || math.IsInf(hi, 0) {
			t.Fatalf("range %v to %v", lo, hi)
		}
		ticks, factor := numberTicks(lo, hi, n, false)
		if len(ticks) < 1 || len(ticks) > 11 {
			t.Fatalf("%v to %v: %d ticks %q", lo, hi, len(ticks), labels(ticks))
		}
		unit := 1.0
		if factor != "" {
			unit, _ = strconv.ParseFloat(factor, 64)
		}
		for i, k := range ticks {
			v, err := strconv.ParseFloat(strings.Replace(k.label, "−", "-", 1), 64)
			if err != nil || math.Abs(v*unit-k.at) > (hi-lo)*1e-3+1e-9*math.Abs(k.at) {
				t.Fatalf("%v is labelled %q x %s", k.at, k.label, factor)
			}
			if i > 0 && k.label == ticks[i-1].label {
				t.Fatalf("%v to %v: %q twice", lo, hi, k.label)
			}
		}
	})
}

// The corners left out of a column lie between those kept: the line covers the same dots.
func TestVisibleKeepsTheOutline(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		line := make([]vg.Point, 1+random.IntN(5000))
		for i := range line {
			line[i] = vg.Point{X: vg.Length(float64(i) * 600 / 5000), Y: vg.Length(random.NormFloat64())}
		}
		type outline struct{ first, low, high, last vg.Length }
		measure := func(line []vg.Point) map[int]outline {
			out := map[int]outline{}
			for _, p := range line {
				k := int(math.Floor(float64(p.X) / resolution))
				o, ok := out[k]
				if !ok {
					o = outline{p.Y, p.Y, p.Y, p.Y}
				}
				o.low, o.high, o.last = min(o.low, p.Y), max(o.high, p.Y), p.Y
				out[k] = o
			}
			return out
		}
		kept := visible(line)
		a, b := measure(line), measure(kept)
		if len(a) != len(b) || len(kept) > 4*len(a) {
			t.Fatalf("%d columns became %d with %d corners", len(a), len(b), len(kept))
		}
		for k, o := range a {
			if b[k] != o {
				t.Fatalf("column %d: %v became %v", k, o, b[k])
			}
		}
		if !slices.IsSortedFunc(kept, func(a, b vg.Point) int {
			if a.X < b.X {
				return -1
			}
			return 1
		}) {
			t.Fatal("corners changed their order")
		}
	}
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	points := make([]vg.Point, 10_000)
	for i := range points {
		points[i] = vg.Point{X: vg.Length(random.Float64() * 600), Y: vg.Length(random.Float64() * 400)}
	}
	points = append(points, points[:500]...)
	for _, limit := range []int{20_000, 5_000, 100} {
		kept, count := distinct(points, limit)
		total := 0
		for _, n := range count {
			total += n
		}
		if len(kept) > limit || len(kept) < limit/10 || len(kept) != len(count) || total != len(points) {
			t.Errorf("limit %d: %d points that stand for %d", limit, len(kept), total)
		}
	}
	// Points at least one point apart are never merged.
	grid := []vg.Point{{X: 1, Y: 1}, {X: 2, Y: 1}, {X: 1, Y: 2}, {X: 2, Y: 2}}
	if kept, _ := distinct(grid, 20_000); len(kept) != 4 {
		t.Errorf("%d of 4 points", len(kept))
	}
}

// Cutting a line anywhere leaves the same line.
func TestCut(t *testing.T) {
	t.Parallel()
	points := []vg.Point{{X: 1, Y: 10}, {X: 2, Y: 20}, {X: 4, Y: 0}}
	for _, c := range []struct {
		x           vg.Length
		left, right []vg.Point
	}{
		{0, nil, points},
		{1, nil, points},
		{1.5, []vg.Point{{X: 1, Y: 10}, {X: 1.5, Y: 15}}, []vg.Point{{X: 1.5, Y: 15}, {X: 2, Y: 20}, {X: 4, Y: 0}}},
		{3, []vg.Point{{X: 1, Y: 10}, {X: 2, Y: 20}, {X: 3, Y: 10}}, []vg.Point{{X: 3, Y: 10}, {X: 4, Y: 0}}},
		{5, points, nil},
	} {
		left, right := cut(points, c.x)
		if !slices.Equal(left, c.left) || !slices.Equal(right, c.right) {
			t.Errorf("at %v: %v and %v, want %v and %v", c.x, left, right, c.left, c.right)
		}
	}
}
