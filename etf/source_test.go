package etf

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSources(t *testing.T) {
	for _, c := range []struct {
		source   string
		symbol   Symbol
		exchange Exchange
		ref      string
		waits    []time.Duration
		rate     float64
	}{
		{"yahoo", "SPY", XNYS, "SPY", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 2},
		{"yahoo", "069500", XKRX, "069500.KS", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 2},
		{"yahoo", "BRK.B", XNYS, "BRK-B", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 2},
		{"tiingo", "BRK.B", XNYS, "BRK-B", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 1},
		{"alphavantage", "SPY", XNYS, "SPY", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 0.5},
		{"eodhd", "BRK.B", XNYS, "BRK-B.US", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 5},
		{"eodhd", "069500", XKRX, "069500.KO", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 5},
		{"eodhd", "ISF", "XLON", "ISF.LSE", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 5},
		{"eodhd", "EXS1", "XETR", "EXS1.XETRA", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 5},
		{"naver", "0000J0", XKRX, "0000J0", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 2},
		{"krx", "069500", XKRX, "069500", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 0},
		{"file", "069500", XKRX, "069500.csv", nil, 0},
		{"simulated", "SIMUS1", XNYS, "SIMUS1", []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, 0},
		{"added-later", "SPY", XNYS, "SPY", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 0},
	} {
		s := Source(c.source)
		if got := s.DefaultRef(c.symbol, c.exchange); got != c.ref || s.Name != c.source || s.Rate != c.rate || !slices.Equal(s.Waits, c.waits) {
			t.Errorf("%s %s: reference %s, %+v", c.source, c.symbol, got, s)
		}
	}
}

// Every line of the table is complete, and no name appears twice.
func TestSourcesAreComplete(t *testing.T) {
	for i, s := range Sources() {
		if s.Name == "" || slices.Contains(SourceNames()[:i], s.Name) || s.Rate < 0 {
			t.Errorf("line %d: %+v", i, s)
		}
		if s.About == "" || s.Refers == "" || s.Cost == "" || s.Pitfalls == "" || !s.Basis.Valid() {
			t.Errorf("%s does not say what it is, what a reference names, what it costs, what to know before relying on it, or its basis: %+v", s.Name, s)
		}
		if _, err := time.LoadLocation(s.QuotaZone); err != nil || s.Quota < 0 || s.Depth.Rows < 0 || s.Depth.Days < 0 || s.Window < 0 {
			t.Errorf("%s has limits that can't be: %+v", s.Name, s)
		}
		if !s.Key.IsZero() && (s.Key.Variable != "ETFCAST_"+strings.ToUpper(s.Name)+"_KEY" || s.Key.From == "") {
			t.Errorf("%s does not say where its key comes from: %+v", s.Name, s.Key)
		}
		for _, wait := range s.Waits {
			if wait <= 0 || wait > 4*time.Hour {
				t.Errorf("%s waits %s", s.Name, wait)
			}
		}
		if s.DefaultRef == nil || s.DefaultRef("SPY", XNYS) == "" {
			t.Errorf("%s has no default reference", s.Name)
		}
	}
}

// A day of a quota begins at midnight in the source's zone, on days with 23 and 25 hours too.
// A plan that has more than the free one says so in the reference.
func TestDepthOf(t *testing.T) {
	for ref, want := range map[string]int{"": 364, "SPY.US": 364, "SPY.US?history=whole": 0, "VUSA.LSE?currency=GBX&history=whole": 0, "SPY.US?history=wholesale": 364, "history=whole": 364} {
		if got := Source("eodhd").DepthOf(ref); got.Days != want {
			t.Errorf("%q: %+v", ref, got)
		}
	}
	if got := Source("alphavantage").DepthOf("SPY?history=whole"); got.Rows != 100 {
		t.Errorf("a source without the option: %+v", got)
	}
}

func TestQuotaDay(t *testing.T) {
	for _, c := range []struct{ source, at, day, ends string }{
		{"eodhd", "2026-03-08T23:59:59Z", "2026-03-08", "2026-03-09T00:00:00Z"},
		{"tiingo", "2026-03-08T04:59:59Z", "2026-03-07", "2026-03-08T05:00:00Z"},
		{"tiingo", "2026-03-08T05:00:00Z", "2026-03-08", "2026-03-09T04:00:00Z"},
		{"tiingo", "2026-11-01T12:00:00Z", "2026-11-01", "2026-11-02T05:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if day, ends := Source(c.source).QuotaDay(at); day.String() != c.day || ends.UTC().Format(time.RFC3339) != c.ends {
			t.Errorf("%s at %s: %s until %s, want %s until %s", c.source, c.at, day, ends.UTC(), c.day, c.ends)
		}
	}
}

// A source on another basis than the first one's is only compared with: Naver's prices are adjusted for distributions, the exchange's are not.
func TestComparedOnly(t *testing.T) {
	for _, c := range []struct {
		sources []string
		stored  Basis
		want    []string
	}{
		{[]string{"krx", "naver"}, "", []string{"naver"}},
		{[]string{"naver", "krx", "yahoo"}, "", []string{"krx", "yahoo"}},
		{[]string{"krx", "yahoo", "file"}, "", nil}, // a file says its basis itself
		{[]string{"file", "naver"}, "", nil},        // what the series is on is not known before it is read
		{[]string{"naver"}, "", nil},
		{nil, "", nil},
		// Once prices are stored, their basis is that of the series, whatever source is first.
		{[]string{"naver", "krx", "yahoo"}, AsTraded, []string{"naver"}},
		{[]string{"file", "naver"}, AsTraded, []string{"naver"}},
		{[]string{"naver"}, AsTraded, []string{"naver"}},
		{[]string{"krx", "file"}, BasisUnknown, []string{"krx"}},
	} {
		var refs []SourceRef
		for _, name := range c.sources {
			refs = append(refs, SourceRef{Name: name, Ref: "069500"})
		}
		if got := (&ETF{Sources: refs, Basis: c.stored}).ComparedOnly(); !slices.Equal(got, c.want) {
			t.Errorf("of %v, with %q stored: %v, want %v", c.sources, c.stored, got, c.want)
		}
	}
}

// Every exchange has a time after which a provider's row is final. In Korea after-hours trading at the close ends at 16:30, an hour after
// it; elsewhere the delay of quotes, and the closing auction where it follows the close, has to have passed.
func TestSettlesAfter(t *testing.T) {
	want := map[Exchange]time.Duration{XNYS: 15 * time.Minute, XKRX: time.Hour, XLON: 45 * time.Minute, XETR: 45 * time.Minute, XTKS: 45 * time.Minute}
	for _, x := range Exchanges() {
		if got := SettlesAfter(x); got != want[x] {
			t.Errorf("%s: %v, want %v", x, got, want[x])
		}
	}
	if len(Settlings()) != len(Exchanges()) {
		t.Errorf("%d exchanges have a time, of %d", len(Settlings()), len(Exchanges()))
	}
}
