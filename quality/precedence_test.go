package quality

import (
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// failover makes the input the response of the second source: the last n rows, of which all but the newest are stored from
// the first one.
func failover(in *Input, n int) {
	overlap(in, n)
	in.Source, in.Sources = "file", []etf.SourceRef{{Name: "yahoo"}, {Name: "file"}}
	setSource(in.Known, "yahoo")
}

func setSource(bars []etf.StoredBar, source string) {
	for i := range bars {
		bars[i].Source = source
	}
}

func tally(verdicts []etf.Verdict) (keep, quarantine, drop int) {
	for _, v := range verdicts {
		switch v {
		case etf.VerdictKeep:
			keep++
		case etf.VerdictQuarantine:
			quarantine++
		case etf.VerdictDrop:
			drop++
		}
	}
	return keep, quarantine, drop
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                   string
		change                 func(in *Input)
		want                   []string
		keep, quarantine, drop int
	}{
		{"the fallback agrees: it fills the new session", func(in *Input) { failover(in, 16) }, []string{}, 1, 0, 15},
		{"it differs by a cent", func(in *Input) { failover(in, 16); scalePricesOnly(in.Bars[3:4], 1.0001) }, []string{}, 1, 0, 15},
		{"it differs on two sessions", func(in *Input) { failover(in, 16); scalePricesOnly(in.Bars[3:5], 1.01) },
			[]string{"source_difference warning 2025-09-10..2025-09-11 (2)"}, 1, 0, 15},
		{"volumes differ, as they always do", func(in *Input) {
			failover(in, 16)
			for i := range in.Bars {
				in.Bars[i].Volume += etf.Shares(12345)
			}
		}, []string{}, 1, 0, 15},
		{"opens of another venue", func(in *Input) {
			failover(in, 16)
			for i := range in.Bars {
				b := &in.Bars[i]
				b.Open = (b.Open + b.Low) / 2
			}
		}, []string{}, 1, 0, 15},
		{"it has no opens", func(in *Input) {
			failover(in, 16)
			for i := range 15 {
				in.Bars[i].Open = 0
			}
		}, []string{}, 1, 0, 15},
		{"it is on another level", func(in *Input) { failover(in, 16); scalePricesOnly(in.Bars, .97) },
			[]string{"source_difference error 2025-09-26", "source_difference warning 2025-09-05..2025-09-25 (15)"}, 0, 1, 15},
		{"the preferred source is back: it replaces the filled session", func(in *Input) {
			failover(in, 16)
			in.Source = "yahoo"
			in.Known[len(in.Known)-1].Source = "file"
			scalePricesOnly(in.Bars[14:15], 1.001)
		}, []string{"revised_bar info 2025-09-25"}, 16, 0, 0},
		{"the fallback once more: its own row it may revise", func(in *Input) {
			failover(in, 16)
			in.Known[len(in.Known)-1].Source = "file"
			scalePricesOnly(in.Bars[14:15], 1.001)
		}, []string{"revised_bar info 2025-09-25"}, 2, 0, 14},
		{"the stored source is no longer listed", func(in *Input) {
			failover(in, 16)
			in.Sources = in.Sources[1:]
			scalePricesOnly(in.Bars[3:4], 1.01)
		}, []string{"revised_bar info 2025-09-10"}, 16, 0, 0},
		{"a person's value", func(in *Input) {
			overlap(in, 16)
			in.Source, in.Sources = "yahoo", []etf.SourceRef{{Name: "yahoo"}}
			setSource(in.Known, "yahoo")
			in.Known[len(in.Known)-4].Source = etf.SourcePerson
			scalePricesOnly(in.Bars[11:12], 1.02)
		}, nil, 15, 0, 1},
		{"a spike of the fallback is judged by the preferred source's rows", func(in *Input) {
			failover(in, 16)
			scalePricesOnly(in.Bars[15:], 0.01)
		}, []string{"unit_change error 2025-09-26"}, 0, 1, 15},
		{"nothing is known of the stored source", func(in *Input) {
			failover(in, 16)
			setSource(in.Known, "")
			scalePricesOnly(in.Bars[3:4], 1.01)
		}, []string{"revised_bar info 2025-09-10"}, 16, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := sound(t)
			c.change(&in)
			r := check(t, in)
			if got := summary(r); !slices.Equal(got, c.want) {
				for _, f := range r.Findings {
					t.Log(f.Rule, f.Severity, f.Evidence)
				}
				t.Errorf("findings\n got %q\nwant %q", got, c.want)
			}
			if k, q, d := tally(r.Verdicts); k != c.keep || q != c.quarantine || d != c.drop {
				t.Errorf("%d rows kept, %d quarantined, %d dropped; want %d, %d, %d", k, q, d, c.keep, c.quarantine, c.drop)
			}
		})
	}
}

func TestDifferenceShowsBothValuesAndSources(t *testing.T) {
	t.Parallel()
	in := sound(t)
	failover(&in, 16)
	scalePricesOnly(in.Bars[3:4], 1.01)
	f := check(t, in).Findings[0]
	for _, want := range []string{"from file", "from yahoo", in.Bars[3].Close.String(), in.Known[63].Close.String()} {
		if !strings.Contains(f.Evidence, want) {
			t.Errorf("the evidence lacks %q: %s", want, f.Evidence)
		}
	}
}

func TestListingDate(t *testing.T) {
	t.Parallel()
	in := sound(t)
	scalePrices(in.Bars[:40], 7, 1)
	in.Bars = append(in.Bars[:30:30], in.Bars[40:]...) // a gap between two securities
	in.Listed = in.Bars[30].Session
	r := check(t, in)
	if got := summary(r); !slices.Equal(got, []string{"before_listing info " + in.Bars[29].Session.String()}) {
		t.Errorf("findings %q", got)
	}
	if k, q, d := tally(r.Verdicts); k != 80 || q != 0 || d != 30 {
		t.Errorf("%d rows kept, %d quarantined, %d dropped", k, q, d)
	}
	// A later update is judged without the stored rows before it.
	in = sound(t)
	daily(&in, 10)
	for i := range in.Known[:50] {
		in.Known[i].Close /= 10
	}
	in.Listed = in.Known[50].Session
	if r := check(t, in); len(r.Findings) != 0 {
		t.Errorf("findings %q", summary(r))
	}
}

func TestDelistingDate(t *testing.T) {
	t.Parallel()
	in := sound(t)
	scalePrices(in.Bars[100:], 7, 1) // the symbol is another security's from there on
	in.Delisted = in.Bars[99].Session
	in.Session = in.Delisted
	r := check(t, in)
	if got := summary(r); !slices.Equal(got, []string{"after_delisting info " + in.Bars[100].Session.String()}) {
		t.Errorf("findings %q", got)
	}
	if k, q, d := tally(r.Verdicts); k != 100 || q != 0 || d != 20 {
		t.Errorf("%d rows kept, %d quarantined, %d dropped", k, q, d)
	}
}
