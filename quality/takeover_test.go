package quality

import (
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// wholeHistory makes the input a whole history whose rows up to the last but one are stored.
func wholeHistory(in *Input) {
	in.Initial, in.Whole, in.Basis = false, true, etf.TotalAdjusted
	in.Known = stored(slices.Clone(in.Bars[:len(in.Bars)-1]), in.Basis)
	in.Source, in.Sources = "file", []etf.SourceRef{{Name: "file"}}
	setSource(in.Known, "file")
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		change           func(in *Input)
		want             []string
		takeOver         bool
		removed, lost    int
		keep, quarantine int
	}{
		{"nothing has changed", func(in *Input) {}, []string{}, true, 0, 0, 120, 0},
		{"restated by one factor", func(in *Input) { scalePricesOnly(in.Bars[:119], .994) },
			[]string{"restated_series info 2025-09-25"}, true, 119, 0, 120, 0},
		{"restated by three", func(in *Input) {
			scalePricesOnly(in.Bars[:110], .994)
			scalePricesOnly(in.Bars[:70], .991)
			scalePricesOnly(in.Bars[:20], .995)
		}, []string{"restated_series info 2025-09-12"}, true, 110, 0, 120, 0},
		{"one close corrected", func(in *Input) { scalePricesOnly(in.Bars[50:51], 1.001) },
			[]string{"revised_bar info 2025-06-18"}, true, 1, 0, 120, 0},
		{"cut to the last 30 rows", func(in *Input) { scalePricesOnly(in.Bars[:119], .994); in.Bars = in.Bars[90:] },
			[]string{"restated_series error 2025-09-26"}, false, 119, 90, 0, 1},
		{"cut, the level as stored", func(in *Input) { in.Bars = in.Bars[90:] }, []string{}, true, 0, 0, 30, 0},
		{"a window that moves on", func(in *Input) { scalePricesOnly(in.Bars[:119], .994); in.Bars = in.Bars[5:] },
			[]string{"restated_series warning 2025-09-25"}, true, 119, 5, 115, 0},
		{"cut, but the rest is before the listing", func(in *Input) {
			scalePricesOnly(in.Bars[:119], .994)
			in.Bars = in.Bars[90:]
			in.Listed = in.Bars[0].Session
		}, []string{"restated_series info 2025-09-25"}, true, 29, 0, 30, 0},
		{"a hole that another source has filled", func(in *Input) {
			in.Bars = append(in.Bars[:40:40], in.Bars[41:]...)
			in.Known[40].Source = "yahoo"
		}, []string{}, true, 0, 0, 119, 0},
		{"a hole in a restated series", func(in *Input) {
			scalePricesOnly(in.Bars[:119], .994)
			in.Bars = append(in.Bars[:40:40], in.Bars[41:]...)
		}, []string{"restated_series warning 2025-09-25"}, true, 119, 1, 119, 0},
		{"a bad row, the level as stored: the stored bar stays", func(in *Input) { in.Bars[50].High, in.Bars[50].Low = in.Bars[50].Low/2, in.Bars[50].High*2 },
			[]string{"ohlc_order error 2025-06-18"}, true, 0, 0, 119, 1},
		{"a bad row in a restated series: it waits for a decision", func(in *Input) {
			scalePricesOnly(in.Bars[:119], .994)
			in.Bars[50].High, in.Bars[50].Low = in.Bars[50].Low/2, in.Bars[50].High*2
		}, []string{"ohlc_order error 2025-06-18", "restated_series warning 2025-09-25"}, true, 119, 1, 119, 1},
		{"no row can be used", func(in *Input) {
			for i := range in.Bars {
				in.Bars[i].High, in.Bars[i].Low = in.Bars[i].Low/2, in.Bars[i].High*2
			}
		}, []string{"ohlc_order error 2025-09-26", "ohlc_order error 2025-04-07..2025-09-25 (119)"}, false, 119, 119, 0, 120},
		{"a run of an earlier session", func(in *Input) {
			scalePricesOnly(in.Bars[:119], .994)
			in.Bars = in.Bars[:110]
			in.Session = in.Bars[109].Session
		}, []string{"restated_series error 2025-09-12"}, false, 119, 9, 0, 1},
		{"a person's value, the level as stored", func(in *Input) {
			in.Known[50].Source = etf.SourcePerson
			scalePricesOnly(in.Bars[50:51], 1.02)
		}, nil, true, 0, 0, 119, 0},
		{"a person's value in a restated series", func(in *Input) {
			in.Known[50].Source = etf.SourcePerson
			scalePricesOnly(in.Bars[:119], .994)
		}, []string{"source_difference warning 2025-06-18", "restated_series info 2025-09-25"}, true, 119, 0, 120, 0},
		{"from a less preferred source: it fills", func(in *Input) {
			in.Sources = []etf.SourceRef{{Name: "yahoo"}, {Name: "file"}}
			setSource(in.Known, "yahoo")
			scalePricesOnly(in.Bars[50:51], 1.02)
		}, []string{"source_difference warning 2025-06-18"}, false, 0, 0, 1, 0},
		{"from a source that is preferred now", func(in *Input) {
			in.Sources = []etf.SourceRef{{Name: "file"}, {Name: "yahoo"}}
			setSource(in.Known, "yahoo")
			scalePricesOnly(in.Bars[50:51], 1.02)
		}, []string{"revised_bar info 2025-06-18"}, true, 1, 0, 120, 0},
		{"empty", func(in *Input) { in.Bars = nil }, []string{"missing_session warning 2025-09-26"}, false, 119, 119, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := sound(t)
			wholeHistory(&in)
			c.change(&in)
			r := check(t, in)
			if got := summary(r); !slices.Equal(got, c.want) || r.TakeOver != c.takeOver {
				for _, f := range r.Findings {
					t.Log(f.Rule, f.Severity, f.Evidence)
				}
				t.Errorf("take-over %v, findings\n got %q\nwant %q", r.TakeOver, got, c.want)
			}
			if k, q, _ := tally(r.Verdicts); k != c.keep || q != c.quarantine {
				t.Errorf("%d rows kept, %d quarantined; want %d, %d", k, q, c.keep, c.quarantine)
			}
			if !c.takeOver {
				return
			}
			known := slices.DeleteFunc(slices.Clone(in.Known), func(k etf.StoredBar) bool { return k.Session < in.Listed })
			p := PlanTakeOver(in.Exchange, in.Bars, r.Verdicts, known)
			if len(p.Remove) != c.removed || p.Lost != c.lost || p.Later != 0 {
				t.Errorf("the plan removes %d and loses %d, %d of them later ones; want %d, %d", len(p.Remove), p.Lost, p.Later, c.removed, c.lost)
			}
		})
	}
}

// What was quarantined on the old level goes too, and a quarantined bar whose numbers pass now is freed.
func TestTakeOverOfQuarantinedBars(t *testing.T) {
	t.Parallel()
	in := sound(t)
	wholeHistory(&in)
	for _, i := range []int{10, 20, 30} {
		in.Known[i].Quarantined = true
	}
	in.Known[20].Close *= 3
	bars := slices.Delete(slices.Clone(in.Bars), 30, 31)
	p := PlanTakeOver(in.Exchange, bars, make([]etf.Verdict, len(bars)), in.Known)
	if want := []etf.Session{in.Known[10].Session, in.Known[20].Session}; !slices.Equal(p.Remove, want) || p.Replaced != 2 || p.Lost != 0 {
		t.Errorf("got %+v, want %v removed", p, want)
	}
}

func TestRestatedAsksForTheWholeHistory(t *testing.T) {
	t.Parallel()
	in := sound(t)
	overlap(&in, 16)
	in.Basis = etf.SplitAdjusted
	for i := range in.Known {
		in.Known[i].Basis = in.Basis
	}
	scalePricesOnly(in.Bars, .994)
	r := check(t, in)
	if !r.Restated || r.TakeOver {
		t.Errorf("restated %v, take-over %v", r.Restated, r.TakeOver)
	}
	if !strings.Contains(r.Findings[0].Evidence, "`etfcast etf refetch SIM`") {
		t.Errorf("the evidence names no remedy: %s", r.Findings[0].Evidence)
	}
	in.Known = in.Known[60:] // nothing older is stored
	if r := check(t, in); r.Restated {
		t.Error("the response covers everything stored, and asks for more")
	}
}

// Only what distributions or a split explain is replaced without asking.
func TestPlausibleRestatements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		factor float64
		basis  etf.Basis
		want   bool
	}{
		{.994, etf.TotalAdjusted, true}, {.994, etf.BasisUnknown, true}, {.994, etf.AsTraded, false}, {1.006, etf.TotalAdjusted, true},
		{.5, etf.SplitAdjusted, true}, {.1 * .97, etf.TotalAdjusted, true}, {20, etf.SplitAdjusted, true},
		{100, etf.SplitAdjusted, false}, {.01, etf.BasisUnknown, false}, {1000, etf.SplitAdjusted, false}, {.5, etf.AsTraded, false},
	} {
		in := sound(t)
		in.Basis = c.basis
		overlap(&in, 16)
		for i := range in.Known {
			in.Known[i].Basis = in.Basis
		}
		scalePricesOnly(in.Bars, c.factor)
		r := check(t, in)
		if r.Restated != c.want || !r.QuarantinedNew {
			t.Errorf("%s times %g: restated %v, want %v; %q", c.basis, c.factor, r.Restated, c.want, summary(r))
		}
	}
}

// A response in another currency is off by the exchange rate, which moves.
func TestOtherCurrency(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{.9, 1.1, 1350, .75} {
		in := sound(t)
		overlap(&in, 16)
		r := newRandom(3)
		for i := range in.Bars {
			rate *= 1 + .004*r.NormFloat64()
			scalePricesOnly(in.Bars[i:i+1], rate)
		}
		if rep := check(t, in); rep.Restated || !rep.QuarantinedNew || rep.Findings[0].Rule != ruleRestated {
			t.Errorf("at the rate %g: %q", rate, summary(rep))
		}
	}
}
