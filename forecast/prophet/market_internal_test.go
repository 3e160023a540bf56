package prophet

import (
	"math"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// week returns n rows on the given weekdays.
func week(n int, days ...int) []Stamp {
	keep := map[int]bool{}
	for _, d := range days {
		keep[d] = true
	}
	var out []Stamp
	for s := DateOf(2020, 1, 1); len(out) < n; s += Day {
		if keep[int(s.Weekday())] {
			out = append(out, s)
		}
	}
	return out
}

// The basis is orthonormal, its effect on unobserved days is 0, and it has as many columns as coefficients minus the
// conditions of the unobserved days.
func TestWeekdayBasis(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ds    []Stamp
		order int
		rank  int
	}{
		{"Monday to Friday, order 3", week(250, 1, 2, 3, 4, 5), 3, 4}, // six columns, two conditions
		{"Monday to Friday, order 2", week(250, 1, 2, 3, 4, 5), 2, 2},
		{"Monday to Friday, order 1", week(250, 1, 2, 3, 4, 5), 1, 0},
		{"Monday to Saturday", week(250, 1, 2, 3, 4, 5, 6), 3, 5},
		{"Sunday to Thursday", week(250, 0, 1, 2, 3, 4), 3, 4},
		{"Mondays and Thursdays", week(100, 1, 4), 3, 1},
		{"order 10: harmonics repeat every 7", week(250, 1, 2, 3, 4, 5), 10, 18},
		{"two Saturday rows in 1000", append(week(998, 1, 2, 3, 4, 5), week(2, 6)...), 3, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			basis, err := weekdayBasis(c.ds, c.order)
			if err != nil {
				t.Fatal(err)
			}
			if len(basis) != 2*c.order {
				t.Fatalf("%d rows, want %d", len(basis), 2*c.order)
			}
			rank := len(basis[0])
			if rank != c.rank {
				t.Errorf("%d columns, want %d", rank, c.rank)
			}
			for a := range rank {
				for b := range rank {
					var dot float64
					for i := range basis {
						dot += basis[i][a] * basis[i][b]
					}
					want := 0.0
					if a == b {
						want = 1
					}
					if math.Abs(dot-want) > 1e-12 {
						t.Errorf("columns %d and %d: product %v, want %v", a, b, dot, want)
					}
				}
			}
			seen := map[int]int{}
			for _, s := range c.ds {
				seen[int(s.Weekday())]++
			}
			for day := range Stamp(7) {
				s := DateOf(2024, 1, 7) + day*Day // 2024-01-07 was a Sunday
				rare := float64(seen[int(s.Weekday())]) < minWeekdayShare*float64(len(c.ds))
				var most float64
				for j := range rank {
					var effect float64
					for n := 1; n <= c.order; n++ {
						sin, cos := fourierTerm(s, 7, n)
						effect += sin*basis[2*n-2][j] + cos*basis[2*n-1][j]
					}
					most = max(most, math.Abs(effect))
				}
				if rare && most > 1e-9 {
					t.Errorf("%s is never observed, but has an effect of %v", s.Weekday(), most)
				}
				if !rare && rank >= 4 && most < 1e-3 {
					t.Errorf("%s is observed, but can have no effect", s.Weekday())
				}
			}
		})
	}
	if basis, err := weekdayBasis(week(70, 0, 1, 2, 3, 4, 5, 6), 3); basis != nil || err != nil {
		t.Errorf("all seven days: %v, %v; want nothing to reduce", basis, err)
	}
	if _, err := weekdayBasis([]Stamp{0, Hour}, 3); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("a time of day: %v, want a refusal", err)
	}
}

// shrink projects and expand embeds: expand after shrink is the identity on the span of the basis.
func TestReduction(t *testing.T) {
	t.Parallel()
	basis, err := weekdayBasis(week(250, 1, 2, 3, 4, 5), 3)
	if err != nil {
		t.Fatal(err)
	}
	r := &reduction{at: 2, width: 6, basis: basis}
	small := []float64{1, 2, 0.5, -1, 2, 3, 9}
	full := r.expand(small)
	if len(full) != 9 {
		t.Fatalf("%d coefficients, want 9", len(full))
	}
	close2(t, "shrink(expand)", r.shrink(full), small, 1e-12)
	ds := week(20, 1, 2, 3, 4, 5)
	l := layout{seasons: []Seasonality{{Name: "monthly", Period: 30, FourierOrder: 1}, {Name: "weekly", Period: 7, FourierOrder: 3}}, columns: make([]column, 9)}
	l.regs = []FittedRegressor{{}}
	x := l.features(&rows{ds: ds, regressors: [][]float64{make([]float64, len(ds))}}, holidayTable{})
	cols, xr := r.apply(l.columns, x)
	if len(cols) != 7 || len(xr) != 7 {
		t.Fatalf("%d columns, want 7", len(xr))
	}
	for i := range ds {
		var a, b float64
		for j, v := range small {
			a += v * xr[j][i]
		}
		for j, v := range full {
			b += v * x[j][i]
		}
		if math.Abs(a-b) > 1e-12 {
			t.Errorf("row %d: %v with the reduced columns, %v with all", i, a, b)
		}
	}
	none := &reduction{}
	close2(t, "nothing to reduce", none.expand(none.shrink(small)), small, 0)
}

// The session clock: Thanksgiving 2025 fell on Thursday November 27; the next day was a session.
func TestSessionClock(t *testing.T) {
	t.Parallel()
	k := Market{Exchange: "XNYS", SessionTime: true}
	c, err := newClock(k, DateOf(2025, 11, 3), DateOf(2025, 11, 28))
	if err != nil {
		t.Fatal(err)
	}
	// Sessions are numbered from November 3 (number 0), 5 a week; November 28 is number 18.
	for _, w := range []struct {
		date Stamp
		n    float64
	}{
		{DateOf(2025, 11, 3), 0}, {DateOf(2025, 11, 7), 4}, {DateOf(2025, 11, 8), 4}, {DateOf(2025, 11, 9), 4}, {DateOf(2025, 11, 10), 5},
		{DateOf(2025, 11, 26), 17}, {DateOf(2025, 11, 27), 17}, {DateOf(2025, 11, 28), 18}, {DateOf(2025, 12, 1), 19}, {DateOf(2025, 10, 31), -1},
		{DateOf(2025, 11, 10) + 15*Hour, 5},
	} {
		out := make([]float64, 1)
		if err := c.write(out, []Stamp{w.date}); err != nil {
			t.Fatal(err)
		}
		if math.Abs(out[0]-w.n/18) > 1e-15 {
			t.Errorf("%s: %v, want %v", w.date, out[0], w.n/18)
		}
	}
	if _, err := newClock(k, DateOf(2025, 11, 8), DateOf(2025, 11, 9)); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("a weekend: %v, want a refusal", err)
	}
	if _, err := newClock(k, DateOf(1950, 1, 3), DateOf(2025, 11, 9)); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("before the calendar: %v, want a refusal", err)
	}
	if err := c.write(make([]float64, 1), []Stamp{DateOf(2060, 1, 1)}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("after the calendar: %v, want a refusal", err)
	}
	even, err := newClock(Market{}, 0, 10*Day)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 3)
	if err := even.write(out, []Stamp{0, 5 * Day, 11*Day + 12*Hour}); err != nil {
		t.Fatal(err)
	}
	close2(t, "even clock", out, []float64{0, 0.5, 1.15}, 1e-15)
}
