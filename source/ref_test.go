package source

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]Ref{
		"":                           {"", map[string]string{}},
		"SPY.csv":                    {"SPY.csv", map[string]string{}},
		"SPY.csv?":                   {"SPY.csv", map[string]string{}},
		"?a=1":                       {"", map[string]string{"a": "1"}},
		"a/b c.csv?a=x,y=z:1@2&b=?%": {"a/b c.csv", map[string]string{"a": "x,y=z:1@2", "b": "?%"}},
	} {
		got, err := ParseRef(ref, "a", "b")
		if err != nil || got.Name != want.Name || !maps.Equal(got.Options, want.Options) {
			t.Errorf("%q is %v, %v; want %v", ref, got, err, want)
		}
	}
	for _, ref := range []string{"x?c=1", "x?a", "x?a=", "x?a=1&a=2", "x?a=1&", "x?" + strings.Repeat("k", 100) + "=1"} {
		if got, err := ParseRef(ref, "a", "b"); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%q is %v, %v; want an error of KindInvalid", ref, got, err)
		}
	}
	if _, err := ParseRef("SPY?a=1"); err == nil || !strings.Contains(err.Error(), "takes no options") {
		t.Errorf("without options: %v", err)
	}
}

func TestClosedWindow(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	day := etf.MustSession
	for _, c := range []struct {
		name     string
		asOf     time.Time
		from, to etf.Session
		want     etf.Session
	}{
		{"one minute before the close", time.Date(2025, 9, 26, 19, 59, 0, 0, time.UTC), day("2025-09-01"), day("2025-09-26"), day("2025-09-25")},
		{"one minute after the close", time.Date(2025, 9, 26, 20, 1, 0, 0, time.UTC), day("2025-09-01"), day("2025-09-26"), day("2025-09-26")},
		{"a window in the past", time.Date(2025, 9, 26, 20, 1, 0, 0, time.UTC), day("2025-09-01"), day("2025-09-10"), day("2025-09-10")},
		{"no end", time.Date(2025, 9, 28, 0, 0, 0, 0, time.UTC), 0, 0, day("2025-09-26")},
	} {
		w, err := ClosedWindow(cal, etf.Query{Window: etf.Window{From: c.from, To: c.to}, AsOf: c.asOf})
		if err != nil || w.From != c.from || w.To != c.want {
			t.Errorf("%s: %s to %s, %v; want to %s", c.name, w.From, w.To, err, c.want)
		}
	}
	if _, err := ClosedWindow(cal, etf.Query{}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("no as-of time: %v", err)
	}
}
