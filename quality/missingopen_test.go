package quality

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// Old rows without an open are kept, with a warning; a single open of 0 is an error, in the new session above all.
func TestRowsWithoutAnOpen(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, x etf.Exchange, bars []etf.Bar) {
		n := len(bars)
		for _, c := range []struct {
			name  string
			zero  func(i int) bool
			kept  bool
			least int
		}{
			{"the oldest half", func(i int) bool { return i < n/2 }, true, 30},
			{"the oldest half but for a few", func(i int) bool { return i < n/2 && i%15 != 7 }, true, 30},
			{"all", func(int) bool { return true }, true, 10},
			{"a few of the oldest", func(i int) bool { return i < 4 }, false, 10},
			{"the newest", func(i int) bool { return i == n-1 }, false, 10},
			{"the newest half", func(i int) bool { return i >= n/2 }, false, 10},
			{"here and there", func(i int) bool { return i%7 == 3 }, false, 10},
		} {
			if n < c.least {
				continue
			}
			in := first(x, append([]etf.Bar(nil), bars...))
			for i := range in.Bars {
				if c.zero(i) {
					in.Bars[i].Open = 0
				}
			}
			r := check(t, in)
			consistent(t, in, r)
			rule := ruleMissingOpen
			if !c.kept {
				rule = ruleNonPositive
			}
			for i, v := range r.Verdicts {
				if want := !c.zero(i) || c.kept; (v == etf.VerdictKeep) != want {
					t.Fatalf("%s: row %d has verdict %d: %q", c.name, i, v, summary(r))
				}
			}
			if len(r.Findings) == 0 || r.Findings[0].Rule != rule {
				t.Errorf("%s: %q", c.name, summary(r))
			}
		}
	})
}

// The next update of a series without opens repeats no warning for the rows it already has.
func TestRowsWithoutAnOpenInUpdates(t *testing.T) {
	t.Parallel()
	in := sound(t)
	for i := range in.Bars {
		in.Bars[i].Open = 0
	}
	overlap(&in, 10)
	r := check(t, in)
	if got := summary(r); len(got) != 1 || got[0] != "missing_open warning 2025-09-26" || r.Verdicts[9] != etf.VerdictKeep {
		t.Errorf("%q, verdicts %v", got, r.Verdicts)
	}
}
